//! Fetches a token for a registry (the token specification of the distribution project): a challenge becomes a header.
//! A login is sent to the realm that the registry names, over https or on this machine, and is in no message.

use crate::challenge::Challenge;
use crate::logins::Login;
use crate::refusal;
use base64::Engine as _;
use libhttp::{Call, FetchError, Guard, Origin, Transport};
use serde::Deserialize;
use std::time::{Duration, Instant};
use ureq::Body;
use ureq::http::{HeaderValue, Method, Response, StatusCode};

/// The largest answer, in bytes. Tokens have some kB.
const LARGEST: u64 = 1 << 20;
/// The name of this client in requests for tokens.
const CLIENT: &str = "stagepipe";
/// The lifetime of a token in the specification, if the registry does not give one.
const LIFETIME: u64 = 60;
/// The longest lifetime that is believed.
const LONGEST: u64 = 3600;
/// The least time that a token must still be valid for a long body.
const MARGIN: Duration = Duration::from_secs(30);

/// A header for a registry, and the time that it is valid.
pub(crate) struct Token {
    pub header: HeaderValue,
    /// The time of the request, and its lifetime.
    term: Option<(Instant, Duration)>,
}

impl Token {
    /// A pass without a known end.
    pub fn lasting(header: HeaderValue) -> Self {
        Self { header, term: None }
    }

    /// Whether it has expired, or would expire during a long request.
    pub fn is_over(&self, is_long: bool) -> bool {
        self.term.is_some_and(|(asked, lasts)| {
            let margin = if is_long { MARGIN.min(lasts / 2) } else { Duration::ZERO };
            asked.elapsed() + margin >= lasts
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    /// Some registries send a value that is no number of seconds.
    expires_in: Option<serde_json::Value>,
}

/// A token that a registry asks for, before it is fetched.
pub(crate) struct Wanted<'a> {
    pub transport: &'a Transport,
    pub registry: &'a Origin,
    /// Whether logins may be sent to the registry's own host over http, and its certificate is not checked.
    pub insecure: bool,
    /// The registry's challenge.
    pub challenge: &'a Challenge,
    pub scopes: &'a [String],
}

impl Wanted<'_> {
    /// Fetches it from the realm that the challenge names. The inner error has the reasons of a realm that refuses the
    /// login, or wants one.
    pub fn fetch(&self, login: Option<&Login>) -> Result<Result<Token, String>, FetchError> {
        let realm = self.challenge.get("realm").unwrap_or_default();
        let refused = |what: String| FetchError::login(&self.registry.to_string(), what);
        let origin = Origin::of(realm).filter(|_| !realm.contains('#'));
        let origin =
            origin.ok_or_else(|| refused("it wants a token and names no URL to fetch one from".into()))?;
        self.check(&origin, login.is_some()).map_err(refused)?;
        let asked = Instant::now();
        let mut response = match login {
            Some(Login::Identity(secret)) => self.exchange(realm, secret)?,
            Some(Login::Password(user, password)) => {
                self.request(realm, Some(user), Some(&basic(user, password)?))?
            }
            _ => self.request(realm, None, None)?,
        };
        let identity = matches!(login, Some(Login::Identity(_)));
        let status = response.status();
        if status == StatusCode::OK {
            return read(realm, response, asked).map(Ok);
        }
        let secrets: Vec<String> = login.iter().map(|login| login.secret().to_owned()).collect();
        let reasons = refusal::reasons(&mut response, &secrets);
        let failed = format!("asked for a token, the server says {status}{reasons}");
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Err(reasons)),
            // The code of OAuth 2 for an invalid token.
            StatusCode::BAD_REQUEST if identity => Ok(Err(reasons)),
            status if status.is_server_error() => Err(FetchError::remote(realm, failed)),
            _ => Err(FetchError::refused(realm, failed)),
        }
    }

    /// Checks whether a token may be fetched from a realm: over https if the registry is asked so, without sending a
    /// login where others could read it, and from no address of a private network unless the registry is in one, too.
    fn check(&self, realm: &Origin, with_login: bool) -> Result<(), String> {
        let same = realm.host() == self.registry.host();
        let may_have_login = realm.may_have_secrets() || self.insecure && same;
        if self.registry.is_https() && !realm.is_https() || with_login && !may_have_login {
            return Err(format!(
                "it wants a token to be fetched from {realm}, over http, which others could read"
            ));
        }
        match same || !realm.is_local() || self.registry.is_local() {
            true => Ok(()),
            false => Err(format!(
                "it wants a token to be fetched from {realm}, an address of this machine or of a network that it is not in itself"
            )),
        }
    }

    fn request(
        &self,
        realm: &str,
        user: Option<&str>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response<Body>, FetchError> {
        let query = query(self.challenge, self.scopes, user);
        let url = format!("{realm}{}{query}", if realm.contains('?') { '&' } else { '?' });
        self.send(&Call { authorization, ..Call::new(Method::GET, &url, "application/json") })
    }

    /// Exchanges a token from a login for one that the registry accepts.
    fn exchange(&self, realm: &str, secret: &str) -> Result<Response<Body>, FetchError> {
        let mut fields =
            vec![("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", secret)];
        fields.extend(self.challenge.get("service").map(|service| ("service", service)));
        let scope = self.scopes.join(" ");
        fields.push(("scope", &scope));
        let form = form(&fields);
        self.send(&Call { form: Some(&form), ..Call::new(Method::POST, realm, "application/json") })
    }

    /// The same rules hold for redirects of the realm.
    fn send(&self, call: &Call) -> Result<Response<Body>, FetchError> {
        let guard = |origin: &Origin| self.check(origin, false);
        let same = Origin::of(call.url).is_some_and(|origin| origin.host() == self.registry.host());
        let (guard, unverified) = (Some(Guard(&guard)), self.insecure && same);
        Ok(self.transport.send(&Call { guard, unverified, ..call.clone() })?.response)
    }
}

/// The Authorization header of Basic authentication.
pub(super) fn basic(user: &str, password: &str) -> Result<HeaderValue, FetchError> {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    header(&format!("Basic {pair}"))
}

/// The Authorization header with a token.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, FetchError> {
    match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => header(&format!("Bearer {token}")),
        false => Err(FetchError::invalid("a token has other than letters, digits and signs; log in again")),
    }
}

fn header(text: &str) -> Result<HeaderValue, FetchError> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| FetchError::invalid("what a login shows can't be a header; log in again"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn query(challenge: &Challenge, scopes: &[String], user: Option<&str>) -> String {
    let mut fields = Vec::new();
    fields.extend(user.map(|user| ("account", user)));
    fields.push(("client_id", CLIENT));
    fields.extend(challenge.get("service").map(|service| ("service", service)));
    fields.extend(scopes.iter().map(|scope| ("scope", scope.as_str())));
    form(&fields)
}

/// `a=b&c=d`, with special characters escaped.
fn form(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    fields.join("&")
}

fn read(realm: &str, mut response: Response<Body>, asked: Instant) -> Result<Token, FetchError> {
    // The reader's error could repeat a part of the token.
    let none = || FetchError::refused(realm, "asked for a token, the server answers with something else");
    let text = response.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(|_| none())?;
    let answer: Answer = serde_json::from_slice(&text).map_err(|_| none())?;
    let token = answer.token.filter(|token| !token.is_empty()).or(answer.access_token).ok_or_else(none)?;
    let header = bearer(&token).map_err(|_| none())?;
    let seconds = answer.expires_in.and_then(|value| value.as_u64()).filter(|&seconds| seconds > 0);
    let lifetime = Duration::from_secs(seconds.unwrap_or(LIFETIME).min(LONGEST));
    Ok(Token { header, term: Some((asked, lifetime)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::parse;
    use libhttp::Environment;

    /// Why no token is fetched from `realm` for `registry`, if one is not.
    fn refusal(registry: &str, realm: &str, insecure: bool, with_login: bool) -> Option<String> {
        let transport = Transport::new(&Environment::default(), Box::new(|_| Vec::new()));
        let (registry, challenge) = (Origin::of(registry).unwrap(), Challenge::default());
        let wanted = Wanted {
            transport: &transport,
            registry: &registry,
            insecure,
            challenge: &challenge,
            scopes: &[],
        };
        wanted.check(&Origin::of(realm).unwrap(), with_login).err()
    }

    #[test]
    fn no_login_and_no_token_goes_where_others_listen() {
        for (registry, realm, insecure, with_login, may) in [
            ("https://r.example/", "http://r.example/token", false, true, false),
            ("https://r.example/", "http://r.example/token", false, false, false),
            ("https://localhost/", "http://localhost/token", false, false, false),
            ("http://localhost/", "http://192.0.2.1/token", false, true, false),
            ("http://192.0.2.1/", "http://192.0.2.1/token", false, true, false),
            ("http://192.0.2.1/", "http://192.0.2.1/token", false, false, true),
            ("http://192.0.2.1/", "http://192.0.2.1/token", true, true, true),
            ("http://192.0.2.1/", "http://192.0.2.2/token", true, true, false),
            ("https://r.example/", "https://auth.example/token", false, true, true),
        ] {
            let why = refusal(registry, realm, insecure, with_login);
            assert_eq!(why.is_none(), may, "{registry} {realm}: {why:?}");
            assert!(why.is_none_or(|why| why.contains("over http")));
        }
    }

    #[test]
    fn no_server_has_an_address_asked_that_is_not_of_its_own_network() {
        for (registry, realm, may) in [
            ("https://r.example/", "https://169.254.169.254/token", false),
            ("https://r.example/", "https://localhost/token", false),
            ("https://r.example/", "https://10.0.0.1/token", false),
            ("https://r.example/", "https://[::ffff:10.0.0.1]/token", false),
            ("https://10.0.0.2/", "https://10.0.0.1/token", true),
            ("https://r.example/", "https://192.0.2.1/token", true),
            ("https://r.example:5000/", "https://r.example/token", true),
        ] {
            let why = refusal(registry, realm, false, true);
            assert_eq!(why.is_none(), may, "{registry} {realm}: {why:?}");
        }
    }

    #[test]
    fn a_token_is_renewed_before_a_long_body_and_not_before_each() {
        let token = |left: u64, lasts: u64| Token {
            header: bearer("t").unwrap(),
            term: Some((Instant::now() - Duration::from_secs(lasts - left), Duration::from_secs(lasts))),
        };
        for (left, lasts, over, over_for_long) in [
            (60, 60, false, false),
            (20, 60, false, true),
            (9, 10, false, false),
            (4, 10, false, true),
            (0, 60, true, true),
        ] {
            let token = token(left, lasts);
            assert_eq!(
                (token.is_over(false), token.is_over(true)),
                (over, over_for_long),
                "{left} of {lasts}"
            );
        }
        let lasting = Token::lasting(bearer("t").unwrap());
        assert!(!lasting.is_over(true));
    }

    #[test]
    fn a_query_has_what_the_challenge_says_and_nothing_that_leaves_it() {
        let challenge = &parse(b"Bearer realm=\"https://h/t\",service=\"a&b c\"")[0];
        let scopes = ["repository:x/y:pull".to_owned(), "z".to_owned()];
        assert_eq!(
            query(challenge, &scopes, Some("u=1")),
            "account=u%3D1&client_id=stagepipe&service=a%26b%20c&scope=repository%3Ax%2Fy%3Apull&scope=z"
        );
        assert_eq!(query(&Challenge::default(), &[], None), "client_id=stagepipe");
    }

    #[test]
    fn a_header_shows_nothing_and_takes_no_line_end() {
        let value = basic("u", "hunter2\r\nX: y").unwrap();
        assert!(value.is_sensitive() && !format!("{value:?}").contains("aHVudGVy"), "{value:?}");
        for bad in ["", "hunter2\r\nX: y", "hunter2 ", "hünter2"] {
            assert!(!bearer(bad).unwrap_err().to_string().contains("nter2"), "{bad}");
        }
    }
}

//! Fetching a token as registries want it (the token specification of the distribution project): a challenge in,
//! a header for the registry out. A login is shown to the realm that the registry names, over https or on this
//! machine, and is in no message.

use crate::challenge::Challenge;
use crate::logins::Login;
use crate::refusal;
use base64::Engine as _;
use libhttp::{Call, FetchError, Origin, Transport};
use serde::Deserialize;
use std::time::{Duration, Instant};
use ureq::Body;
use ureq::http::{HeaderValue, Method, Response, StatusCode};

/// Tokens are some kB.
const LARGEST: u64 = 1 << 20;
/// What we are called where that is asked for.
const CLIENT: &str = "stagepipe";
/// How long a token lasts whose registry does not say, as its specification has it.
const LIFETIME: u64 = 60;
/// How long one is believed to last at most.
const LONGEST: u64 = 3600;

/// A header that is shown to a registry, and how long it is good.
pub(crate) struct Token {
    pub header: HeaderValue,
    until: Option<Instant>,
}

impl Token {
    /// One that has no end that anybody knows.
    pub fn lasting(header: HeaderValue) -> Self {
        Self { header, until: None }
    }

    /// Whether its time is over.
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    /// Some registries send what is no number of seconds.
    expires_in: Option<serde_json::Value>,
}

/// Fetches a token for `scopes` from the realm of `challenge`, which `registry` sent. The inner error has the reasons of a realm
/// that refuses the login, or wants one.
pub(super) fn fetch(
    transport: &Transport,
    registry: &Origin,
    challenge: &Challenge,
    scopes: &[String],
    login: Option<&Login>,
) -> Result<Result<Token, String>, FetchError> {
    let realm = challenge.get("realm").unwrap_or_default();
    let origin = Origin::of(realm).filter(|_| !realm.contains('#'));
    let origin = origin.ok_or_else(|| {
        FetchError::login(&registry.to_string(), "it wants a token and names no URL to fetch one from")
    })?;
    if registry.is_https() && !origin.is_https() || login.is_some() && !origin.may_have_secrets() {
        let what =
            format!("it wants a token to be fetched from {origin}, over http, which others could read");
        return Err(FetchError::login(&registry.to_string(), what));
    }
    let asked = Instant::now();
    let mut response = match login {
        Some(Login::Identity(secret)) => exchange(transport, realm, challenge, scopes, secret)?,
        Some(Login::Password(user, password)) => {
            let header = basic(user, password)?;
            request(transport, realm, &query(challenge, scopes, Some(user)), Some(&header))?
        }
        _ => request(transport, realm, &query(challenge, scopes, None), None)?,
    };
    let identity = matches!(login, Some(Login::Identity(_)));
    let status = response.status();
    if status == StatusCode::OK {
        return read(realm, response, asked).map(Ok);
    }
    let secrets: Vec<&str> = login.iter().map(|login| login.secret()).collect();
    let reasons = refusal::reasons(&mut response, &secrets);
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Err(reasons)),
        // How OAuth 2 says that a token is not valid.
        StatusCode::BAD_REQUEST if identity => Ok(Err(reasons)),
        _ => Err(FetchError::remote(realm, format!("asked for a token, the server says {status}{reasons}"))),
    }
}

/// What Basic authentication shows.
pub(super) fn basic(user: &str, password: &str) -> Result<HeaderValue, FetchError> {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    header(&format!("Basic {pair}"))
}

/// What shows a token.
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

fn request(
    transport: &Transport,
    realm: &str,
    query: &str,
    authorization: Option<&HeaderValue>,
) -> Result<Response<Body>, FetchError> {
    let url = format!("{realm}{}{query}", if realm.contains('?') { '&' } else { '?' });
    let call = Call { authorization, ..Call::new(Method::GET, &url, "application/json") };
    Ok(transport.send(&call)?.response)
}

/// Has a token that a login left exchanged for one that the registry takes.
fn exchange(
    transport: &Transport,
    realm: &str,
    challenge: &Challenge,
    scopes: &[String],
    secret: &str,
) -> Result<Response<Body>, FetchError> {
    let mut fields = vec![("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", secret)];
    fields.extend(challenge.get("service").map(|service| ("service", service)));
    let scope = scopes.join(" ");
    fields.push(("scope", &scope));
    let form = form(&fields);
    let call = Call { form: Some(&form), ..Call::new(Method::POST, realm, "application/json") };
    Ok(transport.send(&call)?.response)
}

fn query(challenge: &Challenge, scopes: &[String], user: Option<&str>) -> String {
    let mut fields = Vec::new();
    fields.extend(user.map(|user| ("account", user)));
    fields.push(("client_id", CLIENT));
    fields.extend(challenge.get("service").map(|service| ("service", service)));
    fields.extend(scopes.iter().map(|scope| ("scope", scope.as_str())));
    form(&fields)
}

/// `a=b&c=d`, with all escaped that could be taken for something else.
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
    // The error of a reader could repeat a part of the token.
    let none = || FetchError::remote(realm, "asked for a token, the server answers with something else");
    let text = response.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(|_| none())?;
    let answer: Answer = serde_json::from_slice(&text).map_err(|_| none())?;
    let token = answer.token.filter(|token| !token.is_empty()).or(answer.access_token).ok_or_else(none)?;
    let header = bearer(&token).map_err(|_| none())?;
    let seconds = answer.expires_in.and_then(|value| value.as_u64()).filter(|&seconds| seconds > 0);
    let lifetime = Duration::from_secs(seconds.unwrap_or(LIFETIME).min(LONGEST));
    Ok(Token { header, until: Some(asked + lifetime) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::parse;
    use libhttp::Environment;

    #[test]
    fn no_login_and_no_token_goes_where_others_listen() {
        let login = Login::Password("u".into(), "hunter2".into());
        for (registry, realm, login) in [
            ("https://r.example/", "http://r.example/token", Some(&login)),
            ("https://r.example/", "http://r.example/token", None),
            ("https://localhost/", "http://localhost/token", None),
            ("http://localhost/", "http://192.0.2.1/token", Some(&login)),
            ("http://192.0.2.1/", "http://192.0.2.1/token", Some(&login)),
        ] {
            let registry = Origin::of(registry).unwrap();
            let challenge = &parse(format!("Bearer realm=\"{realm}\"").as_bytes())[0];
            let transport = Transport::new(&Environment::default()).unwrap();
            let error = fetch(&transport, &registry, challenge, &[], login).err().unwrap().to_string();
            assert!(error.starts_with(&format!("{registry}: ")) && error.contains("over http"), "{error}");
        }
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

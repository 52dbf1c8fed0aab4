//! Parses the challenges of a server: the header WWW-Authenticate (RFC 9110, 11.6.1). It answers none of them, and
//! opens nothing.

use std::collections::BTreeMap;

/// A challenge: one way to authenticate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// `bearer`, `basic` or another, in lower case.
    pub scheme: String,
    /// By name, in lower case; the first counts if a name is there twice.
    pub parameters: BTreeMap<String, String>,
}

impl Challenge {
    /// A parameter, by its name in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

/// The challenges of one header, in its order. Invalid text is skipped, or becomes a challenge of an unknown scheme.
pub fn parse(header: &[u8]) -> Vec<Challenge> {
    let mut rest = Rest(header);
    let mut all: Vec<Challenge> = Vec::new();
    loop {
        rest.skip(|byte| is_space(byte) || byte == b',');
        let word = rest.take(is_token).to_ascii_lowercase();
        if word.is_empty() {
            match rest.0.split_first() {
                None => return all,
                Some((_, behind)) => rest.0 = behind,
            }
            continue;
        }
        let word = String::from_utf8_lossy(&word).into_owned();
        rest.skip(is_space);
        match rest.0.strip_prefix(b"=") {
            // A word alone begins a challenge. The text after `Negotiate` looks the same, but is no known scheme.
            None => all.push(Challenge { scheme: word, parameters: BTreeMap::new() }),
            Some(behind) => {
                rest.0 = behind;
                rest.skip(is_space);
                let value = rest.value();
                if let Some(challenge) = all.last_mut() {
                    challenge.parameters.entry(word).or_insert(value);
                }
            }
        }
    }
}

/// The part of the header that is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, is_part: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| !is_part(byte)).unwrap_or(self.0.len());
        let (taken, behind) = self.0.split_at(end);
        self.0 = behind;
        taken
    }

    fn skip(&mut self, is_part: impl Fn(u8) -> bool) {
        self.take(is_part);
    }

    /// A token, or a string in quotes, which may end with the header.
    fn value(&mut self) -> String {
        let Some(behind) = self.0.strip_prefix(b"\"") else {
            return String::from_utf8_lossy(self.take(is_token)).into_owned();
        };
        let mut value = Vec::new();
        let mut bytes = behind.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => value.extend(bytes.next()),
                other => value.push(other),
            }
        }
        self.0 = bytes.as_slice();
        String::from_utf8_lossy(&value).into_owned()
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(header: &str) -> Vec<String> {
        let one = |challenge: &Challenge| {
            let parameters: Vec<_> =
                challenge.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {}", challenge.scheme, parameters.join(";")).trim().to_owned()
        };
        parse(header.as_bytes()).iter().map(one).collect()
    }

    #[test]
    fn a_challenge_is_a_scheme_with_its_parameters() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/x:pull""#;
        let wanted = "bearer realm=https://auth.docker.io/token;scope=repository:library/x:pull;service=registry.docker.io";
        assert_eq!(told(hub), [wanted]);
        assert_eq!(
            told(r#"BASIC Realm = "a\"b\\, c" , charset=UTF-8"#),
            [r#"basic charset=UTF-8;realm=a"b\, c"#]
        );
        assert_eq!(told("Bearer scope=\"a:b:pull,push c\""), ["bearer scope=a:b:pull,push c"]);
    }

    #[test]
    fn one_header_may_have_several_challenges() {
        assert_eq!(
            told("Basic realm=x, Bearer realm=y,service=z"),
            ["basic realm=x", "bearer realm=y;service=z"]
        );
        assert_eq!(told("Negotiate, ,Basic"), ["negotiate", "basic"]);
        assert_eq!(
            told("Negotiate YWJj==, Basic realm=\"x\""),
            ["negotiate yWJj=".replace("yWJj", "ywjj"), "basic realm=x".into()]
        );
    }

    #[test]
    fn junk_is_passed_over() {
        for (junk, wanted) in [
            ("", &[][..]),
            (",,= \"", &[]),
            ("realm=x", &[]),
            ("Bearer realm=\"x", &["bearer realm=x"]),
            ("Bearer realm=\"x\\", &["bearer realm=x"]),
            ("Bearer realm=x, realm=y", &["bearer realm=x"]),
            ("(Bearer) {realm=\"y\"}", &["bearer realm=y"]),
        ] {
            assert_eq!(told(junk), wanted, "{junk}");
        }
    }
}

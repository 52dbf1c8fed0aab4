//! Reads the reasons of a refusal: the codes and messages of a registry's answer (distribution-spec, "Error Codes").
//! These are a server's words, so they are cut, and left out if a secret could be in them.

use serde::Deserialize;
use std::io::Read;
use ureq::Body;
use ureq::http::{Response, StatusCode};

const LARGEST: u64 = 64 << 10;
const MOST: usize = 3;
const LONGEST: usize = 200;

#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The reasons in parentheses, to follow a word; empty if the answer has none.
pub(crate) fn reasons(response: &mut Response<Body>, secrets: &[String]) -> String {
    let mut text = Vec::new();
    // docker-registry then announces a body, and does not send it.
    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        return String::new();
    }
    let body = response.body_mut().with_config().limit(u64::MAX).reader();
    // An answer that breaks off has no reasons, but is still a refusal.
    match body.take(LARGEST).read_to_end(&mut text) {
        Ok(_) => of(&text, secrets),
        Err(_) => String::new(),
    }
}

fn of(text: &[u8], secrets: &[String]) -> String {
    let Ok(Refusal { errors }) = serde_json::from_slice(text) else { return String::new() };
    let said = |Reason { code, message }: &Reason| match (code.trim(), message.trim()) {
        (code, "") => code.to_owned(),
        ("", message) => message.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    let all: Vec<String> = errors.iter().take(MOST).map(said).filter(|said| !said.is_empty()).collect();
    let all = all.join("; ");
    match all.is_empty() || secrets.iter().any(|secret| !secret.is_empty() && all.contains(&**secret)) {
        true => String::new(),
        false => format!(" ({})", all.chars().take(LONGEST).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_and_what_else_a_server_says_is_not() {
        for (text, told) in [
            (r#"{"errors":[{"code":"DENIED","message":"no","detail":{"x":1}}]}"#, " (DENIED: no)"),
            (r#"{"errors":[{"code":"A"},{"message":"b"}]}"#, " (A; b)"),
            (r#"{"errors":[{"code":"DENIED","message":"not hunter2"}]}"#, ""),
            (r#"{"errors":[]}"#, ""),
            (r#"{"errors":"x"}"#, ""),
            ("<html>no</html>", ""),
            ("", ""),
        ] {
            assert_eq!(of(text.as_bytes(), &[String::new(), "hunter2".into()]), told, "{text}");
        }
        let long = format!("{{\"errors\":[{{\"code\":\"{}\"}}]}}", "ü".repeat(1000));
        assert_eq!(of(long.as_bytes(), &[]).chars().count(), LONGEST + 3);
    }
}

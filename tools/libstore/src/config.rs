//! Checks an image config before this suite builds on it or runs it.

use crate::error::StoreError;
use libwire::image::ImageConfig;

/// Instructions that ONBUILD must not carry.
const FORBIDDEN_TRIGGERS: [&str; 3] = ["ONBUILD", "FROM", "MAINTAINER"];

/// Refuses a config whose meaning would depend on the reader: environment without `=`, a user id that no kernel has,
/// invalid triggers. The history is not checked, because nothing is built on it.
pub fn check_config(config: &ImageConfig) -> Result<(), StoreError> {
    let bad = |what: String| Err(StoreError::invalid("config", what));
    if config.rootfs.kind != "layers" {
        return bad(format!("rootfs.type {:?} is not \"layers\"", config.rootfs.kind));
    }
    if let Some(entry) = config.config.env.iter().find(|entry| !entry.contains('=') || entry.starts_with('='))
    {
        return bad(format!("Env has {entry:?}, which is not NAME=value"));
    }
    if config.config.user.split(':').any(is_impossible_id) {
        return bad(format!("User {:?} has an id beyond 4294967294", config.config.user));
    }
    for trigger in &config.config.on_build {
        let word = trigger.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        if FORBIDDEN_TRIGGERS.contains(&word.as_str()) {
            return bad(format!("OnBuild has {trigger:?}, and {word} isn't allowed there"));
        }
    }
    Ok(())
}

/// Whether text is a number but no uid. A look-up by name would give it whatever meaning the image's passwd has.
fn is_impossible_id(part: &str) -> bool {
    let number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    number && part.parse::<u32>().map_or(true, |id| id == u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> ImageConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn ordinary_configs_pass() {
        for good in [
            "{}",
            r#"{"history":[{"created_by":"x","empty_layer":true}]}"#,
            r#"{"history":[{"created_by":"x"}]}"#,
            r#"{"config":{"Env":["A=1"],"User":"65534:65534","OnBuild":["RUN x"]}}"#,
            r#"{"config":{"Labels":{"a\u001b[2J":"b\nc"}}}"#,
        ] {
            check_config(&config(good)).unwrap();
        }
    }

    #[test]
    fn configs_that_readers_could_take_differently_are_refused() {
        for bad in [
            r#"{"config":{"Env":["AWS_SECRET_ACCESS_KEY"]}}"#,
            r#"{"config":{"Env":["=x"]}}"#,
            r#"{"config":{"User":"4294967296"}}"#,
            r#"{"config":{"User":"0:4294967295"}}"#,
            r#"{"config":{"OnBuild":["onbuild RUN x"]}}"#,
            r#"{"rootfs":{"type":"other","diff_ids":[]}}"#,
        ] {
            assert!(check_config(&config(bad)).is_err(), "{bad}");
        }
    }
}

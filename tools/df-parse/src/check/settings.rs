//! `# check=skip=A,B;error=true;experimental=C`, as a directive for the file, or as a comment for the instruction
//! below it.

use super::Rule;
use crate::options::Options;
use libcli::did_you_mean;
use libdockerfile::ParseError;
use libdockerfile::dockerfile::Dockerfile;

/// The build argument that replaces the file's directive.
const BUILD_ARG: &str = "BUILDKIT_DOCKERFILE_CHECK";

/// The selected rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    skip: Vec<String>,
    skip_all: bool,
    experimental: Vec<String>,
    experimental_all: bool,
    /// Whether findings are an error.
    pub(super) error: bool,
}

/// The settings of a file.
pub(super) fn of_file(file: &Dockerfile, options: &Options) -> Result<Settings, ParseError> {
    if let Some(given) = options.build_args.get(BUILD_ARG) {
        return parse(given).map_err(|what| ParseError::new(format!("build argument {BUILD_ARG}: {what}")));
    }
    let directives = &file.directives;
    // As in BuildKit, text after a space is a remark.
    let text = directives.check.as_deref().and_then(|text| text.split(' ').next()).unwrap_or_default();
    let line = directives.check_line;
    parse(text).map_err(|what| ParseError::new(what).token(text).at(line, line))
}

fn parse(text: &str) -> Result<Settings, String> {
    let mut settings = Settings::default();
    for part in text.split(';').filter(|_| !text.trim().is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| invalid(part))?;
        let value = value.trim();
        let list = || value.split(',').map(|name| name.trim().to_owned()).collect();
        match (key.trim(), value) {
            ("skip", "all") => settings.skip_all = true,
            ("skip", _) => settings.skip = list(),
            ("experimental", "all") => settings.experimental_all = true,
            ("experimental", _) => settings.experimental = list(),
            ("error", "1" | "t" | "T" | "true" | "TRUE" | "True") => settings.error = true,
            ("error", "0" | "f" | "F" | "false" | "FALSE" | "False") => settings.error = false,
            ("error", _) => return Err(format!("failed to parse check option {part:?}: use true or false")),
            (key, _) => return Err(invalid(key)),
        }
    }
    Ok(settings)
}

fn invalid(option: &str) -> String {
    let hint = did_you_mean(option.trim(), ["skip", "error", "experimental"]);
    format!("failed to parse check options: invalid check option {option:?}{hint}")
}

impl Settings {
    /// Adds the first `check=…` among an instruction's comments. If it cannot be parsed, it is a remark.
    pub(super) fn with_comments(&self, comments: &[String]) -> Self {
        let mut merged = self.clone();
        let text = comments.iter().find_map(|comment| {
            let (key, value) = comment.split_once('=')?;
            key.trim().eq_ignore_ascii_case("check").then(|| value.trim().split(' ').next())?
        });
        if let Some(Ok(own)) = text.map(parse) {
            merged.skip_all |= own.skip_all;
            merged.experimental_all |= own.experimental_all;
            merged.skip.extend(own.skip);
            merged.experimental.extend(own.experimental);
        }
        merged
    }

    pub(super) fn want(&self, rule: Rule) -> bool {
        let named = |names: &[String]| names.iter().any(|name| name == rule.name);
        match rule.experimental {
            true => self.experimental_all || named(&self.experimental),
            false => !self.skip_all && !named(&self.skip),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_option_is_refused_in_a_directive_and_a_remark_in_a_comment() {
        assert!(parse("skpi=A").unwrap_err().contains("did you mean skip?"));
        assert!(parse("error=maybe").is_err());
        assert!(parse("skip").is_err());
        let settings = Settings::default();
        assert_eq!(settings.with_comments(&["check=skpi=A".into()]), settings);
    }

    #[test]
    fn comments_add_to_the_file() {
        let merged =
            parse("skip=A;error=true").unwrap().with_comments(&["x".into(), "check=skip=B // why".into()]);
        assert_eq!((merged.skip, merged.error), (vec!["A".into(), "B".into()], true));
    }
}

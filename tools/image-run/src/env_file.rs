//! Files of variables, in the format of docker's `--env-file`.

use libcli::Failure;
use std::ffi::OsString;
use std::path::Path;

/// Reads a file. A line with only a name gets its value from `here`, and is left out if there is none.
pub fn read(
    path: &Path,
    here: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Vec<(OsString, OsString)>, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| Failure::failed(&name, error))?;
    let text = String::from_utf8(text).map_err(|_| Failure::bad_input(&name, "is not text in UTF-8"))?;
    parse(&text, here).map_err(|(line, why)| Failure::bad_input(format!("{name}:{line}"), why))
}

/// The variables of a text, or the number of an invalid line with the reason.
fn parse(
    text: &str,
    here: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Vec<(OsString, OsString)>, (usize, String)> {
    let mut variables = Vec::new();
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (line.trim_end(), None),
        };
        if name.is_empty() {
            return Err((at + 1, "there is no name before the =; write NAME=VALUE".into()));
        }
        if name.contains(char::is_whitespace) {
            return Err((
                at + 1,
                format!("{name:?} has a blank in it; a line is NAME=VALUE, without export"),
            ));
        }
        // Quotes are part of the value, and so are blanks at its end.
        if let Some(value) = value.map(OsString::from).or_else(|| here(name)) {
            variables.push((name.into(), value));
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_as_docker_takes_them() {
        let here = |name: &str| (name == "HERE").then(|| "there".into());
        let text = "\u{feff}A=1\r\n  B = x=\"y\" \n\n# C=3\nHERE\nABSENT\nE=\n";
        let said = parse(&text.replace("B =", "B="), &here).unwrap();
        let said: Vec<String> =
            said.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
        assert_eq!(said, ["A=1", "B= x=\"y\" ", "HERE=there", "E="]);
        for (text, line) in [("A=1\nexport B=2\n", 2), ("=x", 1), ("\nA B\n", 2)] {
            assert_eq!(parse(text, &here).unwrap_err().0, line, "{text}");
        }
    }
}

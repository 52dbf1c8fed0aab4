//! The warnings of registries (distribution-spec, "Warnings"): each text once. These are a server's words, so they are
//! cut, and left out if a secret could be in them.

use std::collections::BTreeSet;
use ureq::http::HeaderMap;

/// The most texts of a run that are kept, and the most bytes of each.
const MOST: usize = 20;
const LONGEST: usize = 300;

/// The texts of a run.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    known: BTreeSet<String>,
    new: Vec<String>,
}

impl Warnings {
    /// Keeps `text`, if it is new.
    pub fn add(&mut self, text: String) {
        if self.known.len() < MOST && self.known.insert(text.clone()) {
            self.new.push(text);
        }
    }

    /// Takes the texts that were not taken yet.
    pub fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.new)
    }
}

/// The warnings in an answer's headers: `299 - "text"`.
pub(crate) fn of(headers: &HeaderMap, secrets: &[String]) -> Vec<String> {
    let values = headers.get_all("warning").iter();
    let texts = values.filter_map(|value| text(&String::from_utf8_lossy(value.as_bytes())));
    texts
        .filter(|text| !secrets.iter().any(|secret| !secret.is_empty() && text.contains(&**secret)))
        .collect()
}

fn text(value: &str) -> Option<String> {
    let quoted = value.trim().strip_prefix("299 ")?.split_once('"')?.1;
    let mut text = String::new();
    let mut letters = quoted.chars();
    loop {
        match letters.next()? {
            '"' => break,
            '\\' => text.push(letters.next()?),
            letter => text.push(letter),
        }
    }
    (!text.trim().is_empty()).then(|| text.chars().take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_its_text() {
        let mut headers = HeaderMap::new();
        for value in [
            "299 - \"mind \\\"this\\\"\"",
            "299 r.example \"b\" \"Tue, 15 Nov 1994 12:45:26 GMT\"",
            "299 - \"not hunter2\"",
            "110 - \"stale\"",
            "299 - \"no end",
            "299 - \"\"",
            "x",
        ] {
            headers.append("warning", value.parse().unwrap());
        }
        assert_eq!(of(&headers, &[String::new(), "hunter2".into()]), ["mind \"this\"", "b"]);
        let long = format!("299 - \"{}\"", "x".repeat(5000));
        assert_eq!(text(&long).unwrap().len(), LONGEST);
    }

    #[test]
    fn one_is_told_once() {
        let mut warnings = Warnings::default();
        for text in ["a", "b", "a"] {
            warnings.add(text.into());
        }
        assert_eq!(warnings.take(), ["a", "b"]);
        warnings.add("a".into());
        assert!(warnings.take().is_empty());
    }
}

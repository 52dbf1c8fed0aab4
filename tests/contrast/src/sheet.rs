//! What a style sheet says, as far as colours need it: rules without nesting, and `@media` around rules. Of a
//! selector with several rules the last word on a property counts; nothing cascades.

use std::collections::BTreeMap;

/// What a sheet says under some condition: properties by selector.
#[derive(Debug, Default)]
pub struct Sheet(BTreeMap<String, BTreeMap<String, String>>);

impl Sheet {
    /// What a sheet says where all `conditions` are met: `dark`, `print`, `screen`.
    pub fn read(text: &str, conditions: &[&str]) -> Self {
        let mut sheet = Self::default();
        let text = without_comments(text);
        let mut left = &*text;
        while let Some((before, rest)) = left.split_once('{') {
            let body = &rest[..closing(rest)];
            match before.trim().strip_prefix("@media ") {
                Some(media) if met(media, conditions) => sheet.rules(body),
                Some(_) => {}
                None => sheet.rule(before, body),
            }
            left = rest.get(body.len() + 1..).unwrap_or_default();
        }
        sheet
    }

    /// A selector's property, without `var()` around it.
    pub fn get(&self, selector: &str, property: &str) -> Option<&str> {
        self.0.get(selector)?.get(property).map(String::as_str)
    }

    /// A selector's properties.
    pub fn of(&self, selector: &str) -> impl Iterator<Item = (&str, &str)> {
        let properties = self.0.get(selector).into_iter().flatten();
        properties.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All selectors with a property.
    pub fn with<'a>(&'a self, property: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let found = move |(selector, all): (&'a String, &'a BTreeMap<String, String>)| {
            all.get(property).map(|value| (selector.as_str(), value.as_str()))
        };
        self.0.iter().filter_map(found)
    }

    fn rules(&mut self, text: &str) {
        for part in text.split_inclusive('}') {
            if let Some((selectors, body)) = part.trim_end_matches('}').split_once('{') {
                self.rule(selectors, body);
            }
        }
    }

    fn rule(&mut self, selectors: &str, body: &str) {
        for selector in selectors.split(',') {
            let all = self.0.entry(selector.trim().to_owned()).or_default();
            let said = body.split(';').filter_map(|line| line.split_once(':'));
            all.extend(said.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())));
        }
    }
}

fn met(media: &str, conditions: &[&str]) -> bool {
    let all = media.split(" and ").map(|one| one.trim().trim_matches(['(', ')']));
    all.map(|one| one.strip_prefix("prefers-color-scheme: ").unwrap_or(one))
        .all(|one| conditions.contains(&one))
}

/// Where the block ends that is open at the start.
fn closing(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once("*/").map_or("", |(_, rest)| rest))
}

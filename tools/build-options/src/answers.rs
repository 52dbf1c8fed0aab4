//! All tables together: each option, attribute, build argument and variable of docker and podman, with the answer to
//! it. stagepipe-options(7) is made from them.

use crate::engines::foreign;
use crate::foreign::Of;
use crate::table::rows;
use crate::{attributes, variables};

/// One way to write something, and the answer to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The words of the command line or environment.
    pub written: String,
    /// The engines that have it.
    pub of: Of,
    /// The answer to it.
    pub answer: Answer,
}

/// The answer, with the text that the page and the messages have.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is obeyed.
    Works(&'static str),
    /// It changes nothing.
    Idle(&'static str),
    /// The build goes on with a warning.
    Warned(String),
    /// Nothing runs.
    Refused(String),
}

use Of::{Both, Docker, Podman};

/// Options of docker and podman that image-build has too: whose they are, and how they differ.
const SAME: &[(&str, Of, &str)] = &[
    ("add-host", Both, ""),
    ("allow", Docker, "network.host and security.insecure"),
    ("build-arg", Both, ""),
    ("build-context", Both, ""),
    ("call", Docker, ""),
    ("check", Docker, ""),
    ("cpu-period", Both, ""),
    ("cpu-quota", Both, ""),
    ("file", Both, "the last one, if there are several"),
    ("iidfile", Both, "it has the digest of the manifest"),
    ("isolation", Both, "its modes are others"),
    ("jobs", Podman, "all stages at once unless it says otherwise"),
    ("label", Both, ""),
    ("load", Docker, "into docker, or else into podman"),
    ("memory", Both, ""),
    ("metadata-file", Both, ""),
    ("network", Both, "default, none and host"),
    ("no-cache", Both, ""),
    ("no-cache-filter", Docker, ""),
    ("output", Both, "see below"),
    ("platform", Both, "one platform"),
    ("progress", Docker, ""),
    ("pull", Both, "true is always, and false is missing; podman's words too"),
    ("push", Docker, ""),
    ("quiet", Both, ""),
    ("secret", Both, ""),
    ("shm-size", Both, ""),
    ("ssh", Both, ""),
    ("tag", Both, ""),
    ("target", Both, ""),
    ("ulimit", Both, ""),
];

/// The options, in the order of their names.
pub fn options() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (name, of, note) in SAME {
        entries.push(Entry { written: format!("--{name}"), of: *of, answer: Answer::Works(note) });
    }
    for row in rows() {
        let of = SAME.iter().find(|(name, ..)| *name == row.long).map_or(Both, |(_, of, _)| *of);
        let idle = row.idle.iter().map(|(value, why)| (value, Answer::Idle(why)));
        let refused = row.refused.iter().map(|(value, what)| (value, Answer::Refused((*what).to_owned())));
        for (value, answer) in idle.chain(refused) {
            entries.push(Entry { written: format!("--{}={value}", row.long), of, answer });
        }
    }
    for row in foreign() {
        if let Some(idle) = &row.idle {
            let answer = Answer::Idle(row.why);
            entries.push(Entry { written: idle.written.to_owned(), of: row.of, answer });
        }
        if !row.refused.is_empty() {
            let answer = Answer::Refused(row.refusal());
            entries.push(Entry { written: row.refused.to_owned(), of: row.of, answer });
        }
    }
    entries.sort_by(|one, other| one.written.cmp(&other.written));
    entries
}

/// The attributes of `--output`.
pub fn outputs() -> Vec<Entry> {
    let entry = |row: &attributes::Attribute| {
        let answer = match row.answer {
            attributes::Answer::Works(what) => Answer::Works(what),
            attributes::Answer::Idle(why) => Answer::Idle(why),
            attributes::Answer::Refused(what) => Answer::Refused(what.to_owned()),
        };
        Entry { written: format!("type={},{}", row.kind, row.written), of: Docker, answer }
    };
    attributes::ATTRIBUTES.iter().map(entry).collect()
}

/// The build arguments with a meaning of their own.
pub fn arguments() -> Vec<Entry> {
    variables::ARGUMENTS.iter().map(variable).collect()
}

/// The variables of the environment.
pub fn environment() -> Vec<Entry> {
    variables::ENVIRONMENT.iter().map(variable).collect()
}

fn variable(row: &variables::Variable) -> Entry {
    let answer = match row.answer {
        variables::Answer::Works(what) => Answer::Works(what),
        variables::Answer::Idle(why) => Answer::Idle(why),
        variables::Answer::Warned(_, what) => Answer::Warned(what.to_owned()),
        variables::Answer::Refused(_, what) => Answer::Refused(what.to_owned()),
    };
    Entry { written: format!("{}={}", row.name, row.example), of: Docker, answer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_is_an_option_and_each_is_there_once() {
        for (name, ..) in SAME {
            assert!(rows().any(|row| row.long == *name), "{name}");
        }
        for list in [options(), outputs(), arguments(), environment()] {
            let mut words: Vec<&str> = list.iter().map(|entry| entry.written.as_str()).collect();
            let count = words.len();
            words.sort();
            words.dedup();
            assert_eq!(words.len(), count);
        }
    }
}

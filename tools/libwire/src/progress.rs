//! build-progress(5): what a build is at, told by all its tools at once while it runs.
//!
//! Many write to one pipe here, so there is no header and no end: each record is a line that one write(2) puts there whole.
//! Nothing that is built depends on these records, and a reader skips those that it does not know.

use crate::digest::Digest;
use crate::record::Cache;
use serde::{Deserialize, Serialize};

/// The most bytes of a line: so many a pipe takes in one piece (POSIX's PIPE_BUF is no less than 512; Linux has 4096).
pub const MAX_LINE: usize = 4096;

/// The most bytes of a text in one record. Each of them may take two in JSON.
const MAX_TEXT: usize = 1900;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Progress {
    /// A stage begins: its base is looked up, pulled or waited for.
    Stage {
        /// Index in the Dockerfile, from 0.
        stage: usize,
        /// `AS name`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// FROM as one line.
        text: String,
    },
    /// The base of a stage is there.
    Base {
        /// The stage.
        stage: usize,
        /// How many steps the stage has.
        steps: usize,
    },
    /// A step begins.
    Step {
        /// The stage.
        stage: usize,
        /// Position in the stage, from 1.
        step: usize,
        /// How many there are.
        steps: usize,
        /// The instruction as one line.
        text: String,
    },
    /// A stage waits for another one, until its next record.
    Wait {
        /// The stage that waits.
        stage: usize,
        /// The stage that it needs.
        needs: usize,
    },
    /// A part of what the command of a step printed, cleaned. A line may come in several parts.
    Log {
        /// The stage.
        stage: usize,
        /// The text, with its line ends.
        text: String,
    },
    /// Something to know of a stage's step.
    Note {
        /// The stage.
        stage: usize,
        /// In one line.
        text: String,
    },
    /// A step is done.
    Done {
        /// The stage.
        stage: usize,
        /// Which step.
        step: usize,
        /// Whether it ran.
        cache: Cache,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// The bytes of the files it wrote, when they are known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
    },
    /// A stage failed. A message says why.
    Failed {
        /// The stage.
        stage: usize,
        /// The step that failed; absent when it is FROM.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<usize>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
    },
    /// How far a transfer is.
    Transfer(Transfer),
    /// A message of a tool to the user, as it would be on standard error.
    Message {
        /// How much it matters.
        level: Level,
        /// Whole lines, with their ends.
        text: String,
    },
    /// A tool takes the terminal for the user, or gives it back.
    Terminal {
        /// Whether it takes it.
        taken: bool,
    },
    /// The image is made.
    Image {
        /// The manifest's digest.
        digest: Digest,
        /// The bytes that a pull of it transfers.
        bytes: u64,
    },
    /// The build ends. Nothing follows.
    End {
        /// Its exit status.
        status: u8,
    },
}

/// Bytes that are on their way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Which way.
    pub what: Way,
    /// The image, or the snapshot of a layer.
    pub name: String,
    /// How many bytes are there.
    pub bytes: u64,
    /// How many there will be, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Whether this was the last of them, or the transfer failed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub done: bool,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From a registry.
    Pull,
    /// To a registry.
    Push,
    /// From a snapshot into a layer.
    Pack,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Note,
    /// Something may be wrong.
    Warning,
    /// A tool failed.
    Error,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Progress {
    /// The record as lines of at most [`MAX_LINE`] bytes. A message or a log whose text is too long for one becomes
    /// several records; any other long text is cut. Control characters in texts, but line ends, become `?`.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Log { stage, text } => {
                pieces(text).map(|text| line(&Self::Log { stage: *stage, text })).collect()
            }
            Self::Message { level, text } => {
                pieces(text).map(|text| line(&Self::Message { level: *level, text })).collect()
            }
            other => vec![line(&other.clone().shortened())],
        }
    }

    /// With a text of one line that fits.
    fn shortened(mut self) -> Self {
        if let Self::Stage { text, .. } | Self::Step { text, .. } | Self::Note { text, .. } = &mut self {
            *text = cleaned(&text[..text.floor_char_boundary(MAX_TEXT)]);
        }
        if let Self::Stage { name: Some(name), .. } | Self::Transfer(Transfer { name, .. }) = &mut self {
            *name = cleaned(&name[..name.floor_char_boundary(MAX_TEXT / 4)]);
        }
        self
    }
}

/// A text in pieces that fit, broken at line ends where it has some.
fn pieces(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let most = &rest[..rest.floor_char_boundary(MAX_TEXT)];
        let end = match most.len() == rest.len() {
            true => rest.len(),
            false => most.rfind('\n').map_or(most.len(), |at| at + 1),
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then(|| cleaned(piece))
    })
}

fn cleaned(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', "?")
}

fn line(record: &Progress) -> String {
    // Numbers and texts have a form in JSON, whatever they are.
    let mut line = serde_json::to_string(record).unwrap_or_default();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::collections::BTreeMap;

    const PAGE: &str = include_str!("../../../man/build-progress.5");

    fn example() -> Vec<Progress> {
        let digest = Digest::from_bytes([0x5e; 32]);
        let text = "RUN make".to_owned();
        let transfer = |bytes, done| {
            let name = "debian:12".to_owned();
            Progress::Transfer(Transfer { what: Way::Pull, name, bytes, total: Some(48_500_000), done })
        };
        vec![
            Progress::Stage { stage: 0, name: Some("build".into()), text: "FROM debian:12 AS build".into() },
            transfer(9_437_184, false),
            transfer(48_500_000, true),
            Progress::Base { stage: 0, steps: 2 },
            Progress::Step { stage: 0, step: 1, steps: 2, text: "COPY . /src".into() },
            Progress::Done { stage: 0, step: 1, cache: Cache::Hit, duration_ms: 2, bytes: None },
            Progress::Step { stage: 0, step: 2, steps: 2, text },
            Progress::Wait { stage: 1, needs: 0 },
            Progress::Note { stage: 0, text: "not cached: follows from step 1".into() },
            Progress::Log { stage: 0, text: "cc -c main.c\ncc -o app main.o\n".into() },
            Progress::Done {
                stage: 0,
                step: 2,
                cache: Cache::Miss,
                duration_ms: 12_400,
                bytes: Some(81_920),
            },
            Progress::Failed { stage: 1, step: Some(3), duration_ms: 100 },
            Progress::Message {
                level: Level::Error,
                text: "image-build: Dockerfile:7: COPY: \"/app\" is not there\n".into(),
            },
            Progress::Terminal { taken: true },
            Progress::Image { digest, bytes: 48_600_000 },
            Progress::End { status: 0 },
        ]
    }

    #[test]
    fn the_example_of_the_page_is_what_is_written() {
        let (_, rest) = PAGE.split_once(".Bd -literal\n").unwrap();
        let written: String = example().iter().flat_map(Progress::lines).collect();
        assert_eq!(rest.split_once(".Ed\n").unwrap().0.replace("\\e", "\\"), written);
        for line in written.lines() {
            let members: BTreeMap<String, Value> = serde_json::from_str(line).unwrap();
            let words = members
                .iter()
                .filter(|(name, _)| ["type", "what", "level", "cache"].contains(&name.as_str()));
            for word in
                words.filter_map(|(_, value)| value.as_str()).chain(members.keys().map(String::as_str))
            {
                assert!(PAGE.split_whitespace().any(|other| other == word), "{word} is not on the page");
            }
        }
    }

    #[test]
    fn a_text_that_is_too_long_for_a_line_is_in_several() {
        let text = format!("{}\n", "\"".repeat(99)).repeat(100);
        let lines = Progress::Log { stage: 3, text: text.clone() }.lines();
        let read = |line: &String| match serde_json::from_str(line).unwrap() {
            Progress::Log { stage: 3, text } => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(lines.iter().map(read).collect::<String>(), text);
        assert!(lines.iter().all(|line| read(line).ends_with('\n')), "broken at line ends");
    }

    proptest! {
        #[test]
        fn every_line_fits_into_a_pipe_and_is_a_record(text in "(\\PC|[\"\\\\\n\x01\u{202e}é日]){0,6000}", level in 0..5) {
            let record = match level {
                0 => Progress::Log { stage: 1, text },
                1 => Progress::Message { level: Level::Warning, text },
                2 => Progress::Step { stage: usize::MAX, step: usize::MAX, steps: usize::MAX, text },
                3 => Progress::Stage { stage: 0, name: Some(text.clone()), text },
                _ => Progress::Transfer(Transfer { what: Way::Push, name: text, bytes: 0, total: None, done: true }),
            };
            for line in record.lines() {
                prop_assert!(line.len() <= MAX_LINE && line.ends_with('\n') && line.matches('\n').count() == 1);
                prop_assert!(serde_json::from_str::<Progress>(&line).is_ok());
            }
        }
    }
}

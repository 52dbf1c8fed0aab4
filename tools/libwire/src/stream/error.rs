//! Why a stream cannot be trusted, and where.

use crate::shape::Fault;
use std::fmt;
use std::io;

/// A place in an input, for messages of all tools. It counts like an end record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// The stream of the input, from 1; 0 is before the first.
    pub stream: u64,
    /// The line of the stream.
    pub line: Line,
}

/// A line of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line {
    /// The header.
    #[default]
    Header,
    /// A record, by its number, from 1.
    Record(u64),
    /// The end record.
    End,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stream > 1 {
            write!(f, "stream {}, ", self.stream)?;
        }
        match self.line {
            Line::Header => f.write_str("header"),
            Line::Record(number) => write!(f, "record {number}"),
            Line::End => f.write_str("end record"),
        }
    }
}

/// Why a stream cannot be trusted. All but `Io` mean bad input (exit 3).
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Reading failed.
    #[error("cannot read the stream: {0}")]
    Io(#[from] io::Error),
    /// A line is not a JSON object that this format allows there.
    #[error("{at}{fault}")]
    Bad {
        /// The place.
        at: At,
        /// The error.
        fault: Fault,
    },
    /// The input is not a stream of this format.
    #[error("{found}; expected {expected}")]
    Other {
        /// The kind of input, as a sentence.
        found: String,
        /// The expected format, and the tools that make it.
        expected: String,
    },
    /// The input stopped between two streams of a row.
    #[error(
        "the row of {format} streams stops after {at}, before the stream that closes it; the tool that writes it failed"
    )]
    Open {
        /// The format expected.
        format: &'static str,
        /// The last line read.
        at: At,
    },
    /// The input stopped before `end`.
    #[error("the {format} stream stops before its end record, after {at}; the tool that writes it failed")]
    Cut {
        /// The format expected.
        format: &'static str,
        /// The last line read.
        at: At,
    },
}

impl WireError {
    /// An error that does not belong to a member.
    pub fn bad(at: At, what: impl Into<String>) -> Self {
        Self::Bad { at, fault: Fault { path: String::new(), what: what.into() } }
    }
}

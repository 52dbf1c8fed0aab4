//! The facts about a plan that a driver needs, as lines that a shell can read: its stages, and the facts to look up
//! before the plan can be built. It looks nothing up.

use crate::epoch::Epoch;
use libwire::plan::{Base, Stage};
use std::io::{self, Write};

/// The summary of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The time that SOURCE_DATE_EPOCH asks for, if the plan does not have it.
    time: Epoch,
    /// Whether a stage starts from an unknown image.
    images: bool,
    /// Index and part of each stage.
    stages: Vec<(usize, &'static str)>,
    /// The time of everything the build itself makes.
    epoch: Option<i64>,
}

impl Summary {
    /// The summary of a plan. `informed` says that the images are known.
    pub(crate) fn new(stages: &[Stage], time: Epoch, informed: bool) -> Self {
        let image = |stage: &Stage| matches!(stage.base, Base::Image { .. } | Base::Context { .. });
        Self {
            time,
            images: !informed && stages.iter().any(image),
            stages: stages.iter().map(|stage| (stage.index, stage.part())).collect(),
            epoch: stages.first().and_then(|stage| stage.epoch),
        }
    }

    /// Whether the plan can be built. If not, another plan must be made after a look-up.
    pub fn is_final(&self) -> bool {
        !self.images && self.time == Epoch::Unset
    }

    /// Writes the summary, one line each: `time` and its source, a URL as a word of shell; `images`; `epoch` and the
    /// seconds; `stage` with index and part.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.time {
            Epoch::Unset | Epoch::Seconds(_) => {}
            Epoch::Context => writeln!(out, "time context")?,
            Epoch::Named(name) => writeln!(out, "time named {name}")?,
            Epoch::Url(url) => {
                let word = libcli::shell_word(url);
                writeln!(out, "time url {}", String::from_utf8_lossy(&word))?;
            }
        }
        if self.images {
            writeln!(out, "images")?;
        }
        if let Some(seconds) = self.epoch {
            writeln!(out, "epoch {seconds}")?;
        }
        self.stages.iter().try_for_each(|(index, part)| writeln!(out, "stage {index} {part}"))
    }
}

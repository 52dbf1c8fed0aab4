//! What a driver has to know of a plan, as lines that a shell can read: which stages there are, and whether
//! something has to be looked up before the plan can be built. It looks up nothing.

use crate::epoch::Epoch;
use libwire::plan::{Base, Stage};
use std::io::{self, Write};

/// What is said of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Whose time SOURCE_DATE_EPOCH asks for; the plan is without it.
    time: Epoch,
    /// Whether a stage starts from an image of which nothing is known.
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

    /// Whether the plan can be built. If not, another one has to be made with what was looked up.
    pub fn is_final(&self) -> bool {
        !self.images && self.time == Epoch::Unset
    }

    /// Writes it, a line each: `time` and whose it is, a URL as a word of shell; `images`, `epoch` and the seconds, `stage` with index and
    /// part.
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

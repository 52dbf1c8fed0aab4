//! The plan of a build as this tool reads it: its stages, which of them to build, and which stages each one uses.

use crate::hashed::Hashed;
use libcli::Failure;
use libwire::plan::{Base, Instruction, Op, Source, Stage};
use libwire::{Digest, WireError};
use std::io::BufRead;

/// A plan, and the digest of its bytes.
pub struct Plan {
    /// The stages, each after those it uses.
    pub stages: Vec<Stage>,
    /// The digest.
    pub digest: Digest,
}

impl Plan {
    /// Reads a whole plan.
    pub fn read(input: impl BufRead) -> Result<Self, Failure> {
        // A driver's user gave it no standard input, but perhaps a df-parse of their own.
        let own = libcli::speaker("stage-run") == "stage-run";
        let place = if own { "standard input" } else { "the plan" };
        let mut input = Hashed::new(input);
        let stages = libwire::plan::read(&mut input).map_err(|error| match error {
            WireError::Io(error) => Failure::failed(place, error),
            other => Failure::bad_input(place, other),
        })?;
        Ok(Self { stages, digest: input.digest() })
    }

    /// Refuses a stage that is not what the plan's summary says: a driver packs and names stages by the summary.
    pub fn check_part(&self, called: &str, part: &str) -> Result<(), Failure> {
        let missing = |_| {
            Failure::bad_input(
                "the plan",
                format!("it has no stage {called}, which the summary of df-parse names"),
            )
        };
        let own = self.stage(called).map_err(missing)?.part();
        match own == part {
            true => Ok(()),
            false => {
                let what = format!(
                    "stage {called} is {own} there, and {part} in the summary of df-parse; they have to agree"
                );
                Err(Failure::bad_input("the plan", what))
            }
        }
    }

    /// The stage that is called so, by index or name. If two have the name, the later one.
    pub fn stage(&self, called: &str) -> Result<&Stage, Failure> {
        let asked = |stage: &&Stage| {
            stage.index.to_string() == called
                || stage.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(called))
        };
        let found = self.stages.iter().rfind(asked);
        found.ok_or_else(|| Failure::usage(format!("--stage {called}: the plan has no such stage")))
    }

    /// Whether another stage uses this one.
    pub fn is_used(&self, index: usize) -> bool {
        self.stages.iter().any(|stage| uses(stage).contains(&index))
    }

    /// The stages to build here, in the plan's order: all, or the one `asked` for. Unless others are built
    /// `elsewhere`, those that it needs are built here too.
    pub fn wanted(&self, asked: Option<usize>, elsewhere: bool) -> Vec<&Stage> {
        let Some(asked) = asked else { return self.stages.iter().collect() };
        let mut needed = vec![asked];
        for earlier in self.stages.iter().rev().filter(|_| !elsewhere) {
            if needed.contains(&earlier.index) {
                needed.extend(uses(earlier));
            }
        }
        self.stages.iter().filter(|stage| needed.contains(&stage.index)).collect()
    }
}

/// Every stage that `stage` uses.
fn uses(stage: &Stage) -> Vec<usize> {
    let mut uses = stage.needs.clone();
    if let Base::Stage { index } = stage.base {
        uses.push(index);
    }
    uses.extend(stage.instructions.iter().flat_map(sources));
    uses
}

/// The stages that an instruction takes files from.
pub fn sources(instruction: &Instruction) -> Vec<usize> {
    let index = |source: &Option<Source>| match source {
        Some(Source::Stage { index }) => Some(*index),
        _ => None,
    };
    match &instruction.op {
        Op::Copy(copy) | Op::Add(copy) => index(&copy.from).into_iter().collect(),
        Op::Run { mounts, .. } => mounts.iter().filter_map(|mount| index(&mount.from)).collect(),
        _ => Vec::new(),
    }
}

/// The earlier stage that was perhaps meant by the name of an image, which then is no image to pull from a registry.
pub fn misspelt_stage<'a>(stage: &'a Stage, name: &str) -> Option<&'a str> {
    let is_plain = !name.contains(['/', ':', '@']);
    let earlier = stage.stages.iter().take(stage.index).flatten();
    libcli::nearest(name, earlier.map(String::as_str)).filter(|_| is_plain)
}

/// The stage with this index in words, as `stage` may name it.
pub fn stage_name(stage: &Stage, index: usize) -> String {
    let name = stage.stages.get(index).cloned().flatten();
    format!("stage {}", name.unwrap_or_else(|| index.to_string()))
}

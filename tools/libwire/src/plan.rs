//! build-plan(5): what df-parse says is to be built, one record a stage, in dependency order.
//!
//! FROM, stage references and global ARGs are resolved; every other word is kept as written, to be
//! expanded by stage-run, which knows the base image's environment.

mod check;
mod members;
mod op;

pub use check::read;
pub use op::{ArgDecl, Command, Copy, Heredoc, Instruction, Mount, MountKind, Op, Pair};

use crate::formats::BUILD_PLAN;
use crate::stream::{Format, Records};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The build-plan stream.
pub struct BuildPlan;

impl Format for BuildPlan {
    const NAME: &'static str = BUILD_PLAN.name;
    const VERSION: u32 = 1;
    const MAKER: &'static str = BUILD_PLAN.maker;
    const RECORDS: Records = &[("stage", "a stage", members::STAGE)];
    const STRICT: bool = true;
    type Record = PlanRecord;

    // A plan is short, and its members have members.
    fn is_odd(_: &PlanRecord, _: usize) -> bool {
        true
    }
}

/// A record of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlanRecord {
    /// One stage to build.
    Stage(Box<Stage>),
}

fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One stage: its base, its instructions, and what it waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Position among the file's FROM lines, from 0. Names the stage in every later record.
    pub index: usize,
    /// `AS name`, lower-cased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The Dockerfile's name, for messages.
    pub dockerfile: String,
    /// FROM's first line, from 1.
    pub line: u32,
    /// FROM's last line.
    pub line_end: u32,
    /// FROM as written, continuation lines joined.
    pub text: String,
    /// Its physical lines, when there are several. For messages.
    #[serde(default, skip_serializing_if = "unset")]
    pub lines: Vec<String>,
    /// What it starts from.
    pub base: Base,
    /// `os/arch[/variant]` the stage is built for.
    pub platform: String,
    /// The platform of the image, when the caller asked for one and this is the target; else its base's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_platform: Option<String>,
    /// SOURCE_DATE_EPOCH, as the caller or the file gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i64>,
    /// Whether it is what the build is for.
    pub target: bool,
    /// Whether its layers are part of the image: it is the target or in the target's chain of FROMs.
    pub ships: bool,
    /// Stages whose result it uses, by index, ascending.
    #[serde(default, skip_serializing_if = "unset")]
    pub needs: Vec<usize>,
    /// All stages a trigger of its base image may name: names of this and earlier stages, by index. Those
    /// without a name are empty in the record.
    #[serde(with = "unnamed")]
    pub stages: Vec<Option<String>>,
    /// Names of the build contexts the caller declared, which win over stages and images.
    #[serde(default, skip_serializing_if = "unset")]
    pub contexts: Vec<String>,
    /// Build arguments the caller gave, all of them.
    #[serde(default, skip_serializing_if = "unset")]
    pub build_args: BTreeMap<String, String>,
    /// Values of the ARGs before the first FROM, and of the platform arguments, which `ARG name` imports.
    /// Build arguments are already applied.
    #[serde(default, skip_serializing_if = "unset")]
    pub global_args: BTreeMap<String, String>,
    /// The file's escape character, `\` or `` ` ``.
    pub escape: char,
    /// The instructions, in order, FROM left out.
    pub instructions: Vec<Instruction>,
}

impl Stage {
    /// What it is to the image: `target`, `below` it in its chain of FROMs, or `beside`.
    pub fn part(&self) -> &'static str {
        match (self.target, self.ships) {
            (true, _) => "target",
            (false, true) => "below",
            (false, false) => "beside",
        }
    }
}

/// Names that may be missing, without null: those are empty strings.
mod unnamed {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(names: &[Option<String>], out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(names.iter().map(|name| name.as_deref().unwrap_or_default()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Option<String>>, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        Ok(names.into_iter().map(|name| (!name.is_empty()).then_some(name)).collect())
    }
}

/// What a stage starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage.
    Stage {
        /// Its index.
        index: usize,
    },
    /// An image in the store or a registry.
    Image {
        /// As written, expanded.
        name: String,
        /// In full: `docker.io/library/ubuntu:latest`, or with `@sha256:…`.
        reference: String,
    },
    /// A named build context.
    Context {
        /// The name the caller declared, verbatim.
        name: String,
    },
}

/// What `--from=` or a mount's `from=` names. Absent, it is the build context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A stage of this file.
    Stage {
        /// Its index.
        index: usize,
    },
    /// An image.
    Image {
        /// As written.
        name: String,
        /// In full.
        reference: String,
    },
    /// A named build context.
    Context {
        /// The name the caller declared, verbatim.
        name: String,
    },
    /// An empty tree (`from=scratch`).
    Scratch,
}

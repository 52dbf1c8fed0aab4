//! build-record(5): the steps of stage-run, one record each as soon as it is done, and the layers that layer-pack
//! made of them. image-assemble needs no other input.

mod members;

use crate::digest::Digest;
use crate::formats::BUILD_RECORD;
use crate::image::{Descriptor, History, ImageConfig};
use crate::path::WirePath;
use crate::provenance::{Base, FromStage, Line, Provenance};
use crate::span::Span;
use crate::stream::{Format, Records};
use serde::{Deserialize, Serialize};

/// The build-record stream.
pub struct BuildRecord;

impl Format for BuildRecord {
    const NAME: &'static str = BUILD_RECORD.name;
    const VERSION: u32 = 1;
    const MAKER: &'static str = BUILD_RECORD.maker;
    const RECORDS: Records = members::RECORDS;
    // An unknown member of a step does not affect the image.
    const STRICT: bool = false;
    type Record = Record;

    fn is_odd(_: &Record, _: usize) -> bool {
        false
    }
}

/// A record of a build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    /// The base of a stage: the first record of the stage.
    Base(Box<BaseStep>),
    /// An instruction that has been carried out.
    Step(Box<Step>),
    /// The instruction at which the stage failed: the last record of a stream, which then has no end.
    Failed(Box<FailedStep>),
    /// The packed layer of a snapshot.
    Layer(Box<LayerRecord>),
}

fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The stage that a record belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageId {
    /// Index in the Dockerfile, from 0.
    pub stage: usize,
    /// `AS name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage_name: Option<String>,
}

/// A FROM that has been carried out: everything that the stage inherits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseStep {
    /// The stage.
    #[serde(flatten)]
    pub id: StageId,
    /// The Dockerfile's name, for messages.
    pub dockerfile: String,
    /// FROM's line.
    pub line: u32,
    /// FROM as written.
    pub text: String,
    /// The inherited layers, lowest first. A layer of a stage that is not packed yet has no descriptor.
    pub layers: Vec<BaseLayer>,
    /// The whole inherited config. Its history and diff IDs are those of `layers`, as far as known.
    pub config: ImageConfig,
    /// The digest of the base image's manifest, if the base is an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// The image's name in FROM with variables expanded, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Where the inherited history comes from, if the base is an earlier stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Box<Provenance>>,
    /// The time of the step; absent if the base was only looked up.
    #[serde(flatten)]
    pub span: Option<Span>,
    /// The waits for other stages in this time.
    #[serde(default, skip_serializing_if = "unset")]
    pub waited: Vec<Wait>,
}

/// A wait for a stage that another process builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Index of that stage.
    pub stage: usize,
    /// The time of the wait.
    #[serde(flatten)]
    pub span: Span,
}

/// One inherited layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseLayer {
    /// The snapshot that holds it.
    pub snapshot: String,
    /// Its blob, if it is packed already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
}

/// A packed layer: its blob, and the digest of its tar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// The blob in the store.
    pub descriptor: Descriptor,
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
}

/// A snapshot's layer, as layer-pack reports it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The snapshot it was packed from.
    pub snapshot: String,
    /// The layer.
    #[serde(flatten)]
    pub layer: Layer,
    /// Length of the uncompressed tar in bytes.
    pub tar_size: u64,
    /// The bytes of its files; one with several names counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_size: Option<u64>,
    /// The time of packing, which the store does not keep.
    #[serde(flatten)]
    pub span: Option<Span>,
    /// The time of the upload to registries, if that was done during the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<Span>,
}

/// Whether a step ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// Its result was in the store.
    Hit,
    /// The step was carried out.
    Miss,
    /// The step changes only the config: there is nothing to run or keep.
    None,
}

/// One named part of a cache key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingredient {
    /// Its name: `parent`, `command`, `arg V`, `content src/main.c`.
    pub name: String,
    /// Its value, or a digest of it.
    pub value: String,
}

/// An instruction that has been carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The stage.
    #[serde(flatten)]
    pub id: StageId,
    /// Position in the stage, from 1; triggers of the base image count.
    pub step: usize,
    /// How many steps the stage has.
    pub steps: usize,
    /// The Dockerfile's name, for messages.
    pub dockerfile: String,
    /// The instruction's first line.
    pub line: u32,
    /// The instruction as one logical line.
    pub text: String,
    /// Which instruction: `run`, `copy`, `env`, …
    pub op: String,
    /// Whether it came from the cache.
    pub cache: Cache,
    /// The cache key, for steps that make a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// The ingredients of the key, in order.
    #[serde(default, skip_serializing_if = "unset")]
    pub ingredients: Vec<Ingredient>,
    /// Snapshots below this step, lowest first.
    pub parents: Vec<String>,
    /// The snapshot that holds the changes. A step has one exactly if it has a layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The layer, if a cached step has one already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// Whether the snapshot becomes a layer of the image: false in stages that are only copied from.
    pub ships: bool,
    /// The whole config after the step, history included.
    pub config: ImageConfig,
    /// The history entry the step added (also the last of `config.history`); ONBUILD and some others add none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// The time of the step.
    #[serde(flatten)]
    pub span: Span,
    /// The waits for other stages in this time.
    #[serde(default, skip_serializing_if = "unset")]
    pub waited: Vec<Wait>,
    /// RUN's complete output, relative to the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Why it was not in the cache, if the caller asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Box<Why>>,
}

/// The instruction at which a stage failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedStep {
    /// The stage.
    #[serde(flatten)]
    pub id: StageId,
    /// Position in the stage, from 1; absent if FROM failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// The Dockerfile's name, for messages.
    pub dockerfile: String,
    /// The instruction's first line.
    pub line: u32,
    /// The instruction as one logical line.
    pub text: String,
    /// The exit status: 128 + n when signal n ended it.
    pub status: u8,
    /// The reason in words.
    pub message: String,
    /// The status of a RUN's command: 128 + n when signal n ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_status: Option<u8>,
    /// RUN's complete output, relative to the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The id under which the store keeps the files as the command left them.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "id")]
    pub left: Option<String>,
    /// The time from the beginning to the failure.
    #[serde(flatten)]
    pub span: Span,
    /// The waits for other stages in this time.
    #[serde(default, skip_serializing_if = "unset")]
    pub waited: Vec<Wait>,
}

/// Why a step was not in the cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The kind of reason.
    pub reason: Reason,
    /// The reason in words.
    pub text: String,
    /// The step of this stage that it follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// The first ingredient that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingredient: Option<String>,
    /// The first path that differs, if the ingredient is the digest of a tree.
    #[serde(flatten)]
    pub path: Option<WirePath>,
    /// The ingredient's value in the earlier record, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The ingredient's value now, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// The key of the earlier record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Digest>,
}

/// The kind of reason that a step was not in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no earlier record to compare with.
    New,
    /// An ingredient of its key changed.
    Changed,
    /// The step is built on, or reads, the result of an earlier step that is made again.
    Follows,
    /// The step has a record, but its result is missing.
    Lost,
    /// The caller asked not to use the cache.
    NoCache,
}

impl Provenance {
    /// The provenance of a stage that has only its FROM.
    pub fn of(base: &BaseStep) -> Self {
        let from = Line { dockerfile: base.dockerfile.clone(), line: base.line, text: base.text.clone() };
        let history = base.config.history.len();
        match base.provenance.clone() {
            Some(mut inherited) => {
                inherited.stages.push(FromStage { from, history });
                *inherited
            }
            None => {
                let (layers, image) = (base.layers.len(), base.image.clone());
                let base = Base { from, history, layers, manifest: base.manifest, image };
                Self { base, steps: Vec::new(), stages: Vec::new() }
            }
        }
    }

    /// Adds a step's line, if it has a history entry.
    pub fn add(&mut self, step: &Step) {
        if step.history.is_some() {
            let (dockerfile, text) = (step.dockerfile.clone(), step.text.clone());
            self.steps.push(Line { dockerfile, line: step.line, text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_json_with_and_without_a_path() {
        for path in [None, WirePath::new("src/a.c").ok(), WirePath::new(b"\xff".to_vec()).ok()] {
            let why = Why {
                reason: Reason::Changed,
                text: "x".into(),
                step: None,
                ingredient: Some("content".into()),
                path,
                was: None,
                now: Some("y".into()),
                earlier: None,
            };
            let text = serde_json::to_string(&why).unwrap();
            assert_eq!(text.contains("path"), why.path.is_some());
            assert_eq!(serde_json::from_str::<Why>(&text).unwrap(), why);
        }
    }
}

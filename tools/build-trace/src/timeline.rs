//! The events of a build and their times, from its records. It draws nothing.

use libwire::image::Descriptor;
use libwire::record::{BaseStep, Cache, FailedStep, LayerRecord, Record, StageId, Step, Wait};
use libwire::{Digest, Span};
use std::collections::BTreeMap;

/// A build, as far as its records have been read.
#[derive(Debug, Default)]
pub struct Timeline {
    lanes: BTreeMap<usize, Lane>,
    layers: Vec<Packed>,
    dockerfile: Option<String>,
    /// The stage of the last record in the current stream.
    current: Option<usize>,
}

/// A build that has something to show.
pub(crate) struct Build {
    pub dockerfile: String,
    /// The stages by index. Layers of unknown steps come last.
    pub lanes: Vec<Lane>,
    /// From the earliest start to the latest end.
    pub span: Span,
}

/// A stage.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Its index; `None` for layers whose step is unknown.
    pub stage: Option<usize>,
    pub name: String,
    pub steps: Vec<Done>,
    pub layers: Vec<Packed>,
    /// Whether its records stop early.
    pub cut: bool,
}

/// A FROM or a step.
#[derive(Debug)]
pub(crate) struct Done {
    /// `Dockerfile:7`.
    pub place: String,
    /// The number of the step, and of all steps.
    pub step: Option<(usize, usize)>,
    pub text: String,
    pub op: String,
    pub how: How,
    pub span: Span,
    pub waited: Vec<Wait>,
    pub why: Option<String>,
    pub log: Option<String>,
    pub snapshot: Option<String>,
    /// Whether its layer is part of the image.
    pub ships: bool,
    pub blob: Option<(Digest, u64)>,
}

/// How a step got its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It changes only the config, or is a base.
    Plain,
    Cached,
    Ran,
    Failed(String),
    /// A signal ended it, perhaps because another stage failed.
    Ended(String),
}

/// A layer that was packed.
#[derive(Debug)]
pub(crate) struct Packed {
    pub snapshot: String,
    pub digest: Digest,
    pub size: u64,
    pub tar_size: u64,
    pub span: Option<Span>,
    /// The time of its upload to registries.
    pub pushed: Option<Span>,
}

impl Timeline {
    /// Begins another stream.
    pub(crate) fn begin(&mut self) {
        self.current = None;
    }

    /// Marks the current stream as cut.
    pub(crate) fn cut(&mut self) {
        if let Some(lane) = self.current.and_then(|stage| self.lanes.get_mut(&stage)) {
            lane.cut = true;
        }
    }

    /// Adds a record.
    pub(crate) fn take(&mut self, record: Record) {
        match record {
            Record::Base(base) => {
                self.dockerfile.get_or_insert_with(|| base.dockerfile.clone());
                let lane = self.lane(&base.id);
                lane.steps.extend(from_base(*base));
            }
            Record::Step(step) => {
                let lane = self.lane(&step.id);
                lane.steps.push(from_step(*step));
            }
            Record::Failed(failed) => {
                self.dockerfile.get_or_insert_with(|| failed.dockerfile.clone());
                let lane = self.lane(&failed.id);
                let steps = lane.steps.last().and_then(|last| last.step).map_or(0, |(_, steps)| steps);
                lane.steps.push(from_failed(*failed, steps));
            }
            Record::Layer(layer) => self.layers.push(from_layer(*layer)),
        }
    }

    fn lane(&mut self, id: &StageId) -> &mut Lane {
        self.current = Some(id.stage);
        let name = || id.stage_name.clone().unwrap_or_else(|| id.stage.to_string());
        let new = || Lane { stage: Some(id.stage), name: name(), ..Lane::default() };
        self.lanes.entry(id.stage).or_insert_with(new)
    }

    /// Assigns layers to their steps. `None` if no record has a time.
    pub(crate) fn finish(self) -> Option<Build> {
        let mut lanes: Vec<Lane> = self.lanes.into_values().collect();
        let blobs: BTreeMap<String, (Digest, u64)> =
            self.layers.iter().map(|layer| (layer.snapshot.clone(), (layer.digest, layer.size))).collect();
        // If several stages have a snapshot, it is packed for the first of them that is packed at all.
        let mut owners: BTreeMap<String, (bool, usize)> = BTreeMap::new();
        for (at, lane) in lanes.iter_mut().enumerate() {
            for done in &mut lane.steps {
                let Some(snapshot) = &done.snapshot else { continue };
                done.blob = blobs.get(snapshot).copied().or(done.blob);
                let owner = owners.entry(snapshot.clone()).or_insert((done.ships, at));
                if done.ships && !owner.0 {
                    *owner = (true, at);
                }
            }
        }
        let mut strays = Lane { name: "layers".into(), ..Lane::default() };
        for layer in self.layers {
            match owners.get(&layer.snapshot) {
                Some((_, at)) => lanes[*at].layers.push(layer),
                None => strays.layers.push(layer),
            }
        }
        if !strays.layers.is_empty() {
            lanes.push(strays);
        }
        let span = whole(&lanes)?;
        Some(Build { dockerfile: self.dockerfile.unwrap_or_default(), lanes, span })
    }
}

impl Lane {
    /// From its earliest start to its latest end, without packing.
    pub fn span(&self) -> Option<Span> {
        Span::around(self.steps.iter().map(|done| done.span))
    }

    /// Its pushed layers, in rows without two uploads at the same time.
    pub fn uploads(&self) -> Vec<Vec<(&Packed, Span)>> {
        let mut pushed: Vec<(&Packed, Span)> =
            self.layers.iter().filter_map(|layer| Some((layer, layer.pushed?))).collect();
        pushed.sort_by_key(|(_, span)| span.started_ms);
        let mut rows: Vec<Vec<(&Packed, Span)>> = Vec::new();
        for (layer, span) in pushed {
            let is_free = |row: &&mut Vec<(&Packed, Span)>| {
                row.last().is_none_or(|(_, last)| last.ended_ms() <= span.started_ms)
            };
            match rows.iter_mut().find(is_free) {
                Some(row) => row.push((layer, span)),
                None => rows.push(vec![(layer, span)]),
            }
        }
        rows
    }

    /// Its name, for people.
    pub fn title(&self) -> String {
        match self.stage {
            Some(stage) if stage.to_string() != self.name => format!("stage {stage}: {}", self.name),
            Some(stage) => format!("stage {stage}"),
            None => self.name.clone(),
        }
    }
}

fn whole(lanes: &[Lane]) -> Option<Span> {
    let steps = lanes.iter().flat_map(|lane| lane.steps.iter().map(|done| done.span));
    let layers = lanes.iter().flat_map(|lane| &lane.layers);
    Span::around(steps.chain(layers.flat_map(|layer| layer.span.into_iter().chain(layer.pushed))))
}

/// Waits, limited to the span of their step.
fn within(waits: Vec<Wait>, span: Span) -> Vec<Wait> {
    let clamp = |wait: Wait| {
        let start = wait.span.started_ms.max(span.started_ms);
        let length = wait.span.ended_ms().min(span.ended_ms()).checked_sub(start)?;
        Some(Wait { span: Span { started_ms: start, duration_ms: length }, ..wait })
    };
    waits.into_iter().filter_map(clamp).collect()
}

fn from_base(base: BaseStep) -> Option<Done> {
    Some(Done {
        place: format!("{}:{}", base.dockerfile, base.line),
        step: None,
        text: base.text,
        op: "from".into(),
        how: How::Plain,
        span: base.span?,
        waited: within(base.waited, base.span?),
        why: None,
        log: None,
        snapshot: None,
        ships: false,
        blob: None,
    })
}

fn from_step(step: Step) -> Done {
    Done {
        place: format!("{}:{}", step.dockerfile, step.line),
        step: Some((step.step, step.steps)),
        text: step.text,
        op: step.op,
        how: match step.cache {
            Cache::None => How::Plain,
            Cache::Hit => How::Cached,
            Cache::Miss => How::Ran,
        },
        span: step.span,
        waited: within(step.waited, step.span),
        why: step.why.map(|why| why.text),
        log: step.log,
        snapshot: step.snapshot,
        ships: step.ships,
        blob: step.layer.map(|layer| blob(&layer.descriptor)),
    }
}

fn from_failed(failed: FailedStep, steps: usize) -> Done {
    Done {
        place: format!("{}:{}", failed.dockerfile, failed.line),
        step: failed.step.map(|step| (step, steps.max(step))),
        text: failed.text,
        op: "failed".into(),
        how: if failed.status < 128 { How::Failed(failed.message) } else { How::Ended(failed.message) },
        span: failed.span,
        waited: within(failed.waited, failed.span),
        why: None,
        log: None,
        snapshot: None,
        ships: false,
        blob: None,
    }
}

fn from_layer(record: LayerRecord) -> Packed {
    let (digest, size) = blob(&record.layer.descriptor);
    Packed {
        snapshot: record.snapshot,
        digest,
        size,
        tar_size: record.tar_size,
        span: record.span,
        pushed: record.pushed,
    }
}

fn blob(descriptor: &Descriptor) -> (Digest, u64) {
    (descriptor.digest, descriptor.size)
}

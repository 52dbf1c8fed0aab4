//! Reads the records and keeps what an image needs: the config of the last stage, its snapshots in order, and all
//! layers.

use libcli::Failure;
use libstore::{Store, StoreError};
use libwire::image::ImageConfig;
use libwire::provenance::Provenance;
use libwire::record::{BaseLayer, BaseStep, BuildRecord, Layer, Record, StageId, Step};
use libwire::{Event, Reader, WireError};
use std::collections::BTreeMap;
use std::io::BufRead;

/// The result of a stage, from its records.
#[derive(Debug)]
pub struct Build {
    /// The config after its last step.
    pub(crate) config: ImageConfig,
    /// The lines that made it.
    pub(crate) provenance: Provenance,
    /// The record at which history and layers begin to differ, and how.
    pub(crate) parting: Option<String>,
    parts: Vec<Part>,
    packed: BTreeMap<String, Layer>,
}

/// A layer of the image, and its instruction, for messages.
#[derive(Debug)]
struct Part {
    snapshot: String,
    layer: Option<Layer>,
    of_base: bool,
    place: String,
}

#[derive(Default)]
struct Stage {
    id: Option<StageId>,
    provenance: Option<Provenance>,
    config: ImageConfig,
    parting: Option<String>,
    parts: Vec<Part>,
    packed: BTreeMap<String, Layer>,
}

/// Reads all streams of the inputs. The image is that of the stage with the last base record.
pub(crate) fn collect<'a, R: BufRead>(
    inputs: impl IntoIterator<Item = (&'a str, R)>,
) -> Result<Build, Failure> {
    let mut stage = Stage::default();
    for (name, input) in inputs {
        let mut reader = Reader::<_, BuildRecord>::new(input);
        while let Some(event) = reader.next_event().map_err(|error| explain(name, error))? {
            if let Event::Record(record) = event {
                let bad = |what| Failure::bad_input(name, format!("{}: {what}", reader.at()));
                stage.take(record).map_err(bad)?;
            }
        }
    }
    match stage.provenance {
        Some(provenance) => {
            let Stage { config, parting, parts, packed, .. } = stage;
            Ok(Build { config, provenance, parting, parts, packed })
        }
        None => Err(Failure::bad_input(
            "standard input",
            "the records have no stage; did stage-run's output get lost?",
        )),
    }
}

fn explain(name: &str, error: WireError) -> Failure {
    match error {
        WireError::Io(error) => Failure::failed(name, error),
        other => Failure::bad_input(name, other),
    }
}

impl Stage {
    fn take(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Base(base) => self.begin(*base),
            Record::Step(step) => self.step(*step)?,
            Record::Failed(failed) => {
                return Err(format!(
                    "the stage ended at {}:{}: {}",
                    failed.dockerfile, failed.line, failed.message
                ));
            }
            Record::Layer(record) => {
                let known = self.packed.insert(record.snapshot.clone(), record.layer.clone());
                if known.is_some_and(|known| known != record.layer) {
                    return Err(format!("snapshot {} has two different layers", record.snapshot));
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, base: BaseStep) {
        let place = format!("{}:{}", base.dockerfile, base.line);
        self.provenance = Some(Provenance::of(&base));
        let part =
            |BaseLayer { snapshot, layer }| Part { snapshot, layer, of_base: true, place: place.clone() };
        self.parts = base.layers.into_iter().map(part).collect();
        (self.id, self.config, self.parting) = (Some(base.id), base.config, None);
        self.compare(&place);
    }

    /// Remembers the first place at which the history has another number of layers.
    fn compare(&mut self, place: &str) {
        let (accounted, layers) = (self.config.layers_in_history(), self.parts.len());
        if self.parting.is_none() && accounted != layers {
            self.parting = Some(format!(
                "up to {place} it accounts for {accounted} layers, but there are {layers}; entries without a layer have empty_layer"
            ));
        }
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        if self.id.as_ref().map(|id| id.stage) != Some(step.id.stage) {
            return Err(format!(
                "a step of stage {} without that stage's base record before it",
                step.id.stage
            ));
        }
        if let Some(provenance) = &mut self.provenance {
            provenance.add(&step);
        }
        let place = format!("{}:{}", step.dockerfile, step.line);
        if let Some(snapshot) = step.snapshot {
            self.parts.push(Part { snapshot, layer: step.layer, of_base: false, place: place.clone() });
        }
        self.config = step.config;
        self.compare(&place);
        Ok(())
    }
}

impl Build {
    /// The error that a snapshot has no layer. It names another snapshot that has one, in case the packer used the
    /// wrong id.
    fn no_layer(&self, snapshot: &str) -> String {
        let is_known = |other: &&String| self.parts.iter().any(|part| part.snapshot == **other);
        match self.packed.keys().find(|other| !is_known(other)) {
            Some(other) => format!(
                "no layer for snapshot {snapshot}, but one for {other}, which is not a snapshot of this image"
            ),
            None => format!("no layer for snapshot {snapshot}; its layer-pack failed or was left out"),
        }
    }

    /// The image's layers, lowest first, each of them in the store.
    pub(crate) fn layers(&self, store: &Store) -> Result<Vec<Layer>, Failure> {
        let mut layers = Vec::new();
        for part in &self.parts {
            // The layer packed in this build takes precedence, because the record may be from an earlier build with
            // another packing.
            let packed = self.packed.get(&part.snapshot);
            let Some(layer) = packed.or(part.layer.as_ref()) else {
                return Err(Failure::bad_input(&part.place, self.no_layer(&part.snapshot)));
            };
            match store.has_layer(layer, part.of_base || packed.is_some()) {
                Ok(true) => layers.push(layer.clone()),
                Ok(false) => {
                    let what = format!("layer {}", layer.descriptor.digest);
                    let hint = "; build again, or load the base again if it is the base's".into();
                    return Err(Failure::failed(&part.place, StoreError::Missing { what, hint }));
                }
                Err(StoreError::Invalid { place, what }) => {
                    return Err(Failure::bad_input(&part.place, format!("{place}: {what}")));
                }
                Err(error) => return Err(Failure::failed(&part.place, error)),
            }
        }
        Ok(layers)
    }
}

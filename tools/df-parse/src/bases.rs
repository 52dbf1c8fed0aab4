//! Facts about the images that stages start from, for the checks. They come from build-record(5).

use libwire::record::{BuildRecord, Record};
use libwire::{Reader, WireError};
use std::collections::BTreeMap;
use std::io::BufRead;

/// The properties that a stage inherits from its image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Its variables, in order.
    pub env: Vec<(String, String)>,
    /// Whether it has a SHELL of its own.
    pub shell: bool,
    /// Its working directory.
    pub workdir: String,
    /// Its system and machine.
    pub platform: (String, String),
    /// Its triggers.
    pub triggers: Vec<String>,
    /// How many layers it has.
    pub layers: usize,
}

/// Images by the index of the stage that starts from one.
pub type Bases = BTreeMap<usize, Image>;

/// Reads the `base` records of a stream, and skips others.
pub fn read(input: impl BufRead) -> Result<Bases, WireError> {
    let records = Reader::<_, BuildRecord>::new(input).read_all()?;
    let base = |record: Record| match record {
        Record::Base(base) => Some((base.id.stage, base.config)),
        _ => None,
    };
    let image = |config: libwire::image::ImageConfig| Image {
        env: config.config.env.iter().map(|entry| pair(entry)).collect(),
        workdir: config.config.working_dir,
        shell: config.config.shell.is_some_and(|shell| !shell.is_empty()),
        platform: (config.os, config.architecture),
        triggers: config.config.on_build,
        layers: config.rootfs.diff_ids.len(),
    };
    Ok(records.into_iter().filter_map(base).map(|(stage, config)| (stage, image(config))).collect())
}

fn pair(entry: &str) -> (String, String) {
    let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
    (name.to_owned(), value.to_owned())
}

//! Tells the checks which images the stages of a plan start from, without building: the images' configs.
//!
//! Nothing is unpacked, taken into the store or run. An image that can't be had is left out: a build will say
//! so at its FROM.

use crate::base::image_name;
use crate::options::NamedContext;
use crate::plan::Plan;
use crate::session::select_of;
use libcli::Failure;
use libstore::{Image, Select, Store};
use libwire::plan::{Base, Stage};
use libwire::record::{BaseStep, BuildRecord, Record, StageId};
use libwire::{Reference, Writer};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};

/// Writes a record without layers for each base in the plan that is an image of `store` or of a named context.
pub fn write<W: Write>(
    input: impl BufRead,
    store: Option<&Store>,
    contexts: &BTreeMap<String, NamedContext>,
    output: W,
) -> Result<W, Failure> {
    let plan = Plan::read(input)?;
    let mut writer = Writer::<_, BuildRecord>::new(output, BTreeMap::new())?;
    for stage in &plan.stages {
        let Some(image) = image(store, contexts, stage) else { continue };
        writer.write(&Record::Base(Box::new(BaseStep {
            id: StageId { stage: stage.index, stage_name: stage.name.clone() },
            dockerfile: stage.dockerfile.clone(),
            line: stage.line,
            text: stage.text.clone(),
            layers: Vec::new(),
            config: image.config,
            manifest: Some(image.descriptor.digest),
            image: image_name(stage, contexts),
            provenance: None,
            span: None,
            waited: Vec::new(),
        })))?;
    }
    Ok(writer.finish()?)
}

fn image(store: Option<&Store>, contexts: &BTreeMap<String, NamedContext>, stage: &Stage) -> Option<Image> {
    let stored = |reference: &str| {
        let reference = Reference::parse(reference).ok()?;
        let descriptor = store?.resolve(&reference).ok()??;
        store?.image(&descriptor).ok()
    };
    match &stage.base {
        Base::Scratch | Base::Stage { .. } => None,
        Base::Image { reference, .. } => stored(reference),
        Base::Context { name } => match contexts.get(name)? {
            NamedContext::Directory(_) | NamedContext::Url(_) => None,
            NamedContext::Image(reference) => stored(reference),
            NamedContext::Layout { path, select } => {
                let (name, digest) = select_of(select.as_deref());
                let platform = stage.platform.parse().ok()?;
                let select = Select { name, digest, platform, ..Select::default() };
                libstore::peek_layout(path, &select).ok()
            }
        },
    }
}

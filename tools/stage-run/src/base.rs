//! FROM: the base of a stage.

use crate::error::StepError;
use crate::options::NamedContext;
use crate::plan::stage_name;
use crate::session::Session;
use crate::session::images::{Found, platform_of};
use crate::state::State;
use libstore::Image;
use libwire::Digest;
use libwire::Platform;
use libwire::image::{ContainerConfig, ImageConfig};
use libwire::plan::{Base, Stage};
use libwire::record::{BaseLayer, Layer};
use std::collections::BTreeMap;

/// The beginning of a stage.
pub struct Begun {
    /// The state before the first instruction.
    pub state: State,
    /// The base image's manifest, and the name that led to it.
    pub image: Option<(Digest, Option<String>)>,
    /// The named context whose files are the first layer, when the base is a directory.
    pub files: Option<String>,
    /// Triggers of the base, to be run first.
    pub triggers: Vec<String>,
}

/// Finds the base of `stage`; waits for it when it is a stage.
pub fn begin(session: &Session, stage: &Stage) -> Result<Begun, StepError> {
    let (mut from, mut files) = (None, None);
    let from_image = |(image, snapshots): Found| {
        let name = image_name(stage, &session.options.contexts);
        if stage.ships {
            session.images.require_layers(&image, name.as_deref().unwrap_or("of the context"))?;
        }
        from = Some((image.descriptor.digest, name));
        Ok::<_, StepError>(inherit(session, image, snapshots))
    };
    let state = match &stage.base {
        Base::Scratch => scratch(&stage.platform)?,
        Base::Stage { index } => {
            let state = session.stages.get(*index)?;
            State { pending: state.pending.as_ref().map(|_| stage_name(stage, *index)), ..state }
        }
        Base::Image { name, reference } => {
            or_pending(session.images.named(reference, name, stage), stage, from_image)?
        }
        Base::Context { name } => match session.context(name)? {
            NamedContext::Directory(_) | NamedContext::Url(_) => {
                files = Some(name.clone());
                scratch(&stage.platform)?
            }
            NamedContext::Layout { path, select } => {
                let found = session.images.in_layout(path, select.as_deref(), &stage.platform);
                or_pending(found, stage, from_image)?
            }
            NamedContext::Image(reference) if reference == "scratch" => scratch(&stage.platform)?,
            NamedContext::Image(reference) => {
                or_pending(session.images.named(reference, reference, stage), stage, from_image)?
            }
        },
    };
    let mut state = state.begin(session.options.epoch);
    if let Some(platform) = &stage.image_platform {
        set_platform(&mut state.config, platform_of(platform)?);
    }
    let triggers = std::mem::take(&mut state.config.config.on_build);
    Ok(Begun { state, image: from, files, triggers })
}

/// The state of what was `found`, or in a dry run what has to be made first.
fn or_pending(
    found: Result<Found, StepError>,
    stage: &Stage,
    state: impl FnOnce(Found) -> Result<State, StepError>,
) -> Result<State, StepError> {
    found.and_then(state).or_else(|error| {
        let pending = error.needs().map(str::to_owned);
        Ok(State { pending: Some(pending.ok_or(error)?), ..scratch(&stage.platform)? })
    })
}

/// The name of the image that is the base of `stage`, if it has one.
pub fn image_name(stage: &Stage, contexts: &BTreeMap<String, NamedContext>) -> Option<String> {
    match &stage.base {
        Base::Image { name, .. } => Some(name.clone()),
        Base::Context { name } => match contexts.get(name)? {
            NamedContext::Image(reference) => Some(reference.clone()),
            _ => None,
        },
        Base::Scratch | Base::Stage { .. } => None,
    }
}

fn scratch(platform: &str) -> Result<State, StepError> {
    let platform = platform_of(platform)?;
    let config = ImageConfig {
        architecture: platform.architecture,
        os: platform.os,
        variant: platform.variant,
        config: ContainerConfig { working_dir: "/".into(), ..ContainerConfig::default() },
        ..ImageConfig::default()
    };
    Ok(State { config, ..State::default() })
}

/// A variant that the base has for the same machine stays, if the platform asked for has none.
fn set_platform(config: &mut ImageConfig, platform: Platform) {
    let same = (&config.os, &config.architecture) == (&platform.os, &platform.architecture);
    if !same || platform.variant.is_some() {
        config.variant = platform.variant;
    }
    (config.os, config.architecture) = (platform.os, platform.architecture);
}

fn inherit(session: &Session, mut image: Image, snapshots: Vec<String>) -> State {
    image.config.complete_history();
    let packed = image.manifest.layers.into_iter().zip(image.config.rootfs.diff_ids.iter().copied());
    let layers = snapshots.into_iter().zip(packed).map(|(snapshot, (descriptor, diff_id))| BaseLayer {
        snapshot,
        layer: Some(Layer { descriptor: session.store.typed_by_bytes(descriptor), diff_id }),
    });
    State { layers: layers.collect(), config: image.config, ..State::default() }
}

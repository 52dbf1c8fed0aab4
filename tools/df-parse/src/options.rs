//! The caller's options.

use crate::bases::Bases;
use libdockerfile::ParseError;
use libwire::Platform;
use std::collections::BTreeMap;

/// Values by name.
pub(crate) type Values = BTreeMap<String, String>;

/// The options for a plan.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The Dockerfile's name, for messages.
    pub name: String,
    /// The stage to build; by default the last one.
    pub target: Option<String>,
    /// The last step, which also determines the target.
    pub until: Option<String>,
    /// `--build-arg`.
    pub build_args: Values,
    /// `--platform`.
    pub platform: Option<String>,
    /// Names of build contexts the caller declares.
    pub contexts: Vec<String>,
    /// Facts about the images that stages start from, for the checks and for the stages that their triggers
    /// use.
    pub bases: Bases,
}

impl Options {
    /// The platform to build for.
    pub(crate) fn platform(&self) -> Result<Platform, ParseError> {
        let Some(text) = &self.platform else { return Ok(Platform::host()) };
        let platform = text.parse::<Platform>().map_err(ParseError::new)?;
        match platform.impossible() {
            Some(what) => Err(ParseError::new(format!("--platform {text}: {what}"))),
            None => Ok(platform),
        }
    }
}

/// The stages that the checks look into. The file as a whole is always checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All stages.
    AllStages,
    /// The target and the stages that it needs.
    Needed,
}

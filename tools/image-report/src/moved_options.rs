//! Options that other tools have now. The message for such an option names the tool and its option.

use clap::Args;
use libcli::Failure;
use std::ffi::OsString;

/// The options, hidden from `--help`.
#[derive(Args)]
pub struct Moved {
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true)]
    files: Option<Option<OsString>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    layer: Option<Option<OsString>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    why: Option<Option<OsString>>,
    #[arg(long, hide = true, num_args = 0..=1)]
    depth: Option<Option<OsString>>,
    #[arg(long, hide = true)]
    sharing: bool,
    #[arg(long, hide = true, num_args = 0..=1)]
    having: Vec<OsString>,
    #[arg(long, hide = true, num_args = 0..=1)]
    registry: Option<Option<OsString>>,
}

/// The names of these options. With any of them, images may be missing.
pub const NAMES: [&str; 7] = ["files", "layer", "why", "depth", "sharing", "having", "registry"];

impl Moved {
    /// A failure if one of them is given.
    pub fn refuse(&self) -> Result<(), Failure> {
        let moved = [
            (self.files.is_some(), "--files", "image-files IMAGE [PATH]"),
            (self.layer.is_some(), "--layer", "image-files --layer N IMAGE"),
            (self.why.is_some(), "--why", "image-files --why IMAGE PATH"),
            (self.depth.is_some(), "--depth", "image-files --depth N IMAGE [PATH]"),
            (self.sharing, "--sharing", "image-list --sharing [IMAGE]"),
            (!self.having.is_empty(), "--having", "image-list --having IMAGE [IMAGE]"),
            (self.registry.is_some(), "--registry", "image-push -n IMAGE HOST/NAME"),
        ];
        match moved.into_iter().find(|(given, ..)| *given) {
            Some((_, option, command)) => {
                let tool = command.split(' ').next().unwrap_or_default();
                Err(Failure::usage(format!("{option}: {tool} does that now; run {command}")))
            }
            None => Ok(()),
        }
    }
}

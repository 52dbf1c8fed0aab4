//! image-files(1): the files of an image, and the layers that pay for them.

use clap::Parser;
use image_files::Form;
use image_files::view::Question;
use libcli::{Failure, Stdout};
use libimage::source::{self, Sources};
use libstore::{Environment, locate};
use libwire::Platform;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;

/// List the files of an image: its final tree and the layers that pay for it, the changes of a layer, or the history
/// of a path.
///
/// IMAGE is a name or digest of the store, an OCI layout directory or an archive; PATH:NAME selects one of several
/// images in it; - reads an archive from standard input.
#[derive(Parser)]
#[command(name = "image-files", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Use the image for this platform if a layout or archive has several [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<Platform>,
    #[command(flatten)]
    limits: libcli::Limits,
    /// Print a JSON object for each answer instead of text
    #[arg(long)]
    json: bool,
    /// Show trees this many directories deep
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(..=100), conflicts_with = "why")]
    depth: u8,
    /// Show what layer N adds, removes and hides instead of the final tree
    #[arg(long, value_name = "N", conflicts_with_all = ["why", "paths"])]
    layer: Option<usize>,
    /// Show the history of each PATH, with the instructions that put it there, changed or hid it, instead of its tree
    #[arg(long, requires = "paths")]
    why: bool,
    /// The image
    image: String,
    /// Paths in the image [default: all of it]
    #[arg(value_name = "PATH")]
    paths: Vec<OsString>,
}

impl Args {
    fn questions(&self) -> Vec<Question> {
        if let Some(number) = self.layer {
            return vec![Question::Layer(number)];
        }
        let question = if self.why { Question::Why } else { Question::Files };
        match &self.paths[..] {
            [] => vec![question(b"/".to_vec())],
            paths => paths.iter().map(|path| question(path.clone().into_vec())).collect(),
        }
    }
}

fn main() -> ExitCode {
    libcli::main("image-files", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let sources = Sources {
        store: locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?,
        platform: args.platform.clone(),
        limits: libstore::Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries },
    };
    let opened = source::open(&args.image, &sources)?;
    let form = if args.json { Form::Json } else { Form::Text };
    let mut stdout = Stdout::open()?;
    image_files::show(&opened, &args.questions(), args.depth.into(), form, &mut stdout)?;
    stdout.finish()
}

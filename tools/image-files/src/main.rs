//! image-files(1): what is in an image, and who pays for it.

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

/// Look into an image: its final tree and which layers pay for it, what a layer did, how a path came to be as it is.
///
/// IMAGE is a name or digest of the store, an OCI layout directory or an archive; with several images in it,
/// PATH:NAME; - is an archive on standard input.
#[derive(Parser)]
#[command(name = "image-files", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Take this platform's image of an index in a layout or archive [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<Platform>,
    #[command(flatten)]
    limits: libcli::Limits,
    /// A JSON object an answer, instead of text
    #[arg(long)]
    json: bool,
    /// How many directories deep trees are shown
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(..=100), conflicts_with = "why")]
    depth: u8,
    /// What layer N puts, removes and hides, instead of the final tree
    #[arg(long, value_name = "N", conflicts_with_all = ["why", "paths"])]
    layer: Option<usize>,
    /// Which instructions put each PATH there, changed or hid it, and what it costs, instead of what is below it
    #[arg(long, requires = "paths")]
    why: bool,
    /// The image
    image: String,
    /// Where in the image to look [default: all of it]
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

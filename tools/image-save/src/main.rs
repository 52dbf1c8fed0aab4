//! image-save(1): writes images of the store.

use clap::{Parser, ValueEnum};
use image_save::{Existing, Found};
use libcli::{Failure, Stdout};
use libsandbox::{Isolation, Overlay, mount_overlay};
use libstore::export::{self, Format};
use libstore::{Environment, Limits, Options, Store, StoreError, Unpack, locate};
use libtree::Root;
use libwire::Reference;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write an image of the store to a file or directory.
///
/// IMAGE is a name, a digest, or the start of one.
#[derive(Parser)]
#[command(name = "image-save", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The format to write
    #[arg(long, value_enum, default_value_t = Form::Oci)]
    format: Form,
    /// The file or directory to write; - is standard output
    #[arg(short, long, value_name = "DEST", default_value = "-")]
    output: PathBuf,
    /// A name for the image in the archive or layout, instead of its names in the store; may be given several times
    #[arg(short, long, value_name = "NAME")]
    tag: Vec<Reference>,
    /// Give the image no name there
    #[arg(long, conflicts_with = "tag")]
    no_tag: bool,
    /// How to treat files that are already in the directory of --format dir
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Existing::Refuse)]
    existing: Existing,
    /// How to act as root for the files: root, subuid or single [default: the best that works]
    #[arg(long, value_name = "MODE")]
    isolation: Option<Isolation>,
    #[command(flatten)]
    limits: libcli::Limits,
    /// The image
    image: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// An OCI layout in a tar
    Oci,
    /// A tar for docker load and podman load
    Docker,
    /// An OCI layout in a directory
    Layout,
    /// The image's file system, all layers merged, as a tar
    Tar,
    /// The image's file system in a directory
    Dir,
}

fn main() -> ExitCode {
    libcli::main("image-save", job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    let stdout = args.output == Path::new("-");
    if stdout && matches!(args.format, Form::Layout | Form::Dir) {
        return Err(Failure::usage("a directory can't be written to standard output; use -o DIR"));
    }
    if args.existing != Existing::Refuse && args.format != Form::Dir {
        return Err(Failure::usage("--existing is for --format dir; leave it out"));
    }
    if (args.no_tag || !args.tag.is_empty()) && matches!(args.format, Form::Tar | Form::Dir) {
        return Err(Failure::usage("--tag and --no-tag are for archives and layouts; a tree has no name"));
    }
    if stdout {
        // Fails before anything is unpacked.
        Stdout::open_for_tar()?;
    }
    let path = locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?;
    match args.format {
        Form::Oci | Form::Docker | Form::Layout => {
            let store = Store::open_to_use(&path, Options::default())?;
            let Found { image, names } = image_save::find(&store, &args.image)?;
            let names = if args.tag.is_empty() && !args.no_tag { names } else { args.tag };
            let format = if args.format == Form::Docker { Format::Docker } else { Format::Oci };
            match args.format {
                Form::Layout => Ok(export::layout(&store, &image, &names, &args.output)?),
                _ => write(&args.output, |out| export::archive(&store, &image, &names, format, out)),
            }
        }
        Form::Tar | Form::Dir => save_tree(&path, &args),
    }
}

fn write(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<(), StoreError>) -> Result<(), Failure> {
    if path != Path::new("-") {
        return Ok(export::to_file(path, write)?);
    }
    let mut stdout = Stdout::open()?;
    write(&mut stdout)?;
    stdout.finish()
}

fn save_tree(path: &Path, args: &Args) -> Result<(), Failure> {
    let sandbox = |error| Failure::failed("", error);
    let isolation = libsandbox::enter(args.isolation).map_err(sandbox)?;
    let map = isolation.map();
    let limits = Limits { bytes: args.limits.max_unpacked, entries: args.limits.max_entries };
    let store = Store::open_to_use(path, Options { map, limits, ..Options::default() })?;
    let Found { image, .. } = image_save::find(&store, &args.image)?;
    let mount = |lowers: &[PathBuf], upper: &Path, work: &Path| {
        mount_overlay(&Overlay { lowers, upper: Some((upper, work)) }, isolation).map_err(io::Error::other)
    };
    let how = Unpack { owners: isolation.owners(), mount: &mount };
    let lowers = image_save::layers(&store, &image, &how)?;
    warn(store.take_warnings());
    // An image without layers is an empty directory.
    let nothing = if lowers.is_empty() { Some(store.new_snapshot(&[])?) } else { None };
    let upper = nothing.as_ref().map(|nothing| (nothing.upper(), nothing.work()));
    let merged = mount_overlay(&Overlay { lowers: &lowers, upper }, isolation).map_err(sandbox)?;
    let root = Root::from_fd(merged, isolation.owners());
    if args.format == Form::Dir {
        let skipped = image_save::unpack_into(&root, &args.output, isolation.owners(), args.existing)?;
        let devices = format!("{skipped} device nodes left out: only root can make them");
        warn(if skipped > 0 { vec![devices] } else { Vec::new() });
        return Ok(());
    }
    let what = "cannot save the tree";
    write(&args.output, |out| image_save::write_tree(&root, out).map_err(StoreError::io(what)))
}

fn warn(warnings: Vec<String>) {
    for warning in warnings {
        libcli::warn("image-save", &warning);
    }
}

//! image-assemble(1): build records in, an image out.

use clap::Parser;
use libcli::{Failure, Stdout, tell};
use libstore::export::{self, Format};
use libstore::{Environment, Image, Options, Store, StoreError, locate};
use libwire::record::BuildRecord;
use libwire::{Progress, Reference};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Make an image from a build's records.
///
/// Reads build records from standard input, writes config and manifest to the store, names them, and prints
/// the manifest's digest.
#[derive(Parser)]
#[command(name = "image-assemble", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Name the image; may be given several times
    #[arg(short, long, value_name = "NAME")]
    tag: Vec<Reference>,
    /// Set a label; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Set the image's creation time, which is by default that of its last step
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    source_date_epoch: Option<i64>,
    /// Also write the image as a tar: type=oci|docker[,dest=FILE]; without FILE to standard output; may be repeated
    #[arg(short, long, value_name = "SPEC", value_parser = output)]
    output: Vec<(Format, Option<PathBuf>)>,
    /// Write the manifest's digest to FILE; may be repeated
    #[arg(long, value_name = "FILE")]
    iidfile: Vec<PathBuf>,
    /// Write the digests and names of the image to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    metadata_file: Option<PathBuf>,
    /// Make no image, but fail if it could not be made
    #[arg(long, conflicts_with_all = ["output", "iidfile", "metadata_file"])]
    check: bool,
    /// Do not wait for the disk: a power cut may lose what was reported done
    #[arg(long)]
    no_sync: bool,
    /// Files of records, instead of standard input
    files: Vec<PathBuf>,
    /// How long to wait for a lock of the store
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u64,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) => Err("the label has no name".into()),
        Some((key, value)) => Ok((key.into(), value.into())),
        None => Ok((text.into(), String::new())),
    }
}

fn output(text: &str) -> Result<(Format, Option<PathBuf>), String> {
    // The name of a file may have commas.
    let (kind, dest) = text.split_once(",dest=").unwrap_or((text, ""));
    let format = match kind {
        "type=oci" => Format::Oci,
        "type=docker" => Format::Docker,
        _ => return Err(format!("{text:?} is not type=oci or type=docker, with ,dest=FILE after it")),
    };
    Ok((format, Some(dest).filter(|dest| !matches!(*dest, "" | "-")).map(PathBuf::from)))
}

fn main() -> ExitCode {
    libcli::main("image-assemble", job)
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    let tars = args.output.iter().filter(|(_, path)| path.is_none()).count();
    if tars > 1 {
        return Err(Failure::usage("two outputs go to standard output; add dest=FILE to one"));
    }
    let build = match args.files.is_empty() {
        true => {
            let input = libcli::input(&libwire::expected::<BuildRecord>())?.lock();
            image_assemble::read([("standard input", input)])
        }
        false => image_assemble::read(args.files.iter().map(open).collect::<Result<Vec<_>, _>>()?),
    }?;
    let mut stdout = if tars > 0 { Stdout::open_for_tar()? } else { Stdout::open()? };
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let timeout = Some(Duration::from_secs(args.lock_timeout));
    let lease = libstore::build_lease(|name| std::env::var_os(name));
    let settings = Options { sync: !args.no_sync, lock_timeout: timeout, lease, ..Options::default() };
    let store = Store::open(&path, settings)?;
    let options =
        image_assemble::Options { tags: args.tag, labels: args.label, epoch: args.source_date_epoch };
    if args.check {
        return image_assemble::check(&build, &store, &options);
    }
    let image = image_assemble::assemble(&build, &store, &options)?;
    let digest = image.descriptor.digest;
    tell(&Progress::Image { digest, bytes: image_assemble::pulled(&image) });
    for path in &args.iidfile {
        write_file(path, digest.to_string().as_bytes())?;
    }
    if let Some(path) = &args.metadata_file {
        let metadata = image_assemble::metadata(&image, &options.tags);
        write_file(path, format!("{metadata:#}\n").as_bytes())?;
    }
    for (format, path) in &args.output {
        match path {
            Some(path) => write_archive(&store, &image, &options.tags, *format, path)?,
            None => export::archive(&store, &image, &options.tags, *format, &mut stdout)?,
        }
    }
    if args.output.iter().all(|(_, path)| path.is_some()) {
        writeln!(stdout, "{digest}")?;
    }
    stdout.finish()
}

/// Opens a file of records, with its name for messages.
fn open(path: &PathBuf) -> Result<(&str, BufReader<File>), Failure> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or("records");
    let file = File::open(path).map_err(|error| Failure::failed(path.display().to_string(), error))?;
    Ok((name, BufReader::new(file)))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let what = format!("cannot write {}", path.display());
    export::to_file(path, |output| output.write_all(bytes).map_err(StoreError::io(what)))
}

fn write_archive(
    store: &Store,
    image: &Image,
    names: &[Reference],
    format: Format,
    path: &Path,
) -> Result<(), StoreError> {
    export::to_file(path, |output| export::archive(store, image, names, format, output))
}

//! image-assemble(1): build records in, an image out.

use clap::Parser;
use libcli::{Failure, Stdout};
use libstore::export::{self, Format};
use libstore::{Environment, Image, Options, Store, StoreError, locate};
use libwire::Reference;
use libwire::record::BuildRecord;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Make an image of a build's records.
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
    /// Say that the image was made then, instead of when its last step ran
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    source_date_epoch: Option<i64>,
    /// Write the image as a tar too: type=oci|docker[,dest=FILE]; without FILE to standard output
    #[arg(short, long, value_name = "SPEC", value_parser = output)]
    output: Option<(Format, Option<PathBuf>)>,
    /// Write the manifest's digest to FILE
    #[arg(long, value_name = "FILE")]
    iidfile: Option<PathBuf>,
    /// Write what was made to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    metadata_file: Option<PathBuf>,
    /// Do not wait for the disk: a power cut may lose what was reported done
    #[arg(long)]
    no_sync: bool,
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
    let (mut format, mut dest) = (None, None);
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("type", "oci")) => format = Some(Format::Oci),
            Some(("type", "docker")) => format = Some(Format::Docker),
            Some(("dest", "" | "-")) => dest = None,
            Some(("dest", path)) => dest = Some(PathBuf::from(path)),
            _ => return Err(format!("{part:?} is not type=oci, type=docker or dest=FILE")),
        }
    }
    format.map(|format| (format, dest)).ok_or_else(|| "it has no type=oci or type=docker".into())
}

fn main() -> ExitCode {
    let args = Args::parse();
    libcli::run("image-assemble", || job(args))
}

fn job(args: Args) -> Result<(), Failure> {
    libsandbox::end_with_driver()?;
    let input = libcli::input(&libwire::expected::<BuildRecord>())?.lock();
    let is_tar = matches!(args.output, Some((_, None)));
    let mut stdout = if is_tar { Stdout::open_for_tar()? } else { Stdout::open()? };
    let path = locate(args.store, &Environment::of(|name| std::env::var_os(name)))?;
    let timeout = Some(Duration::from_secs(args.lock_timeout));
    let store =
        Store::open(&path, Options { sync: !args.no_sync, lock_timeout: timeout, ..Options::default() })?;
    let options =
        image_assemble::Options { tags: args.tag, labels: args.label, epoch: args.source_date_epoch };
    let image = image_assemble::assemble(input, &store, &options)?;
    let digest = image.descriptor.digest;
    if let Some(path) = &args.iidfile {
        write_file(path, digest.to_string().as_bytes())?;
    }
    if let Some(path) = &args.metadata_file {
        let metadata = image_assemble::metadata(&image, &options.tags);
        write_file(path, format!("{metadata:#}\n").as_bytes())?;
    }
    match &args.output {
        Some((format, None)) => export::archive(&store, &image, &options.tags, *format, &mut stdout)?,
        Some((format, Some(path))) => {
            write_archive(&store, &image, &options.tags, *format, path)?;
            writeln!(stdout, "{digest}")?;
        }
        None => writeln!(stdout, "{digest}")?,
    }
    stdout.finish()
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

//! image-report(1): what an image costs.

use clap::Parser;
use image_report::bounds::{self, Bounds};
use image_report::compare::{self, Side};
use image_report::explore::{self, Ask};
use image_report::ledger::Ledger;
use image_report::picture::{bars::Canvas, html, svg};
use image_report::report::Report;
use image_report::sharing::registry::Repository;
use image_report::what_if::{self, Change};
use image_report::{advice, report, sharing, source, text};
use libcli::{Failure, Stdout};
use libstore::{Environment, locate};
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Say what an image costs, instruction by instruction, and what of it is paid for but not visible.
///
/// IMAGE is a name or digest of the store, an OCI layout directory or an archive; with several images in it,
/// PATH:NAME.
#[derive(Parser)]
#[command(name = "image-report", version)]
struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// A JSON object an image, instead of text
    #[arg(long)]
    json: bool,
    /// The final tree below PATH, the largest first, and which layer pays
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "/", group = "view")]
    files: Option<OsString>,
    /// What layer N puts, removes and hides
    #[arg(long, value_name = "N", group = "view")]
    layer: Option<usize>,
    /// Which instructions put PATH there, changed or hid it, and what it costs
    #[arg(long, value_name = "PATH", group = "view")]
    why: Option<OsString>,
    /// How many directories deep --files and --layer go
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(..=100))]
    depth: u8,
    /// The layers as bars, which is how a terminal shows them
    #[arg(long, conflicts_with_all = ["json", "table", "view"])]
    bars: bool,
    /// The layers as a table on a terminal too
    #[arg(long, conflicts_with_all = ["json", "view"])]
    table: bool,
    /// Draw the layers into an SVG picture, instead of text; - is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "bars", "table", "view"])]
    svg: Option<PathBuf>,
    /// Make a page for a browser that has all of the report, instead of text; - is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "bars", "table", "view"])]
    html: Option<PathBuf>,
    /// How the second of two images differs from the first, which is the default with two
    #[arg(long, conflicts_with_all = ["view", "bars", "table", "svg", "html", "each"])]
    compare: bool,
    /// A report of each image, also of two
    #[arg(long)]
    each: bool,
    /// What it would cost with this change: squash, drop=PATH, merge=3-5 or multistage; several are tried together
    #[arg(long, value_name = "CHANGE", conflicts_with_all = ["view", "compare"])]
    what_if: Vec<String>,
    /// Exit with 1 when more is to be downloaded: 50MB, 48MiB
    #[arg(long, value_name = "SIZE", value_parser = bounds::size)]
    fail_above: Option<u64>,
    /// Exit with 1 when more is paid for and not visible
    #[arg(long, value_name = "SIZE", value_parser = bounds::size)]
    max_hidden: Option<u64>,
    /// Exit with 1 when the efficiency is less
    #[arg(long, value_name = "PERCENT", value_parser = bounds::parts)]
    min_efficiency: Option<u32>,
    /// What the images share among themselves, all of the store if none is named
    #[arg(long, group = "view")]
    sharing: bool,
    /// What pulling the images costs a node that has IMAGE; may be given several times
    #[arg(long, value_name = "IMAGE", group = "view")]
    having: Vec<String>,
    /// What pushing the images to HOST/NAME would send; the registry is asked what it has
    #[arg(long, value_name = "HOST/NAME", group = "view", value_parser = Repository::parse)]
    registry: Option<Repository>,
    /// The images
    #[arg(required_unless_present = "sharing", value_name = "IMAGE")]
    images: Vec<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    libcli::run("image-report", || job(args))
}

fn job(args: Args) -> Result<(), Failure> {
    if (args.svg.is_some() || args.html.is_some()) && args.images.len() > 1 {
        return Err(Failure::usage("--svg and --html draw one image; call image-report once for each"));
    }
    let ask = ask(&args);
    let store = locate(args.store.clone(), &Environment::of(|name| std::env::var_os(name)))?;
    let mut stdout = Stdout::open()?;
    if args.sharing || args.registry.is_some() || !args.having.is_empty() {
        unbounded(&args)?;
        share(&args, &store, &mut stdout)?;
        return stdout.finish();
    }
    if compares(&args)? {
        compare(&args, &store, &mut stdout)?;
        return stdout.finish();
    }
    let bounds =
        Bounds { download: args.fail_above, hidden: args.max_hidden, efficiency: args.min_efficiency };
    let changes = args.what_if.iter().map(|text| Ok((text.clone(), text.parse()?)));
    let changes: Vec<(String, Change)> = changes
        .collect::<Result<_, String>>()
        .map_err(|what| Failure::usage(format!("--what-if: {what}")))?;
    let mut within = Ok(());
    for name in &args.images {
        let opened = source::open(name, &store)?;
        let ledger = report::ledger(&opened)?;
        let mut report = report::report(&opened, &ledger);
        match &ask {
            Some(ask) => {
                let view = explore::view(ask, args.depth.into(), &report, &ledger)?;
                match args.json {
                    true => json(&view, &mut stdout)?,
                    false => explore::text::write(&view, &report, &mut stdout)?,
                }
            }
            None => {
                // The layers' picture shows none, and to measure it layers are read and packed again.
                if args.svg.is_none() || args.html.is_some() {
                    report.advice = advice::advise(&opened, &ledger, &report.instructions)?;
                }
                if !changes.is_empty() {
                    report.what_if =
                        Some(what_if::what_if(&opened, &ledger, &report.instructions, &changes)?);
                }
                write(&args, &report, &ledger, &mut stdout)?;
            }
        }
        within = within.and(bounds.check(name, &report.totals));
    }
    stdout.finish()?;
    within
}

/// Whether two images are to be compared: asked for, or two named and nothing else asked for.
fn compares(args: &Args) -> Result<bool, Failure> {
    let two = args.images.len() == 2;
    if args.compare && !two {
        return Err(Failure::usage("--compare takes two images"));
    }
    let drawn = args.bars || args.table || args.svg.is_some() || args.html.is_some();
    if args.compare {
        unbounded(args)?;
    }
    let tried = !args.what_if.is_empty();
    let otherwise = args.each || drawn || tried || unbounded(args).is_err() || ask(args).is_some();
    Ok(two && !otherwise)
}

/// That no bounds are given, where there is no report to hold to them.
fn unbounded(args: &Args) -> Result<(), Failure> {
    match args.fail_above.is_some() || args.max_hidden.is_some() || args.min_efficiency.is_some() {
        true => Err(Failure::usage("bounds are for reports; what is asked for makes none")),
        false => Ok(()),
    }
}

fn compare(args: &Args, store: &Path, stdout: &mut Stdout) -> Result<(), Failure> {
    let read = |name: &String| {
        let opened = source::open(name, store)?;
        let ledger = report::ledger(&opened)?;
        Ok::<_, Failure>((report::report(&opened, &ledger), ledger))
    };
    let sides = args.images.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let [a, b] = &sides[..] else { return Err(Failure::usage("--compare takes two images")) };
    let side = |(report, ledger)| Side { report, ledger };
    let comparison = compare::compare(side((&a.0, &a.1)), side((&b.0, &b.1)));
    show(args, &comparison, |output| compare::text::write(&comparison, output), stdout)
}

/// What images share among themselves, with a node or with a registry.
fn share(args: &Args, store: &Path, stdout: &mut Stdout) -> Result<(), Failure> {
    let open =
        |names: &[String]| names.iter().map(|name| source::open(name, store)).collect::<Result<Vec<_>, _>>();
    let images = if args.images.is_empty() { source::all(store)? } else { open(&args.images)? };
    if let Some(repository) = &args.registry {
        let environment = libfetch::Environment::of(|name| std::env::var_os(name));
        let pushes = sharing::registry::push(&images, repository, &environment)?;
        return show(args, &pushes, |output| sharing::text::push(&pushes, output), stdout);
    }
    if !args.having.is_empty() {
        let pulls = sharing::pull(&images, &open(&args.having)?);
        return show(args, &pulls, |output| sharing::text::pull(&pulls, output), stdout);
    }
    let found = sharing::sharing(&images);
    show(args, &found, |output| sharing::text::sharing(&found, output), stdout)
}

/// Writes something as JSON, or else as text.
fn show(
    args: &Args,
    value: &impl Serialize,
    text: impl FnOnce(&mut Stdout) -> io::Result<()>,
    stdout: &mut Stdout,
) -> Result<(), Failure> {
    let written = if args.json { json(value, stdout) } else { text(stdout) };
    Ok(written?)
}

/// The view that is wanted instead of the report.
fn ask(args: &Args) -> Option<Ask> {
    let bytes = |path: &OsString| path.clone().into_vec();
    let files = args.files.as_ref().map(|path| Ask::Files(bytes(path)));
    let layer = || args.layer.map(Ask::Layer);
    files.or_else(layer).or_else(|| args.why.as_ref().map(|path| Ask::Why(bytes(path))))
}

fn json(value: &impl Serialize, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, value)?;
    writeln!(output)
}

/// Writes the report as pictures, JSON or text.
fn write(args: &Args, report: &Report, ledger: &Ledger, stdout: &mut Stdout) -> Result<(), Failure> {
    if let Some(file) = &args.svg {
        put(svg::svg(report).as_bytes(), file, stdout)?;
    }
    if let Some(file) = &args.html {
        put(html::page(report, ledger).as_bytes(), file, stdout)?;
    }
    match args.svg.is_some() || args.html.is_some() {
        true => Ok(()),
        false if args.json => Ok(json(report, stdout)?),
        false => Ok(text::write(report, canvas(args), stdout)?),
    }
}

/// Writes a picture to a file; `-` is standard output.
fn put(picture: &[u8], file: &Path, stdout: &mut Stdout) -> Result<(), Failure> {
    match file.as_os_str() == "-" {
        true => Ok(stdout.write_all(picture)?),
        false => std::fs::write(file, picture)
            .map_err(|error| Failure::failed(file.to_string_lossy(), format!("cannot be written: {error}"))),
    }
}

/// What to draw bars on, where they are wanted: on a terminal, or where `--bars` says so.
fn canvas(args: &Args) -> Option<Canvas> {
    let terminal = std::io::stdout().is_terminal();
    if args.table || !(terminal || args.bars) {
        return None;
    }
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).map_or(0, |size| size.ws_col);
    let width = if size == 0 { 80 } else { usize::from(size) };
    Some(Canvas { width, colour: terminal && !dumb && !set("NO_COLOR") })
}

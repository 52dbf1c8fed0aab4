//! The command line of image-report(1): its options, and which of them go together. The library does the work.

use crate::moved_options::{self, Moved};
use clap::Parser;
use image_report::bounds::Bounds;
use image_report::percent;
use image_report::picture::bars::Canvas;
use image_report::wanted::{Form, Pictures, Reports, Wanted};
use libcli::Failure;
use libwire::Platform;
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Show what an image costs, instruction by instruction, and how much of it is hidden.
///
/// IMAGE is a name or digest of the store, an OCI layout directory or an archive; PATH:NAME selects one of several
/// images in it; - reads an archive from standard input.
#[derive(Parser)]
#[command(name = "image-report", version)]
pub struct Args {
    /// The store [default: $STAGEPIPE_STORE, else /var/lib/stagepipe for root, else below $XDG_DATA_HOME]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Use the image for this platform if a layout or archive has several [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<Platform>,
    #[command(flatten)]
    pub limits: libcli::Limits,
    /// Print a JSON object for each image instead of text
    #[arg(long)]
    json: bool,
    /// Show the layers as bars, which is the default on a terminal
    #[arg(long, conflicts_with_all = ["json", "table"])]
    bars: bool,
    /// Show the layers as a table, which is the default elsewhere
    #[arg(long, conflicts_with_all = ["json"])]
    table: bool,
    /// Draw the layers as an SVG picture instead of text; - is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "bars", "table"])]
    svg: Option<PathBuf>,
    /// Write the report as a page for a browser instead of text; - is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "bars", "table"])]
    html: Option<PathBuf>,
    /// Show how the second of two images differs from the first, which is the default for two
    #[arg(long, conflicts_with_all = ["bars", "table", "svg", "html", "each"])]
    compare: bool,
    /// Report each image, even if there are two
    #[arg(long)]
    each: bool,
    /// Also show the cost after this change: squash, drop=PATH, merge=3-5 or multistage; several are tried together
    #[arg(long, value_name = "CHANGE", conflicts_with_all = ["compare"])]
    what_if: Vec<String>,
    /// Give no advice, which saves the time to find it
    #[arg(long, conflicts_with_all = ["compare"])]
    no_advice: bool,
    /// Exit with 1 if the download is larger: 50MB, 48MiB
    #[arg(long, value_name = "SIZE", value_parser = libcli::decimal_size)]
    fail_above: Option<u64>,
    /// Exit with 1 if more is hidden
    #[arg(long, value_name = "SIZE", value_parser = libcli::decimal_size)]
    max_hidden: Option<u64>,
    /// Exit with 1 if the efficiency is less
    #[arg(long, value_name = "PERCENT", value_parser = percent::parts)]
    min_efficiency: Option<u32>,
    /// The images
    #[arg(required_unless_present_any = moved_options::NAMES, value_name = "IMAGE")]
    pub images: Vec<String>,
    #[command(flatten)]
    moved: Moved,
}

impl Args {
    /// The selected output; a failure if options contradict each other.
    pub fn wanted(&self) -> Result<Wanted, Failure> {
        self.moved.refuse()?;
        if self.pictures() && self.images.len() > 1 {
            return Err(Failure::usage("--svg and --html draw one image; call image-report once for each"));
        }
        if self.compare && self.images.len() != 2 {
            return Err(Failure::usage("--compare takes two images"));
        }
        let bounds = self.bounds();
        match (self.compares(), bounds == Bounds::default()) {
            (false, _) => Ok(Wanted::Reports(self.reports(bounds)?)),
            (true, true) => Ok(Wanted::Comparison),
            (true, false) => Err(Failure::usage("bounds are for reports, and no report is asked for")),
        }
    }

    /// JSON, or text: with bars on a terminal, or with `--bars`.
    pub fn form(&self) -> Form {
        let terminal = std::io::stdout().is_terminal();
        match self.json {
            true => Form::Json,
            false => Form::Text((terminal || self.bars).then(|| canvas(terminal, !self.table))),
        }
    }

    fn pictures(&self) -> bool {
        self.svg.is_some() || self.html.is_some()
    }

    /// Whether to compare two images: on request, or if two are named without another request.
    fn compares(&self) -> bool {
        let shown = self.bars || self.table || self.pictures();
        let reports = self.each || shown || self.no_advice || !self.what_if.is_empty();
        let otherwise = reports || self.bounds() != Bounds::default();
        self.compare || (self.images.len() == 2 && !otherwise)
    }

    fn bounds(&self) -> Bounds {
        Bounds { download: self.fail_above, hidden: self.max_hidden, efficiency: self.min_efficiency }
    }

    fn reports(&self, bounds: Bounds) -> Result<Reports, Failure> {
        let changes = self.what_if.iter().map(|text| Ok((text.clone(), text.parse()?)));
        let changes: Result<_, String> = changes.collect();
        let changes = changes.map_err(|what| Failure::usage(format!("--what-if: {what}")))?;
        let pictures = self.pictures().then(|| Pictures { svg: self.svg.clone(), html: self.html.clone() });
        Ok(Reports { pictures, changes, bounds, advice: !self.no_advice })
    }
}

/// The terminal, or its substitute.
fn canvas(terminal: bool, bars: bool) -> Canvas {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == OsStr::new("dumb"));
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).map_or(0, |size| size.ws_col);
    let width = if size == 0 { 80 } else { usize::from(size) };
    Canvas { width, colour: terminal && !dumb && !set("NO_COLOR"), bars }
}

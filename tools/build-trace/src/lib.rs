//! Shows how a build spent its time, as a trace for Chrome and Perfetto, or as a chart.
//!
//! It reads build-record(5), also streams of builds that failed. It changes nothing, and knows no store.

mod chart;
mod inputs;
mod scale;
mod svg;
mod timeline;
mod trace;

pub use timeline::Timeline;

use libcli::Failure;
use std::io::Write;
use std::str::FromStr;

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Chrome's Trace Event Format, as JSON.
    Json,
    /// A Gantt chart.
    Svg,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "svg" => Ok(Self::Svg),
            other => Err(format!("{other:?} is neither json nor svg")),
        }
    }
}

/// Writes the builds that were read, if there is anything to show.
pub fn write(timeline: Timeline, format: Format, output: &mut impl Write) -> Result<(), Failure> {
    let build = timeline.finish().ok_or_else(|| {
        let what = "the records have no times; give it the output of stage-run and layer-pack";
        Failure::bad_input("", what)
    })?;
    match format {
        Format::Json => trace::write(&build, output)?,
        Format::Svg => output.write_all(chart::draw(&build).as_bytes())?,
    }
    Ok(())
}

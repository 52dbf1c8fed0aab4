//! Draws the house: the crates below tools/ with their shares of all lines, or the modules of some, floor by floor.

use clap::Parser;
use libcli::{Failure, Stdout};
use modules::Drawing;
use modules::workspace::{crates, roots};
use std::io::Write;
use std::process::ExitCode;

/// Lists the crates by size, or the modules of those named: floor, lines, name, and the modules it stands on.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Crates below tools/
    #[arg(value_name = "CRATE")]
    names: Vec<String>,
}

fn main() -> ExitCode {
    libcli::main("modules", job)
}

fn job(args: Args) -> Result<(), Failure> {
    let drawn =
        if args.names.is_empty() { house() } else { args.names.iter().map(|name| one(name)).collect() };
    let mut out = Stdout::open()?;
    out.write_all(drawn.map_err(|what| Failure::failed("", what))?.as_bytes())?;
    out.finish()
}

/// The crates, the largest first.
fn house() -> Result<String, String> {
    let mut sized = Vec::new();
    for name in crates()? {
        let lines = roots(&name)
            .iter()
            .map(|root| Ok(Drawing::of_file(root)?.lines()))
            .sum::<Result<usize, String>>();
        sized.push((lines?, name));
    }
    sized.sort_by(|one, other| other.cmp(one));
    let all: usize = sized.iter().map(|(lines, _)| lines).sum();
    let share = |lines: &usize| 100.0 * *lines as f64 / all.max(1) as f64;
    Ok(sized.iter().map(|(lines, name)| format!("{lines:>6} {:>5.1} % {name}\n", share(lines))).collect())
}

/// The modules of a crate.
fn one(name: &str) -> Result<String, String> {
    let roots = roots(name);
    if roots.is_empty() {
        return Err(format!("{name}: there is no such crate below tools/"));
    }
    roots.iter().map(|root| Ok(format!("{name}\n{}", Drawing::of_file(root)?.text()))).collect()
}

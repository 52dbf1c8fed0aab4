//! Translates docker's command line into the words of this suite's tools: reads the arguments of image-build, checks
//! every value, and writes assignments that the driver's shell evaluates.
//!
//! It knows the name of each option, and the tools that get it. It reads no Dockerfile, no store and no context.

pub mod answers;
mod arguments;
mod asked;
mod attributes;
mod check;
mod clashes;
mod command;
mod docker;
mod engines;
mod foreign;
mod output;
mod outputs;
mod podman;
mod progress;
mod proxies;
mod request;
mod table;
mod values;
mod variables;
mod words;

pub use asked::{Asked, Environment, Request};
pub use check::beside;
pub use foreign::Of;
pub use progress::Progress;
pub use request::request;

use libcli::shell_word;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use words::Words;

/// Writes the request as shell: assignments to names that begin with `_`, or commands that print a text and exit.
pub fn write(asked: &Asked, out: &mut impl Write) -> io::Result<()> {
    match asked {
        Asked::Text(text) => {
            out.write_all(b"printf %s ")?;
            out.write_all(&shell_word(OsStr::from_bytes(text)))?;
            out.write_all(b"\nexit\n")
        }
        Asked::Build(request) => assignments(request, out),
    }
}

/// Writes an assignment of the value to `_NAME`.
pub fn assign(out: &mut impl Write, name: &str, value: &[u8]) -> io::Result<()> {
    write!(out, "_{name}=")?;
    out.write_all(&shell_word(OsStr::from_bytes(value)))?;
    out.write_all(b"\n")
}

fn assignments(request: &Request, out: &mut impl Write) -> io::Result<()> {
    let context = |(name, source): &(String, Vec<u8>)| [name.as_bytes(), b"=", source, b"\n"].concat();
    let contexts: Vec<u8> = request.contexts.iter().flat_map(context).collect();
    let store = request.store.as_bytes();
    let snapshots = [store, request.isolation.as_bytes(), request.limits.as_bytes()].concat();
    let fetch = [request.limits.as_bytes(), request.fetch.as_bytes()].concat();
    let stage = [request.named.as_bytes(), request.stage.as_bytes()].concat();
    let saves: Vec<u8> = request.saves.iter().flat_map(|save| save_line(&snapshots, save)).collect();
    let path = std::env::var_os("PATH").map(|path| shell_word(&path)).unwrap_or_default();
    let kept = shell_word(&request.keep);
    let directory = std::env::current_dir().map(|dir| shell_word(&dir)).unwrap_or_default();
    for (name, value) in [
        ("cwd", &directory[..]),
        ("path", &path[..]),
        ("kept", &kept[..]),
        ("context", &shell_word(&request.context)),
        ("parse", request.parse.as_bytes()),
        ("call", request.call.as_bytes()),
        ("named", request.named.as_bytes()),
        ("contexts", &contexts),
        ("stage", &stage),
        ("pull", request.pull.as_bytes()),
        ("resolve", request.resolve.as_bytes()),
        ("stops", request.stops.as_bytes()),
        ("pack", request.pack.as_bytes()),
        ("assemble", request.assemble.as_bytes()),
        ("push", request.push.as_bytes()),
        ("saves", &saves),
        ("load", request.load.as_bytes()),
        ("store", store),
        ("hold", &hold(&request.store_path)),
        ("snapshots", &snapshots),
        ("fetch", &fetch),
        ("logs", request.logs.as_bytes()),
        ("jobs", request.jobs.as_bytes()),
        ("keep", request.keep.as_bytes()),
        ("trace", &trace(&request.trace)),
    ] {
        assign(out, name, value)?;
    }
    for (name, on) in [
        ("rewrite", request.rewrite),
        ("cache_only", request.cache_only),
        ("early", request.early),
        ("archive", request.archive),
        ("silent", request.silent),
        ("dry", request.dry_run),
        ("quiet", request.quiet),
        ("limits", request.store_path.join("limits").exists()),
        ("shell", request.shell),
        ("alone", request.alone),
        ("no_defer", request.no_defer),
    ] {
        writeln!(out, "_{name}={}", if on { "1" } else { "" })?;
    }
    Ok(())
}

/// The option by which run-together keeps store-gc from the entries that the build uses.
fn hold(store: &Path) -> Vec<u8> {
    let Some(leases) = libstore::leases(store) else { return Vec::new() };
    let value = [libstore::BUILD_LEASE.as_bytes(), b"=", leases.as_os_str().as_bytes()].concat();
    [b" --hold ", &shell_word(OsStr::from_bytes(&value))[..]].concat()
}

/// The line that writes the image somewhere. An empty line before it makes it wait for the image.
fn save_line(snapshots: &[u8], save: &Words) -> Vec<u8> {
    [b"\n\nsave: image-save", snapshots, save.as_bytes(), b" \"$(cat \"$_dir/digest\")\""].concat()
}

/// The command that draws the trace to `file`, if one is wanted.
fn trace(file: &OsStr) -> Vec<u8> {
    let command = |format: &[u8], to: &[u8]| [b"build-trace", format, b" \"$_dir\"", to].concat();
    match file.as_bytes() {
        b"" => Vec::new(),
        b"-" => command(b"", b""),
        name if name.ends_with(b".svg") => {
            command(b" --format svg", &[b" >", &shell_word(file)[..]].concat())
        }
        _ => command(b"", &[b" >", &shell_word(file)[..]].concat()),
    }
}

//! The options of image-build, each in one row. The parser, the help and the completions are made from these rows, and
//! a test compares image-build(1) with them. The other options of docker and podman are in `foreign`.

use crate::check;
use std::ffi::OsStr;

/// One option.
pub struct Row {
    /// Its letter.
    pub short: Option<char>,
    /// Its name.
    pub long: &'static str,
    /// The value that it takes.
    pub takes: Takes,
    /// The tools that get it.
    pub to: To,
    /// The check of its value.
    pub check: Check,
    /// Its description, in a line or two.
    pub help: &'static str,
    /// Values of docker's that change nothing, each with the reason.
    pub idle: &'static [(&'static str, &'static str)],
    /// Values of docker's that are refused, each with the reason and what to do instead.
    pub refused: &'static [(&'static str, &'static str)],
}

/// Checks a value of an option. The error is in words, before which the option's name is put.
pub type Check = fn(&OsStr) -> Result<(), String>;

/// The value that an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A value with this name in the help; the last one counts.
    Value(&'static str),
    /// A value with this name in the help; the option may be repeated.
    Values(&'static str),
    /// An optional value with this name in the help, after `=`.
    Maybe(&'static str),
    /// An optional truth value, after `=`.
    Flag,
}

/// The tools that get an option.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// df-parse, with the same words.
    Parse,
    /// stage-run, with the same words.
    Stage,
    /// image-assemble, with the same words.
    Assemble,
    /// Every tool that reads snapshots.
    Snapshots,
    /// Every tool that reads or writes layers or archives.
    Archives,
    /// None directly: `request` translates it.
    Request,
}

const fn value(long: &'static str, what: &'static str, to: To, check: Check, help: &'static str) -> Row {
    Row { short: None, long, takes: Takes::Value(what), to, check, help, idle: &[], refused: &[] }
}

const fn values(long: &'static str, what: &'static str, to: To, check: Check, help: &'static str) -> Row {
    Row { short: None, long, takes: Takes::Values(what), to, check, help, idle: &[], refused: &[] }
}

const fn flag(long: &'static str, to: To, help: &'static str) -> Row {
    Row { short: None, long, takes: Takes::Flag, to, check: check::anything, help, idle: &[], refused: &[] }
}

const fn maybe(long: &'static str, what: &'static str, help: &'static str) -> Row {
    Row {
        short: None,
        long,
        takes: Takes::Maybe(what),
        to: To::Request,
        check: check::step,
        help,
        idle: &[],
        refused: &[],
    }
}

const fn idle(values: &'static [(&'static str, &'static str)], row: Row) -> Row {
    Row { idle: values, ..row }
}

const fn refused(values: &'static [(&'static str, &'static str)], row: Row) -> Row {
    Row { refused: values, ..row }
}

const fn short(letter: char, row: Row) -> Row {
    Row { short: Some(letter), ..row }
}

/// The options, by the headings of the help.
pub const SECTIONS: &[(&str, &[Row])] = &[
    (
        "What to build",
        &[
            short(
                'f',
                value(
                    "file",
                    "FILE|URL",
                    To::Request,
                    check::filled,
                    "the Dockerfile (PATH/Dockerfile; - is standard input)",
                ),
            ),
            value("target", "STAGE", To::Parse, check::anything, "build this stage"),
            value(
                "until",
                "STEP",
                To::Request,
                check::step,
                "end with this step: STEP or STAGE:STEP by number, :LINE, or STAGE",
            ),
            refused(
                &[("linux/amd64,linux/arm64", check::ONE_PLATFORM)],
                idle(
                    &[("local", "the machine's own platform is the default")],
                    values("platform", "OS/ARCH", To::Request, check::platform, "build for this platform"),
                ),
            ),
            values(
                "build-arg",
                "NAME[=VALUE]",
                To::Request,
                check::setting,
                "set an ARG; without =VALUE from the environment",
            ),
            values(
                "build-context",
                "NAME=SOURCE",
                To::Request,
                check::build_context,
                "a further context: a directory, a tar, a URL, oci-layout://DIR or docker-image://IMAGE",
            ),
            Row {
                check: check::pull,
                ..maybe(
                    "pull",
                    "WHEN",
                    "pull images always; or missing (the default), newer: as always, but with the store's image if the registry can't be asked, or never",
                )
            },
            flag("offline", To::Request, "fetch nothing, and pull no image"),
            values(
                "insecure",
                "HOST",
                To::Request,
                check::host,
                "ask this registry by plain HTTP, or without checking its certificate; may be repeated",
            ),
            Row {
                check: check::source,
                ..maybe(
                    "lock",
                    "NAME",
                    "write the digests of images, URLs and git references to FILE.lock beside the Dockerfile, or the line of NAME, and build with it",
                )
            },
            flag("locked", To::Request, "refuse a name that is not in FILE.lock"),
            refused(
                &[("check,ignorestatus=true", check::IGNORE_STATUS)],
                value(
                    "call",
                    "METHOD",
                    To::Request,
                    check::anything,
                    "build, check, targets or outline; [,format=json]",
                ),
            ),
            flag("check", To::Request, "same as --call check"),
        ],
    ),
    (
        "The image",
        &[
            short('t', values("tag", "NAME", To::Assemble, check::tag, "name the image; may be repeated")),
            values("label", "NAME=VALUE", To::Assemble, check::setting, "add a label; may be repeated"),
            short(
                'o',
                values(
                    "output",
                    "SPEC",
                    To::Request,
                    check::anything,
                    "type=oci|docker|tar|local|image|registry|cacheonly[,dest=FILE][,...]; a directory; or -; may be repeated",
                ),
            ),
            flag("push", To::Request, "push the image under its names, as -o type=registry does"),
            flag(
                "load",
                To::Request,
                "load the image into docker, or else into podman, if one of them answers",
            ),
            value("iidfile", "FILE", To::Assemble, check::new_file, "write the image's digest there"),
            value(
                "metadata-file",
                "FILE",
                To::Assemble,
                check::new_file,
                "write a description of the image there, as JSON",
            ),
            value(
                "compression",
                "NAME",
                To::Request,
                check::compression,
                "the compression of new layers: gzip, zstd or none",
            ),
        ],
    ),
    (
        "RUN",
        &[
            values("secret", "SPEC", To::Request, check::filled, "id=NAME[,src=FILE|,env=NAME]"),
            values("ssh", "SPEC", To::Stage, check::filled, "default or ID[=SOCKET]"),
            value("network", "MODE", To::Stage, check::network, "default, none or host"),
            values("add-host", "NAME:ADDRESS", To::Stage, check::filled, "a line for /etc/hosts"),
            value("shm-size", "SIZE", To::Stage, check::size, "size of /dev/shm"),
            values("ulimit", "NAME=SOFT[:HARD]", To::Stage, check::filled, "a resource limit"),
            short(
                'm',
                value("memory", "SIZE", To::Stage, check::memory, "the most memory that a RUN may use"),
            ),
            value(
                "cpus",
                "N",
                To::Stage,
                check::cpus,
                "the number of processors whose time it may use, as 1.5",
            ),
            value(
                "cpu-quota",
                "MICROSECONDS",
                To::Stage,
                check::microseconds,
                "the same, as a time in each period",
            ),
            value(
                "cpu-period",
                "MICROSECONDS",
                To::Stage,
                check::microseconds,
                "the length of a period (100000)",
            ),
            value(
                "pids-limit",
                "N",
                To::Stage,
                check::processes,
                "the most processes and threads that it may have",
            ),
            value(
                "timeout",
                "TIME",
                To::Stage,
                check::time,
                "the longest time that it may take, as 90, 5m or 1h",
            ),
            value("log-max", "SIZE", To::Stage, check::size, "the size to which its output is kept (64m)"),
            flag("no-new-privileges", To::Stage, "let no setuid program give RUN more rights"),
            refused(
                &[("device", "no RUN has devices of this machine; write --allow security.insecure")],
                idle(
                    &[("buildx.local.delete", "mode=delete needs no permission")],
                    values(
                        "allow",
                        "ENTITLEMENT",
                        To::Stage,
                        check::entitlement,
                        "network.host or security.insecure",
                    ),
                ),
            ),
            idle(
                &[("default", "it is the first mode that works")],
                value(
                    "isolation",
                    "MODE",
                    To::Snapshots,
                    check::isolation,
                    "root, subuid or single (the first that works)",
                ),
            ),
        ],
    ),
    (
        "The build",
        &[
            flag("no-cache", To::Stage, "run every step again"),
            values(
                "no-cache-filter",
                "STAGE[,STAGE]...",
                To::Stage,
                check::filled,
                "run the steps of these stages again",
            ),
            flag("explain", To::Stage, "say why a step is not in the cache"),
            flag("no-defer", To::Request, "make every COPY's snapshot, even if only the packer reads it"),
            maybe("shell", "STEP", "open a shell before this step, or at the end, and make no image"),
            flag("shell-on-fail", To::Request, "open a shell in the tree that a failed RUN left"),
            maybe("logs", "STEP", "print the logs of RUNs, of all steps or of one, and build nothing"),
            value("progress", "MODE", To::Request, check::progress, "auto, tty, plain, quiet or rawjson"),
            short('q', flag("quiet", To::Request, "print only the image's digest and errors")),
            value(
                "max-unpacked",
                "SIZE",
                To::Archives,
                check::size,
                "refuse a layer or an archive that unpacks to more (64g)",
            ),
            value(
                "max-entries",
                "N",
                To::Archives,
                check::number,
                "refuse a layer or an archive with more entries (10000000)",
            ),
            short(
                'j',
                value("jobs", "N", To::Request, check::number, "at most N stages at once (0, which is all)"),
            ),
            value(
                "store",
                "DIR",
                To::Request,
                check::filled,
                "the store ($STAGEPIPE_STORE, or the user's own)",
            ),
            value(
                "keep",
                "DIR",
                To::Request,
                check::new_directory,
                "leave the plan and every other stream in DIR",
            ),
            value(
                "trace",
                "FILE",
                To::Request,
                check::trace,
                "write how the build spent its time: a chart if FILE ends in .svg, else JSON for ui.perfetto.dev; even if the build fails",
            ),
            short(
                'n',
                flag("dry-run", To::Request, "print the pipeline, a shell script, and run nothing of it"),
            ),
            value(
                "completion",
                "SHELL",
                To::Request,
                check::shell,
                "print completions for bash, zsh or fish, and build nothing",
            ),
            short('h', flag("help", To::Request, "print this")),
            flag("version", To::Request, "print the version"),
        ],
    ),
];

/// All rows.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    SECTIONS.iter().flat_map(|(_, rows)| rows.iter())
}

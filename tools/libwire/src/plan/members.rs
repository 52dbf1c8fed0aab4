//! The members of a plan's records, for messages about plans that other programs or people wrote. A test below
//! compares them with the types.

use crate::shape::{COUNT, Member, SMALL, Shape, WHOLE};
use Member::{All, Kind, May, Must, One};
use Shape::{List, Named, Object, Switch, Text, Word};

/// The members of `stage`.
pub(super) const STAGE: &[Member] = &[
    Must("index", COUNT),
    May("name", Text),
    Must("dockerfile", Text),
    All(LINES),
    Must("base", Object("a base", &[Kind("kind", SOURCES)])),
    Must("platform", Text),
    May("image_platform", Text),
    May("epoch", WHOLE),
    Must("target", Switch),
    Must("ships", Switch),
    May("needs", List(&COUNT)),
    Must("stages", List(&Text)),
    May("contexts", List(&Text)),
    May("build_args", Named(&Text)),
    May("global_args", Named(&Text)),
    Must("escape", Word(&["\\", "`"])),
    Must("instructions", List(&Object("an instruction", &[All(LINES), Kind("op", OPS)]))),
];

const LINES: &[Member] =
    &[Must("line", SMALL), Must("line_end", SMALL), Must("text", Text), May("lines", List(&Text))];

const SOURCES: &[(&str, &[Member])] = &[
    ("scratch", &[]),
    ("stage", &[Must("index", COUNT)]),
    ("image", &[Must("name", Text), Must("reference", Text)]),
    ("context", &[Must("name", Text)]),
];
const FROM: Member = May("from", Object("a source", &[Kind("kind", SOURCES)]));

const OPS: &[(&str, &[Member])] = &[
    (
        "run",
        &[
            COMMAND,
            HEREDOCS,
            May("mounts", List(&Object("a mount", MOUNT))),
            May("network", Word(&["default", "none", "host"])),
            May("security", Word(&["sandbox", "insecure"])),
        ],
    ),
    ("copy", &[All(COPY)]),
    ("add", &[All(COPY), May("checksum", Text), May("keep_git_dir", Switch), May("unpack", Switch)]),
    ("env", PAIRS),
    ("label", PAIRS),
    ("arg", &[Must("args", List(&Object("an argument", &[Must("name", Text), May("default", Text)])))]),
    ("workdir", &[Must("path", Text)]),
    ("user", &[Must("user", Text)]),
    ("expose", &[Must("ports", List(&Text))]),
    ("volume", &[Must("paths", List(&Text))]),
    ("cmd", &[COMMAND]),
    ("entrypoint", &[COMMAND]),
    ("shell", &[Must("shell", List(&Text))]),
    (
        "healthcheck",
        &[
            May("test", Object("a test", &[COMMAND])),
            May("interval", WHOLE),
            May("timeout", WHOLE),
            May("start_period", WHOLE),
            May("start_interval", WHOLE),
            May("retries", WHOLE),
        ],
    ),
    ("stopsignal", &[Must("signal", Text)]),
    ("onbuild", &[Must("trigger", Text), FROM]),
    ("maintainer", &[Must("name", Text)]),
];

const COMMAND: Member = One([("shell", Text), ("exec", List(&Text))]);
const PAIRS: &[Member] = &[Must("pairs", List(&Object("a pair", &[Must("key", Text), Must("value", Text)])))];
const HEREDOCS: Member = May(
    "heredocs",
    List(&Object(
        "a here-document",
        &[
            Must("name", Text),
            Must("fd", SMALL),
            Must("body", Text),
            Must("expand", Switch),
            May("strip_tabs", Switch),
        ],
    )),
);
const COPY: &[Member] = &[
    May("sources", List(&Text)),
    HEREDOCS,
    Must("dest", Text),
    FROM,
    May("chown", Text),
    May("chmod", Text),
    May("link", Switch),
    May("parents", Switch),
    May("exclude", List(&Text)),
];
const MOUNT: &[Member] = &[
    Must("kind", Word(&["bind", "cache", "tmpfs", "secret", "ssh"])),
    May("target", Text),
    May("source", Text),
    FROM,
    May("id", Text),
    May("sharing", Text),
    Must("readonly", Switch),
    May("required", Switch),
    May("mode", Text),
    May("uid", Text),
    May("gid", Text),
    May("size", Text),
    May("env", Text),
    May("words", Text),
];

//! The members of records of changes, for messages about streams that other programs wrote.

use super::Base64;
use crate::path::WirePath;
use crate::shape::{Member, SMALL, Shape, WHOLE, read};
use crate::stream::Records;
use Member::{Kind, May, Must, One};
use Shape::{As, Named, Object, Switch, Text};
use serde_json::{Value, json};

pub(super) const RECORDS: Records = &[("put", "a put", PUT), ("delete", "a delete", &[PATH])];

const PATH: Member = One([("path", As(path)), ("path_b64", As(path_b64))]);
const TARGET: Member = One([("target", Text), ("target_b64", As(read::<Base64>))]);
const DEVICE: &[Member] = &[Must("major", SMALL), Must("minor", SMALL)];
const SOURCE: Shape = Object("a source", &[PATH, Must("state", Text)]);

const PUT: &[Member] = &[
    PATH,
    Must("mode", Text),
    Must("uid", SMALL),
    Must("gid", SMALL),
    Must("mtime", WHOLE),
    May("xattrs", Named(&As(read::<Base64>))),
    Kind(
        "kind",
        &[
            ("file", &[Must("size", Shape::Whole(0, i64::MAX)), May("source", SOURCE)]),
            ("dir", &[May("opaque", Switch)]),
            ("symlink", &[TARGET]),
            ("hardlink", &[TARGET]),
            ("fifo", &[]),
            ("char", DEVICE),
            ("block", DEVICE),
        ],
    ),
];

fn path(value: &Value) -> Result<(), String> {
    read::<WirePath>(&json!({ "path": value }))
}

fn path_b64(value: &Value) -> Result<(), String> {
    read::<WirePath>(&json!({ "path_b64": value }))
}

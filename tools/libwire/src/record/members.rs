//! The members of build records, for messages about streams that other programs wrote.

use super::Why;
use crate::digest::Digest;
use crate::image::{Descriptor, History, ImageConfig};
use crate::provenance::Provenance;
use crate::shape::{COUNT, Member, SMALL, Shape, read};
use crate::stream::Records;
use Member::{All, May, Must};
use Shape::{As, List, Object, Switch, Text, Word};

pub(super) const RECORDS: Records = &[
    ("base", "a base", BASE),
    ("step", "a step", STEP),
    ("failed", "a failure", FAILED),
    ("layer", "a layer", LAYER),
];

const DIGEST: Shape = As(read::<Digest>);
const CONFIG: Member = Must("config", As(read::<ImageConfig>));
const INSTRUCTION: &[Member] = &[
    Must("stage", COUNT),
    May("stage_name", Text),
    Must("dockerfile", Text),
    Must("line", SMALL),
    Must("text", Text),
    May("waited", List(&Object("a wait", &[Must("stage", COUNT), All(SPAN)]))),
];
const SPAN: &[Member] = &[Must("started_ms", COUNT), Must("duration_ms", COUNT)];
const MAYBE_SPAN: &[Member] = &[May("started_ms", COUNT), May("duration_ms", COUNT)];
const PACKED: &[Member] = &[Must("descriptor", As(read::<Descriptor>)), Must("diff_id", DIGEST)];
const PACKED_LAYER: Member = May("layer", Object("a layer", PACKED));

const BASE: &[Member] = &[
    All(INSTRUCTION),
    Must("layers", List(&Object("a layer", &[Must("snapshot", Text), PACKED_LAYER]))),
    CONFIG,
    May("manifest", DIGEST),
    May("image", Text),
    May("provenance", As(read::<Provenance>)),
    All(MAYBE_SPAN),
];

const STEP: &[Member] = &[
    All(INSTRUCTION),
    Must("step", COUNT),
    Must("steps", COUNT),
    Must("op", Text),
    Must("cache", Word(&["hit", "miss", "none"])),
    May("key", DIGEST),
    May("ingredients", List(&Object("an ingredient", &[Must("name", Text), Must("value", Text)]))),
    Must("parents", List(&Text)),
    May("snapshot", Text),
    PACKED_LAYER,
    Must("ships", Switch),
    CONFIG,
    May("history", As(read::<History>)),
    All(SPAN),
    May("log", Text),
    May("why", As(read::<Why>)),
];

const FAILED: &[Member] = &[
    All(INSTRUCTION),
    May("step", COUNT),
    Must("status", Shape::Whole(0, 255)),
    Must("message", Text),
    May("command_status", Shape::Whole(0, 255)),
    May("log", Text),
    May("id", Text),
    All(SPAN),
];

const LAYER: &[Member] = &[
    Must("snapshot", Text),
    All(PACKED),
    Must("tar_size", COUNT),
    May("content_size", COUNT),
    All(MAYBE_SPAN),
    May("pushed", Object("a time", SPAN)),
];

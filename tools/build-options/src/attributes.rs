//! The attributes of `--output` in docker and BuildKit: which are obeyed, which change nothing, and which are refused.

use crate::values::truth;
use std::ffi::OsStr;

/// One attribute.
pub struct Attribute {
    /// A type that has it.
    pub kind: &'static str,
    /// The attribute with a value, as it is written.
    pub written: &'static str,
    /// The answer to it.
    pub answer: Answer,
}

/// The answer to an attribute.
#[derive(Clone, Copy)]
pub enum Answer {
    /// It is obeyed, with this effect.
    Works(&'static str),
    /// It changes nothing, for this reason.
    Idle(&'static str),
    /// It is refused, unless another row has its value.
    Refused(&'static str),
}

const fn works(kind: &'static str, written: &'static str, what: &'static str) -> Attribute {
    Attribute { kind, written, answer: Answer::Works(what) }
}

const fn idle(kind: &'static str, written: &'static str, why: &'static str) -> Attribute {
    Attribute { kind, written, answer: Answer::Idle(why) }
}

const fn refused(kind: &'static str, written: &'static str, what: &'static str) -> Attribute {
    Attribute { kind, written, answer: Answer::Refused(what) }
}

const NO_ATTESTATION: &str = "no attestation is made";

/// All attributes.
pub const ATTRIBUTES: &[Attribute] = &[
    refused(
        "image",
        "annotation.key=VALUE",
        "an image gets no annotations; write --label KEY=VALUE, which goes into its config",
    ),
    idle("image", "attestation-inline=false", NO_ATTESTATION),
    idle("image", "attestation-inline=true", NO_ATTESTATION),
    refused("local", "attestation-prefix=NAME", "no attestation is made that would be a file; leave it out"),
    works("image", "compression=gzip", "of new layers; zstd and uncompressed too"),
    refused("image", "compression=estargz", "no layer is made that can be read in pieces; use gzip or zstd"),
    works("image", "compression-level=9", "0 to 9 of gzip, 0 to 22 of zstd"),
    refused(
        "docker",
        "context=NAME",
        "an archive goes to a file or a pipe; write --load, and set DOCKER_CONTEXT=NAME",
    ),
    refused("image", "dangling-name-prefix=NAME", "an image without a name has its digest; write -t NAME"),
    works("oci", "dest=out.tar", "the file; without it, or with -, standard output"),
    works("local", "dest=tree", "the directory"),
    idle("image", "force-compression=false", "layers of a base stay as they are"),
    refused(
        "image",
        "force-compression=true",
        "layers of a base stay as they are; write compression=, which new layers get",
    ),
    idle("local", "mode=copy", "other files of the directory stay"),
    works("local", "mode=delete", "other files of the directory are removed, wherever it is"),
    works("image", "name=NAME", "as -t; several stand in quotes with commas between them"),
    idle("image", "name-canonical=false", "an image is found by its digest too"),
    refused("image", "name-canonical=true", "an image is found by its digest too; leave it out"),
    idle("image", "oci-artifact=false", NO_ATTESTATION),
    idle("image", "oci-artifact=true", NO_ATTESTATION),
    refused(
        "image",
        "oci-mediatypes=false",
        "media types are OCI's; write -o type=docker,dest=FILE for an archive that docker loads",
    ),
    idle("image", "oci-mediatypes=true", "media types are OCI's"),
    idle("local", "platform-split=false", "one platform is built"),
    refused("local", "platform-split=true", "one platform is built; name its directory in dest="),
    idle("image", "prefer-nondist-layers=false", "every layer is distributed"),
    refused("image", "prefer-nondist-layers=true", "every layer is distributed; leave it out"),
    idle("image", "push=false", "nothing is pushed without it"),
    works("image", "push=true", "as type=registry"),
    idle("image", "push-by-digest=false", "a push is by name"),
    refused(
        "image",
        "push-by-digest=true",
        "a push is by name; after the build, image-push DIGEST HOST/NAME@DIGEST gives it none",
    ),
    idle("image", "registry.insecure=false", "a registry is insecure by its name"),
    refused("image", "registry.insecure=true", "a registry is insecure by its name; write --insecure HOST"),
    idle("image", "rewrite-timestamp=false", "times of files stay as they are"),
    works("image", "rewrite-timestamp=true", "no file in a new layer is younger than SOURCE_DATE_EPOCH"),
    refused(
        "image",
        "source-date-epoch=0",
        "it is a variable; set SOURCE_DATE_EPOCH=SECONDS in the environment",
    ),
    refused(
        "image",
        "store=false",
        "an image is made in the store; image-tag --delete takes its name away after the build",
    ),
    idle("image", "store=true", "an image is made in the store"),
    works("oci", "tar=false,dest=layout", "an OCI layout in a directory; also of type=docker"),
    idle("oci", "tar=true", "it is a tar"),
    idle("image", "unpack=false", "image-run unpacks an image when it runs it"),
    refused("image", "unpack=true", "image-run unpacks an image when it runs it; leave it out"),
];

/// The answer to an attribute that no output obeys, or `None` for one that is not known.
pub fn answer(name: &str, value: &str) -> Option<Answer> {
    let name = if name.starts_with("annotation") { "annotation.key" } else { name };
    let value = plain(value);
    let rows = || ATTRIBUTES.iter().filter_map(|row| Some((row.written.split_once('=')?, row.answer)));
    let exact = rows().find(|(written, _)| *written == (name, value));
    let always =
        || rows().find(|((known, _), answer)| *known == name && matches!(answer, Answer::Refused(_)));
    exact.or_else(always).map(|(_, answer)| answer)
}

/// A truth value, spelt as in this table; any other value unchanged.
pub fn plain(value: &str) -> &str {
    match truth(OsStr::new(value)) {
        Ok(true) => "true",
        Ok(false) => "false",
        Err(_) => value,
    }
}

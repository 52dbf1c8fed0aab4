//! Requests of stage-run to context-fetch, and the answers: one JSON object each way, as in context-fetch(1) under
//! REQUESTS. These are types only; nothing here fetches.

use crate::changes::Base64;
use crate::digest::Digest;
use crate::remote::Pinned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A request, and the secrets for its servers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The thing asked for.
    #[serde(flatten)]
    pub wanted: Wanted,
    /// The bytes of secrets, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Base64>,
}

/// The source of a request is a complete URL, so it may be secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Wanted {
    /// The file at a URL.
    File {
        /// The URL.
        source: String,
        /// The digest that its content must have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checksum: Option<Digest>,
        /// The version that the caller has already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    /// The commit to which the repository's server resolves a reference. Nothing is fetched.
    Commit {
        /// The repository, with its reference and subdirectory.
        source: String,
        /// The first digits of the commit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checksum: Option<String>,
    },
    /// The tree of a commit.
    Tree {
        /// The repository, with its reference and subdirectory.
        source: String,
        /// The answer to a request for a commit.
        commit: Pinned,
        /// Whether `.git` is kept.
        #[serde(default)]
        keep_git_dir: bool,
    },
    /// A build context.
    Context {
        /// A URL, or the path of an archive.
        source: String,
    },
}

/// The answer to a request that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// The file is in the directory.
    File {
        /// The name of the file in the directory.
        name: String,
        /// The digest of its content.
        digest: Digest,
        /// The server's identifier of this version, such as an ETag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    /// The server still has the version in the request.
    Unchanged,
    /// The commit to which the reference resolves.
    Commit(Pinned),
    /// The directory is the tree.
    Tree,
    /// The context is in the directory.
    Context {
        /// The root of the context, relative to that directory; `.` is the directory itself.
        path: String,
    },
}

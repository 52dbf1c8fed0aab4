//! Requests of stage-run to context-fetch, and the answers: one JSON object each way, as context-fetch(1) has them
//! under REQUESTS. Types only; nothing here fetches.

use crate::changes::Base64;
use crate::digest::Digest;
use crate::remote::Pinned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One request, and the secrets that servers may be shown for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The thing asked for.
    #[serde(flatten)]
    pub wanted: Wanted,
    /// The bytes of secrets, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Base64>,
}

/// The thing asked for. Its source is a URL with all that is in it, so it may be secret.
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
        /// The version that need not be sent again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    /// The commit that a repository's server says is meant. Nothing is fetched.
    Commit {
        /// The repository, and what is meant of it.
        source: String,
        /// The first digits of the commit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checksum: Option<String>,
    },
    /// The tree of a commit.
    Tree {
        /// The repository, and what is meant of it.
        source: String,
        /// The answer to a request for a commit.
        commit: Pinned,
        /// Whether `.git` is left.
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
        /// Its name there.
        name: String,
        /// Its content's digest.
        digest: Digest,
        /// The server's name for this version of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    /// The server still has the version that was named.
    Unchanged,
    /// This commit is meant.
    Commit(Pinned),
    /// The tree is the directory.
    Tree,
    /// The context is there.
    Context {
        /// The directory of its root, below the one that was given: `.` is that one itself.
        path: String,
    },
}

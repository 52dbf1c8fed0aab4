//! The commit that a repository's reference stands for, according to its server.

use super::{is_commit, is_odd};
use serde::{Deserialize, Serialize};

/// A commit, and the names that lead to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Members")]
pub struct Pinned {
    commit: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    wanted: String,
}

#[derive(Deserialize)]
struct Members {
    commit: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tag: Option<String>,
    wanted: String,
}

impl TryFrom<Members> for Pinned {
    type Error = &'static str;

    fn try_from(Members { commit, name, tag, wanted }: Members) -> Result<Self, Self::Error> {
        let objects = [Some(&commit), tag.as_ref()].into_iter().flatten().all(|object| is_commit(object));
        let names = [name.as_ref(), Some(&wanted)].into_iter().flatten().all(|name| !is_odd(name));
        match objects && names {
            true => Ok(Self { commit, name, tag, wanted }),
            false => Err("the commit has an object or a name that git can't have"),
        }
    }
}

impl Pinned {
    /// A commit that is fetched by its id. `name` is the full name of the reference to it.
    pub fn to(commit: &str, name: Option<String>) -> Self {
        Self { commit: commit.to_owned(), name, tag: None, wanted: commit.to_owned() }
    }

    /// A commit that is fetched by the name `wanted`, and the annotated tag that was asked for.
    pub fn named(commit: &str, name: Option<String>, tag: Option<String>, wanted: &str) -> Self {
        Self { commit: commit.to_owned(), name, tag, wanted: wanted.to_owned() }
    }

    /// The commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// The object to fetch: the tag or the commit.
    pub fn object(&self) -> &str {
        self.tag.as_ref().unwrap_or(&self.commit)
    }

    /// The annotated tag that was asked for.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The full name of the reference in a kept `.git`. `None` for a commit, or for a HEAD that is not a branch.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The name to ask the server for.
    pub fn wanted(&self) -> &str {
        &self.wanted
    }
}

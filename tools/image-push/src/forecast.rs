//! Forecasts a push: the registry is asked which parts it has, and nothing is sent.

use crate::content::{Content, DOCUMENTS};
use crate::destination::Target;
use crate::neighbours::Neighbours;
use libcli::{human, padded};
use libhttp::FetchError;
use libregistry::{Access, Client, Repository};
use libwire::Digest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The bytes and the parts that a push to a repository would send.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// The repository.
    pub repository: String,
    /// The tags, and what becomes of each.
    pub tags: BTreeMap<String, Fate>,
    /// The image's digest.
    pub digest: Digest,
    /// Bytes of all its blobs and documents.
    pub size: u64,
    /// Bytes of those that would be sent.
    pub push: u64,
    /// How many layers it has.
    pub layers: usize,
    /// How many of them the repository does not have.
    pub missing: usize,
    /// Its blobs and documents.
    pub blobs: Vec<Blob>,
}

/// The effect of a push on a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It means the image already.
    Unchanged,
    /// It means another image.
    Moved,
    /// It is not there.
    New,
}

/// A part of an image.
#[derive(Clone, Debug, Serialize)]
pub struct Blob {
    /// Its kind.
    pub kind: Kind,
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// How the repository would come to have it.
    pub state: State,
    /// The repository that it can be mounted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// The kind of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A layer.
    Layer,
    /// A config, or another blob that is no layer.
    Config,
    /// A manifest.
    Manifest,
    /// An index.
    Index,
}

/// How a repository would come to have a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The repository has it.
    There,
    /// The registry has it in another repository.
    Mounted,
    /// It would be sent.
    Sent,
}

/// Asks what pushing `content` to `target` would send.
pub fn forecast(
    client: &Client,
    content: &Content,
    target: &Target,
    neighbours: &Neighbours,
    before: &[Repository],
) -> Result<Forecast, FetchError> {
    let session = client.open(&target.repository, Access::Pull)?;
    let own = content.digest();
    let mut tags = BTreeMap::new();
    for tag in &target.tags {
        let fate = match session.digest(tag, DOCUMENTS)? {
            Some(digest) if digest == own => Fate::Unchanged,
            Some(_) => Fate::Moved,
            None => Fate::New,
        };
        tags.insert(tag.clone(), fate);
    }
    let mounted = |digest: Digest| {
        let paths = neighbours.of(digest, &target.repository, before);
        // One that can't be asked is no help.
        paths.into_iter().find(|path| {
            let other = client.open(&target.repository.neighbour(path), Access::Pull);
            other.and_then(|other| other.has_blob(digest)).unwrap_or(false)
        })
    };
    let whole = tags.values().any(|fate| *fate == Fate::Unchanged);
    let mut blobs = Vec::new();
    for descriptor in content.blobs() {
        let there = whole || session.has_blob(descriptor.digest)?;
        let from = if there { None } else { mounted(descriptor.digest) };
        let state = if there { State::There } else { from.as_ref().map_or(State::Sent, |_| State::Mounted) };
        let kind = if is_layer(&descriptor.media_type) { Kind::Layer } else { Kind::Config };
        blobs.push(Blob { kind, digest: descriptor.digest, size: descriptor.size, state, from });
    }
    for document in content.documents() {
        let descriptor = &document.descriptor;
        let which = descriptor.digest.to_string();
        let there = whole || session.look_up(&which, &descriptor.media_type)?.is_some();
        let state = if there { State::There } else { State::Sent };
        let kind = if descriptor.media_type.contains("manifest.v") { Kind::Manifest } else { Kind::Index };
        blobs.push(Blob { kind, digest: descriptor.digest, size: descriptor.size, state, from: None });
    }
    let sum = |sent: bool| {
        let counted = blobs.iter().filter(|blob| !sent || blob.state == State::Sent);
        counted.map(|blob| blob.size).sum()
    };
    let layers = || blobs.iter().filter(|blob| blob.kind == Kind::Layer);
    Ok(Forecast {
        repository: target.name(),
        tags,
        digest: own,
        size: sum(false),
        push: sum(true),
        layers: layers().count(),
        missing: layers().filter(|layer| layer.state != State::There).count(),
        blobs,
    })
}

fn is_layer(media_type: &str) -> bool {
    media_type.contains(".layer.") || media_type.contains(".rootfs.diff")
}

impl Forecast {
    /// Writes it for people.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}  {}", self.repository, self.digest)?;
        for (tag, fate) in &self.tags {
            let fate = match fate {
                Fate::Unchanged => "unchanged",
                Fate::Moved => "means another image, which it leaves",
                Fate::New => "new",
            };
            writeln!(out, "  :{tag}  {fate}")?;
        }
        for blob in &self.blobs {
            let kind = match blob.kind {
                Kind::Layer => "layer",
                Kind::Config => "config",
                Kind::Manifest => "manifest",
                Kind::Index => "index",
            };
            let state = match (blob.state, &blob.from) {
                (State::There, _) => "there".to_owned(),
                (_, Some(from)) => format!("mounted from {from}"),
                _ => "sent".to_owned(),
            };
            let (kind, short) = (padded(kind, 8), &blob.digest.hex()[..12]);
            writeln!(out, "  {kind}  {short}  {:>10}  {state}", human(blob.size))?;
        }
        writeln!(out, "  {} of {} would be sent", human(self.push), human(self.size))
    }
}

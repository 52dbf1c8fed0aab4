//! What pushing an image to a registry would send: it asks for each blob whether the repository has it (OCI
//! distribution-spec, HEAD /v2/NAME/blobs/DIGEST), and sends nothing.

use super::{blobs, layers, sum};
use crate::source::Opened;
use libcli::{Exit, Failure};
use libfetch::{Environment, FetchError};
use libwire::{Digest, Reference};
use serde::Serialize;
use std::collections::BTreeMap;

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq)]
pub struct Repository {
    /// `https://host/v2/name`.
    base: String,
}

/// What pushing an image would send.
#[derive(Debug, PartialEq, Serialize)]
pub struct Push {
    /// The image.
    pub image: String,
    /// Its manifest's digest.
    pub digest: Digest,
    /// Bytes of its blobs.
    pub size: u64,
    /// Bytes that the repository does not have.
    pub push: u64,
    /// How many layers it has.
    pub layers: usize,
    /// How many of them the repository does not have.
    pub missing: usize,
}

impl Repository {
    /// Reads `HOST/NAME[:TAG]`, perhaps with `http://` or `https://` before it. Without, a host that is this
    /// machine is asked over http, all others over https.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, name) = match text.split_once("://") {
            None => (None, text),
            Some((scheme @ ("http" | "https"), name)) => (Some(scheme), name),
            Some((scheme, _)) => return Err(format!("{scheme} is not http or https")),
        };
        let reference = Reference::parse(name).map_err(|bad| bad.to_string())?;
        let host = match reference.domain() {
            // The name of images on Docker Hub, not of its registry.
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let scheme = scheme.unwrap_or(if is_loopback(host) { "http" } else { "https" });
        Ok(Self { base: format!("{scheme}://{host}/v2/{}", reference.path()) })
    }

    fn blob(&self, digest: Digest) -> String {
        format!("{}/blobs/{digest}", self.base)
    }

    fn manifest(&self, digest: Digest) -> String {
        format!("{}/manifests/{digest}", self.base)
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What pushing each of `images` would send. A blob that several have is asked for once.
pub fn push(
    images: &[Opened],
    repository: &Repository,
    environment: &Environment,
) -> Result<Vec<Push>, Failure> {
    push_where(images, repository, &mut |url, accept| libfetch::has(url, accept, environment))
}

pub(super) fn push_where(
    images: &[Opened],
    repository: &Repository,
    has: &mut dyn FnMut(&str, &str) -> Result<bool, FetchError>,
) -> Result<Vec<Push>, Failure> {
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    let mut is_there = |url: String, accept: &str| match known.get(&url) {
        Some(&there) => Ok(there),
        None => {
            let there = has(&url, accept).map_err(|error| Failure::new(Exit::TryAgain, "", error))?;
            known.insert(url, there);
            Ok::<_, Failure>(there)
        }
    };
    let mut pushes = Vec::new();
    for opened in images {
        let (all, layers) = (blobs(&opened.image), layers(&opened.image));
        let manifest = opened.image.descriptor.digest;
        let mut push = Push {
            image: opened.name.clone(),
            digest: manifest,
            size: sum(all.values()),
            push: 0,
            layers: layers.len(),
            missing: 0,
        };
        for (&digest, &size) in &all {
            // A registry tells of a manifest only to who takes its kind.
            let (url, accept) = match digest == manifest {
                true => (repository.manifest(digest), &*opened.image.descriptor.media_type),
                false => (repository.blob(digest), "*/*"),
            };
            if !is_there(url, accept)? {
                push.push += size;
                push.missing += usize::from(layers.contains_key(&digest));
            }
        }
        pushes.push(push);
    }
    Ok(pushes)
}

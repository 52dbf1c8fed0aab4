//! Looks up the image that a name means, in the store or, if the policy says so, at the name's registry. The manifest,
//! the config and the registry's answer are kept.

use crate::documents::{ACCEPT, Remote};
use crate::failure::{at, failure};
use crate::options::{Options, Policy};
use libcli::{Exit, Failure};
use libregistry::{Access, Client, Manifest, Repository, Session};
use libstore::{Image, Select, Store, StoreError, read_top};
use libwire::image::Descriptor;
use libwire::{Digest, Reference};
use std::time::{SystemTime, UNIX_EPOCH};

/// The image that `name` means for the platform of `options`. Its layers may be missing.
pub fn look_up(
    store: &Store,
    client: &Client,
    name: &Reference,
    options: &Options,
) -> Result<Image, Failure> {
    match (known(store, name, options)?, options.policy) {
        (Some(image), Policy::Missing | Policy::Never) => Ok(image),
        // A digest always means the same image.
        (Some(image), _) if name.digest().is_some() => Ok(image),
        (None, Policy::Never) => {
            let what = "the store does not have it, and it is not to be pulled";
            Err(Failure::failed(name.to_string(), what))
        }
        (known, policy) => match (ask(store, client, name, options), known) {
            (Err(failure), Some(image)) if policy == Policy::Newer && failure.exit() == Exit::TryAgain => {
                (options.warn)(&format!("{name}: {}; the one in the store is taken", failure.what()));
                Ok(image)
            }
            (asked, _) => asked,
        },
    }
}

/// The image that has a name in the store, if it is for the platform, or the registry said that it is.
fn known(store: &Store, name: &Reference, options: &Options) -> Result<Option<Image>, Failure> {
    let Some(found) = store.resolve_for(name, &options.platform)? else { return Ok(None) };
    let fits = found.platform.as_ref().is_some_and(|own| own.rank(&options.platform).is_some());
    let said =
        || Ok::<_, StoreError>(store.remote(name, &options.platform)?.map(|said| said.manifest.digest));
    match fits || said()? == Some(found.digest) {
        true => Ok(store.image(&found).ok()),
        false => Ok(None),
    }
}

/// Opens a name's repository.
pub fn open<'c>(client: &'c Client, name: &Reference) -> Result<Session<'c>, Failure> {
    let repository = Repository::parse(&name.name()).map_err(Failure::usage)?;
    client.open(&repository, Access::Pull).map_err(|error| failure(name, &error))
}

/// The digest or the tag of a name, by which the registry finds the image.
fn which(name: &Reference) -> String {
    let digest = name.digest().map(|digest| digest.to_string());
    digest.or_else(|| name.tag().map(str::to_owned)).unwrap_or_default()
}

fn ask(store: &Store, client: &Client, name: &Reference, options: &Options) -> Result<Image, Failure> {
    let said = store.remote(name, &options.platform)?;
    let said = said.and_then(|said| Some((store.image(&said.manifest).ok()?, said)));
    let session = open(client, name)?;
    if let Some((image, said)) = said {
        let head = session.look_up(&which(name), ACCEPT).map_err(|error| failure(name, &error))?;
        if head.and_then(|head| head.digest) == Some(said.top()) {
            store.keep_remote(&libstore::Remote { fetched: now(), ..said })?;
            return Ok(image);
        }
    }
    let (top, bytes) = top(&session, name)?;
    let mut documents = Remote::new(store, &session, &top, bytes);
    let select = Select { platform: options.platform.clone(), ..Select::default() };
    let read = read_top(&mut documents, &top, &select);
    let read = match (documents.failure.take(), read) {
        (Some(error), Err(_)) => return Err(failure(name, &error)),
        (_, read) => read.map_err(|error| at(name, error))?,
    };
    let image = store.keep_image(read)?;
    let own = store.resolve(name)?.map(|own| own.digest).filter(|own| *own != image.descriptor.digest);
    store.keep_remote(&libstore::Remote { replaces: own, ..said_now(name, options, &top, &image) })?;
    Ok(image)
}

/// The manifest or index that a name has at the registry.
pub fn top(session: &Session, name: &Reference) -> Result<(Descriptor, Vec<u8>), Failure> {
    let manifest = session.manifest(&which(name), ACCEPT).map_err(|error| failure(name, &error))?;
    let Some(Manifest { media_type, digest, bytes }) = manifest else {
        let what = format!("the registry {} has no such image; is the name right?", name.domain());
        return Err(Failure::failed(name.to_string(), what));
    };
    let media_type = kind(media_type, &bytes).map_err(|what| Failure::failed(name.to_string(), what))?;
    let size = bytes.len() as u64;
    Ok((descriptor(media_type, digest, size), bytes))
}

/// The media type of an answer that the registry sent with the type `told`.
fn kind(told: String, bytes: &[u8]) -> Result<String, String> {
    let is_image = |kind: &str| ACCEPT.split(", ").any(|known| known == kind);
    if is_image(&told) {
        return Ok(told);
    }
    let json: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let own = json.get("mediaType").and_then(|own| own.as_str()).unwrap_or_default();
    match &*told {
        "" | "application/json" | "application/octet-stream" | "text/plain" if is_image(own) => {
            Ok(own.to_owned())
        }
        "text/html" => Err("a page of HTML came instead of an image; is this a registry, and does something on the way \
             want a login in a browser?"
            .into()),
        _ if told.contains("manifest.v1+") || json.get("schemaVersion") == Some(&1.into()) => {
            Err("it is an image of docker's old schema 1, which has no digests of its layers; push it again with a \
                 newer docker, or with skopeo copy --format=v2s2"
                .into())
        }
        _ => Err(format!("it is something of type {told:?}, and no image")),
    }
}

pub fn descriptor(media_type: String, digest: Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type,
        digest,
        size,
        annotations: Default::default(),
        platform: None,
        extra: Default::default(),
    }
}

/// The record of the registry's answer, for the store.
fn said_now(name: &Reference, options: &Options, top: &Descriptor, image: &Image) -> libstore::Remote {
    libstore::Remote {
        name: name.pinned().to_string(),
        platform: options.platform.normalised().to_string(),
        registry: name.domain().to_owned(),
        repository: name.path().to_owned(),
        index: Some(top.digest).filter(|top| *top != image.descriptor.digest),
        manifest: image.descriptor.clone(),
        replaces: None,
        fetched: now(),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_an_image_or_is_named() {
        let manifest = "application/vnd.oci.image.manifest.v1+json";
        let own = format!("{{\"mediaType\":\"{manifest}\"}}");
        let kind = |told: &str, bytes: &str| kind(told.to_owned(), bytes.as_bytes());
        assert_eq!(kind(manifest, "").unwrap(), manifest);
        assert_eq!(kind("application/json", &own).unwrap(), manifest);
        for (told, bytes, said) in [
            ("text/html", "<html>", "HTML"),
            ("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}", "schema 1"),
            ("application/json", "{\"schemaVersion\":1}", "schema 1"),
            ("application/zip", &own, "\"application/zip\""),
        ] {
            assert!(kind(told, bytes).unwrap_err().contains(said), "{told}");
        }
    }
}

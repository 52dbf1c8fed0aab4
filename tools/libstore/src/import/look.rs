//! Recognises an entry of an index by its descriptor or, if that says nothing, by its manifest.

use super::Documents;
use crate::blob::MAX_JSON;
use crate::image::{is_index, is_layer, is_manifest};
use libwire::Platform;
use libwire::image::{Descriptor, ImageConfig, MEDIA_CONFIG, Manifest, REF_NAME};
use serde_json::Value;

/// Docker's media type of an image config.
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// BuildKit's annotation of an attestation about another image.
const ATTESTATION: &str = "vnd.docker.reference.type";

/// The reason why an entry is no image, by its descriptor alone.
pub(super) fn no_image(entry: &Descriptor) -> Option<String> {
    let unknown = |platform: &Platform| platform.os == "unknown" && platform.architecture == "unknown";
    if let Some(kind) =
        entry.extra.get("artifactType").and_then(Value::as_str).filter(|kind| !kind.is_empty())
    {
        return Some(format!("an artifact of type {kind:?}"));
    }
    if let Some(kind) = entry.annotations.get(ATTESTATION) {
        return Some(format!("an {kind}"));
    }
    if entry.platform.as_ref().is_some_and(unknown) {
        return Some("something for an unknown platform".into());
    }
    if let Some(tag) = entry.annotations.get(REF_NAME).filter(|name| is_about_another(name)) {
        return Some(format!("what {tag} says about an image"));
    }
    let known = is_manifest(&entry.media_type) || is_index(&entry.media_type);
    (!known).then(|| format!("something of type {:?}", entry.media_type))
}

/// Whether a name is a tag that cosign, or a registry without referrers, gives to an artifact about an image:
/// `sha256-…`, perhaps with a suffix like `.sig`.
fn is_about_another(name: &str) -> bool {
    let tag = name.rsplit_once(':').map_or(name, |(_, tag)| tag);
    let hex = |text: &str| text.len() >= 64 && text.bytes().take(64).all(|b| b.is_ascii_hexdigit());
    tag.strip_prefix("sha256-").is_some_and(hex)
}

/// The reason why a manifest is not that of an image, by its content. A manifest that can't be read fails when it is
/// imported.
pub(super) fn no_image_inside(source: &mut dyn Documents, entry: &Descriptor) -> Option<String> {
    let manifest = manifest(source, entry)?;
    let config = &manifest.config.media_type;
    if !matches!(config.as_str(), MEDIA_CONFIG | DOCKER_CONFIG) {
        return Some(format!("something with a config of type {config:?}"));
    }
    let layer = manifest.layers.iter().find(|layer| !is_layer(&layer.media_type))?;
    Some(format!("something with a layer of type {:?}", layer.media_type))
}

/// The platform of an entry, or else that of its config.
pub(super) fn platform(source: &mut dyn Documents, entry: &Descriptor) -> Option<Platform> {
    if entry.platform.is_some() {
        return entry.platform.clone();
    }
    let manifest = manifest(source, entry)?;
    let config = source.read(&manifest.config, MAX_JSON).ok()?;
    let config: ImageConfig = serde_json::from_slice(&config).ok()?;
    let is_known = !config.os.is_empty() && !config.architecture.is_empty();
    is_known.then(|| Platform::of_config(&config))
}

fn manifest(source: &mut dyn Documents, entry: &Descriptor) -> Option<Manifest> {
    if !is_manifest(&entry.media_type) {
        return None;
    }
    serde_json::from_slice(&source.read(entry, MAX_JSON).ok()?).ok()
}

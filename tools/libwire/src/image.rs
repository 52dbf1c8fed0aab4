//! OCI image-spec v1.1 JSON: descriptor, manifest, index, config and history.
//!
//! Members that this suite does not know are kept in `extra`, so that the config of a base image passes through
//! unchanged. All maps are sorted: the same value always has the same bytes.

use crate::digest::Digest;
use crate::platform::{Extra, Platform};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// `application/vnd.oci.image.index.v1+json`
pub const MEDIA_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// `application/vnd.oci.image.manifest.v1+json`
pub const MEDIA_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// `application/vnd.oci.image.config.v1+json`
pub const MEDIA_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// `application/vnd.oci.image.layer.v1.tar`, to which `+gzip` or `+zstd` is appended.
pub const MEDIA_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The annotation under which an index entry carries its tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation under which an index entry carries its full image name.
pub const IMAGE_NAME: &str = "io.containerd.image.name";
/// The largest number of layers of an image. A mount of an image needs some more, and overlayfs merges at most 999.
pub const MAX_LAYERS: usize = 500;

/// A set in the config: an object whose values are `{}`.
pub type Set = BTreeMap<String, Empty>;

/// `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads null like a missing member, because Go writes empty values as null.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// Points at a blob (descriptor.md).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of the blob.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Free-form annotations.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub annotations: BTreeMap<String, String>,
    /// The platform, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Other members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// manifest.md
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// The manifest's media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The image config.
    pub config: Descriptor,
    /// Layers, lowest first.
    #[serde(deserialize_with = "or_default")]
    pub layers: Vec<Descriptor>,
    /// Free-form annotations.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub annotations: BTreeMap<String, String>,
    /// Other members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Manifest {
    /// The manifest of an image of this config and these layers, lowest first.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MEDIA_MANIFEST.into()),
            config,
            layers,
            annotations: BTreeMap::new(),
            extra: Extra::new(),
        }
    }
}

/// image-index.md
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// The index's media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The images.
    #[serde(deserialize_with = "or_default")]
    pub manifests: Vec<Descriptor>,
    /// Other members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// config.md: the whole image config.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// MAINTAINER's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// As GOARCH.
    #[serde(default, deserialize_with = "or_default")]
    pub architecture: String,
    /// As GOOS.
    #[serde(default, deserialize_with = "or_default")]
    pub os: String,
    /// CPU variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The settings for a container of this image.
    #[serde(default, deserialize_with = "or_default")]
    pub config: ContainerConfig,
    /// The layers' diff IDs, lowest first.
    #[serde(default, deserialize_with = "or_default")]
    pub rootfs: RootFs,
    /// The instructions: one entry for each.
    #[serde(default, deserialize_with = "or_default")]
    pub history: Vec<History>,
    /// Other members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ImageConfig {
    /// How many layers the history accounts for.
    pub fn layers_in_history(&self) -> usize {
        self.history.iter().filter(|entry| !entry.empty_layer).count()
    }

    /// Makes the history account for every layer, as BuildKit does. The history is optional, and some builders leave
    /// it out or write a wrong one. A layer without an entry gets an empty one; an entry beyond the last layer
    /// becomes one without a layer.
    pub fn complete_history(&mut self) {
        let layers = self.rootfs.diff_ids.len();
        for surplus in self.history.iter_mut().filter(|entry| !entry.empty_layer).skip(layers) {
            surplus.empty_layer = true;
        }
        let missing = layers - self.layers_in_history();
        self.history.extend(std::iter::repeat_n(History::default(), missing));
    }
}

/// config.md: `rootfs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the uncompressed layers.
    #[serde(deserialize_with = "or_default")]
    pub diff_ids: Vec<Digest>,
    /// Other members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: "layers".into(), diff_ids: Vec::new(), extra: Extra::new() }
    }
}

/// config.md: `history`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The time, in RFC 3339 and UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// The author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Which builder wrote the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether the entry has no layer.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub empty_layer: bool,
    /// Other members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// config.md: `config`, with docker's Healthcheck, Shell, OnBuild and ArgsEscaped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// User, uid, `user:group` or `uid:gid`.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub user: String,
    /// `port/protocol`.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub exposed_ports: Set,
    /// `NAME=value`, in order.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub env: Vec<String>,
    /// ENTRYPOINT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// CMD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// VOLUME paths.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub volumes: Set,
    /// WORKDIR.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub working_dir: String,
    /// LABEL.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub labels: BTreeMap<String, String>,
    /// STOPSIGNAL, as written.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub stop_signal: String,
    /// Docker's mark that CMD was in shell form. BuildKit always sets it with CMD.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub args_escaped: bool,
    /// HEALTHCHECK.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// ONBUILD triggers, as text.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub on_build: Vec<String>,
    /// SHELL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Other members.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Docker's health check. Durations are nanoseconds; 0 means inherit and is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub test: Vec<String>,
    /// The time between two checks.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub interval: i64,
    /// The time after which a check counts as failed.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub timeout: i64,
    /// The grace period after the start.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub start_period: i64,
    /// The time between checks in the grace period.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub start_interval: i64,
    /// The number of failures in a row that make a container unhealthy.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "unset")]
    pub retries: i64,
    /// Other members.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Platform {
    /// The platform in an image's config, in the spelling of the config.
    pub fn of_config(config: &ImageConfig) -> Self {
        Self {
            os: config.os.clone(),
            architecture: config.architecture.clone(),
            variant: config.variant.clone(),
            extra: Extra::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_completed_to_the_layers_and_one_that_fits_stays() {
        let completed = |entries: &[bool], layers| {
            let entry = |&empty_layer: &bool| History { empty_layer, ..History::default() };
            let rootfs = RootFs { diff_ids: vec![Digest::of(b"x"); layers], ..RootFs::default() };
            let history = entries.iter().map(entry).collect();
            let mut config = ImageConfig { rootfs, history, ..ImageConfig::default() };
            config.complete_history();
            config.history.iter().map(|entry| entry.empty_layer).collect::<Vec<_>>()
        };
        assert_eq!(completed(&[], 2), [false, false]);
        assert_eq!(completed(&[true, false], 2), [true, false, false]);
        assert_eq!(completed(&[false, true, false, false], 2), [false, true, false, true]);
        assert_eq!(completed(&[true, false], 1), [true, false]);
    }

    #[test]
    fn null_is_nothing() {
        let docker = r#"{"architecture":"amd64","os":"linux","config":{"User":"","Env":["A=1"],"Cmd":["sh"],"Image":
            "sha256:1","Volumes":null,"WorkingDir":null,"Entrypoint":null,"OnBuild":null,"Labels":null},"history":null,
            "rootfs":{"type":"layers","diff_ids":null}}"#;
        let config: ImageConfig = serde_json::from_str(docker).unwrap();
        assert_eq!((config.config.env.len(), config.config.labels.len(), config.history.len()), (1, 0, 0));
        assert!(serde_json::to_string(&config).unwrap().find("null").is_none());
        let index: Index = serde_json::from_str(r#"{"schemaVersion":2,"manifests":null}"#).unwrap();
        assert!(index.manifests.is_empty());
    }
}

//! Reads dockerd's daemon.json: the mirrors of Docker Hub, and the insecure hosts.

use super::files::{malformed, read};
use crate::repository::canonical;
use libhttp::{FetchError, Network, Origin};
use serde::Deserialize;
use std::path::PathBuf;

/// The members that are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Daemon {
    /// The mirrors of Docker Hub, in the order in which they are asked.
    pub mirrors: Vec<Origin>,
    hosts: Vec<String>,
    networks: Vec<Network>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Members {
    registry_mirrors: Option<Vec<String>>,
    insecure_registries: Option<Vec<String>>,
}

impl Daemon {
    /// Reads the first of these files that exists.
    pub fn read(files: &[PathBuf]) -> Result<Self, FetchError> {
        for path in files {
            let Some(text) = read(path)? else { continue };
            if text.trim().is_empty() {
                return Ok(Self::default());
            }
            let members: Members = serde_json::from_str(&text)
                .map_err(|error| malformed(path, &format!("line {}: {error}", error.line())))?;
            let mirror = |text: &String| {
                let origin =
                    Origin::of(text).filter(|origin| text.trim_end_matches('/') == origin.to_string());
                origin.ok_or_else(|| {
                    malformed(path, &format!("{text:?}: a mirror is http:// or https:// with a host"))
                })
            };
            let mirrors = members.registry_mirrors.unwrap_or_default();
            let insecure = members.insecure_registries.unwrap_or_default();
            return Ok(Self {
                mirrors: mirrors.iter().map(mirror).collect::<Result<_, _>>()?,
                networks: insecure.iter().filter_map(|text| text.parse().ok()).collect(),
                hosts: insecure.iter().map(|host| canonical(host)).collect(),
            });
        }
        Ok(Self::default())
    }

    /// Whether a host is named as insecure, or its address is in an insecure network. No name is looked up for that,
    /// because the server that answers would decide.
    pub fn is_insecure(&self, domain: &str) -> bool {
        let address = Origin::new(None, domain).address();
        self.hosts.iter().any(|host| host == domain)
            || address.is_some_and(|address| self.networks.iter().any(|network| network.contains(address)))
    }
}

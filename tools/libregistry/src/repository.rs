//! The name of a repository, its server, its URLs, and the host of its logins. It opens nothing.

use libhttp::Origin;
use libwire::{Digest, Reference};

/// The registry that users know by another name.
const HUB: &str = "docker.io";
/// The host at which it is asked.
const HUB_HOST: &str = "registry-1.docker.io";

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    origin: Origin,
    /// The host as in an image's name, in lower case, to which logins belong.
    domain: String,
    /// Its name in the registry.
    path: String,
    /// Whether exactly this address is asked, and no file may replace it.
    is_explicit: bool,
}

impl Repository {
    /// Reads `HOST/NAME[:TAG]`, perhaps with `http://` or `https://` before it. Without these, this machine is asked
    /// over http first, and all other hosts over https.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, name) = match text.split_once("://") {
            None => (None, text),
            Some((scheme @ ("http" | "https"), name)) => (Some(scheme), name),
            Some((scheme, _)) => return Err(format!("{scheme} is not http or https")),
        };
        let reference = Reference::parse(name).map_err(|bad| bad.to_string())?;
        Ok(Self::new(scheme.map(|scheme| scheme == "https"), &reference))
    }

    /// The repository `path` at `domain`, which need not look like a host.
    pub fn of(domain: &str, path: &str) -> Result<Self, String> {
        let reference = Reference::of(&canonical(domain), path).map_err(|bad| bad.to_string())?;
        Ok(Self::new(None, &reference))
    }

    /// The repository `path` at exactly the server `origin`.
    pub(crate) fn explicit(origin: &Origin, path: &str) -> Result<Self, String> {
        let reference = Reference::of(origin.authority(), path).map_err(|bad| bad.to_string())?;
        Ok(Self::new(Some(origin.is_https()), &reference))
    }

    fn new(https: Option<bool>, reference: &Reference) -> Self {
        let domain = canonical(reference.domain());
        let origin = Origin::new(https, if domain == HUB { HUB_HOST } else { &domain });
        Self { origin, path: reference.path().to_owned(), domain, is_explicit: https.is_some() }
    }

    /// The same repository at another address.
    pub(crate) fn at(&self, origin: Origin) -> Self {
        Self { origin, ..self.clone() }
    }

    /// Another repository of the registry, by its name there.
    pub fn neighbour(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// The URL of the first request, which shows whether this is a registry, and which logins it asks for.
    pub fn root(&self) -> String {
        format!("{}/v2/", self.origin)
    }

    /// The URL of one of its blobs.
    pub fn blob(&self, digest: Digest) -> String {
        format!("{}/v2/{}/blobs/{digest}", self.origin, self.path)
    }

    /// The URL that begins an upload.
    pub fn uploads(&self) -> String {
        format!("{}/v2/{}/blobs/uploads/", self.origin, self.path)
    }

    /// The URL of the manifest with a tag or a digest.
    pub fn manifest(&self, which: &str) -> String {
        format!("{}/v2/{}/manifests/{which}", self.origin, self.path)
    }

    /// The host as in an image's name.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Its name in the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and name, as in an image's name.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// Whether it is one of Docker Hub.
    pub(crate) fn is_hub(&self) -> bool {
        self.domain == HUB
    }

    /// Whether exactly this address is asked.
    pub(crate) fn is_explicit(&self) -> bool {
        self.is_explicit
    }

    /// Whether its server may be one with TLS or without: one of this machine, or one that is `insecure`.
    pub(crate) fn may_have_tls(&self, insecure: bool) -> bool {
        !self.is_explicit && (insecure || self.origin.is_loopback())
    }

    /// The server that is asked.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// The usual spelling of a registry's host, under which logins may be stored in another one.
pub fn canonical(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    match &*host {
        "index.docker.io" | HUB_HOST => HUB.to_owned(),
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_tls_unless_told() {
        let digest = Digest::of(b"");
        for (text, base) in [
            ("localhost:5000/app:1", "http://localhost:5000/v2/app"),
            ("127.0.0.1:5000/a/b", "http://127.0.0.1:5000/v2/a/b"),
            ("[::1]:5000/a", "http://[::1]:5000/v2/a"),
            ("reg.example/app", "https://reg.example/v2/app"),
            ("127.example.org/app", "https://127.example.org/v2/app"),
            ("https://localhost:5000/app", "https://localhost:5000/v2/app"),
            ("http://reg.example:80/app", "http://reg.example:80/v2/app"),
        ] {
            let repository = Repository::parse(text).unwrap();
            assert_eq!(repository.blob(digest), format!("{base}/blobs/{digest}"), "{text}");
            assert_eq!(
                repository.manifest(&digest.to_string()),
                format!("{base}/manifests/{digest}"),
                "{text}"
            );
        }
        for bad in ["ftp://reg.example/app", "reg.example/UPPER", "", "reg.example/a b", "user@reg.example/a"]
        {
            assert!(Repository::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn docker_hub_is_asked_elsewhere_than_its_name_says() {
        for text in ["x", "docker.io/x", "index.docker.io/library/x", "registry-1.docker.io/library/x"] {
            let hub = Repository::parse(text).unwrap();
            assert_eq!((hub.domain(), hub.path()), ("docker.io", "library/x"), "{text}");
            assert_eq!(hub.root(), "https://registry-1.docker.io/v2/", "{text}");
        }
    }
}

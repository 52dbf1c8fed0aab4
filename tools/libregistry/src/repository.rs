//! A repository of a registry as a name and as addresses: where it is asked, and whose logins are for it. Text
//! in, text out.

use libhttp::Origin;
use libwire::{Digest, Reference};

/// The registry that its users call something else.
const HUB: &str = "docker.io";
/// Where that is asked.
const HUB_HOST: &str = "registry-1.docker.io";

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    origin: Origin,
    /// The host as in an image's name, in lower case: the one that logins are for.
    domain: String,
    /// Its name in the registry.
    path: String,
    /// Whether the address is the very one to ask, and no file may say another.
    is_explicit: bool,
}

impl Repository {
    /// Reads `HOST/NAME[:TAG]`, perhaps with `http://` or `https://` before it. Without, a host that is this
    /// machine is asked over http first, all others over https.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, name) = match text.split_once("://") {
            None => (None, text),
            Some((scheme @ ("http" | "https"), name)) => (Some(scheme), name),
            Some((scheme, _)) => return Err(format!("{scheme} is not http or https")),
        };
        let reference = Reference::parse(name).map_err(|bad| bad.to_string())?;
        Ok(Self::new(scheme.map(|scheme| scheme == "https"), &reference))
    }

    /// The repository `path` at `domain`, which needs to look like no host.
    pub fn of(domain: &str, path: &str) -> Result<Self, String> {
        let reference = Reference::of(&canonical(domain), path).map_err(|bad| bad.to_string())?;
        Ok(Self::new(None, &reference))
    }

    /// The repository `path` at the very server `origin`.
    pub(crate) fn explicit(origin: &Origin, path: &str) -> Result<Self, String> {
        let reference = Reference::of(origin.authority(), path).map_err(|bad| bad.to_string())?;
        Ok(Self::new(Some(origin.is_https()), &reference))
    }

    fn new(https: Option<bool>, reference: &Reference) -> Self {
        let domain = canonical(reference.domain());
        let origin = Origin::new(https, if domain == HUB { HUB_HOST } else { &domain });
        Self { origin, path: reference.path().to_owned(), domain, is_explicit: https.is_some() }
    }

    /// The same, asked at another address.
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

    /// Whether the address is the very one to ask.
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

/// A registry's host by the name that logins of it may be under in another spelling.
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

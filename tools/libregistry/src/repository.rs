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
        let domain = canonical(reference.domain());
        let host = if domain == HUB { HUB_HOST } else { &domain };
        let origin = Origin::new(scheme.map(|scheme| scheme == "https"), host);
        Ok(Self { origin, path: reference.path().to_owned(), domain })
    }

    /// What is asked first: whether this is a registry, and whom it lets in.
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

//! Where to push to, as it is written, and in which order: one registry beside the other, and of each one repository after
//! the other, so that a later one can take from an earlier one what it has.

use libregistry::Repository;
use libwire::{Digest, Reference};

/// A name at a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The repository.
    pub repository: Repository,
    /// The tag; without one it is pushed by its digest alone.
    pub tag: Option<String>,
    /// The digest that is expected of the image.
    pub digest: Option<Digest>,
}

impl Destination {
    /// Reads `HOST/NAME[:TAG][@DIGEST]`, perhaps with `http://` or `https://` before it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let repository = Repository::parse(text)?;
        let name = text.split_once("://").map_or(text, |(_, name)| name);
        let reference = Reference::parse(name).map_err(|bad| bad.to_string())?;
        Ok(Self { repository, tag: reference.tag().map(str::to_owned), digest: reference.digest() })
    }
}

/// A repository, and the tags that an image gets in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The repository.
    pub repository: Repository,
    /// The tags.
    pub tags: Vec<String>,
}

impl Target {
    /// Its full name, for people.
    pub fn name(&self) -> String {
        format!("{}/{}", self.repository.domain(), self.repository.path())
    }
}

/// The repositories of `destinations`, by registry.
pub fn by_registry(destinations: &[Destination]) -> Vec<Vec<Target>> {
    let mut all: Vec<Vec<Target>> = Vec::new();
    for Destination { repository, tag, .. } in destinations {
        let same = |targets: &Vec<Target>| targets[0].repository.origin().is(repository.origin());
        let at = all.iter().position(same).unwrap_or_else(|| {
            all.push(Vec::new());
            all.len() - 1
        });
        let known = all[at].iter().position(|target| target.repository == *repository);
        let known = known.unwrap_or_else(|| {
            all[at].push(Target { repository: repository.clone(), tags: Vec::new() });
            all[at].len() - 1
        });
        let tags = &mut all[at][known].tags;
        tags.extend(tag.clone().filter(|tag| !tags.contains(tag)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_one_repository_goes_together_and_registries_apart() {
        let texts = ["r.example/a:1", "s.example/a", "r.example/b", "r.example/a:2", "r.example/a:1"];
        let destinations: Vec<_> = texts.iter().map(|text| Destination::parse(text).unwrap()).collect();
        let told: Vec<Vec<String>> = by_registry(&destinations)
            .iter()
            .map(|targets| {
                targets.iter().map(|target| format!("{} {}", target.name(), target.tags.join(","))).collect()
            })
            .collect();
        assert_eq!(told, [vec!["r.example/a 1,2", "r.example/b latest"], vec!["s.example/a latest"]]);
    }

    #[test]
    fn a_digest_needs_no_tag() {
        let digest = Digest::of(b"x");
        let destination = Destination::parse(&format!("http://r.example/a@{digest}")).unwrap();
        assert_eq!((destination.tag, destination.digest), (None, Some(digest)));
        for bad in ["", "R.example/A", "ftp://r.example/a", "r.example/a b"] {
            assert!(Destination::parse(bad).is_err(), "{bad}");
        }
    }
}

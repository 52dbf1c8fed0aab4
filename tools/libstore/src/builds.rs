//! Records of the Dockerfile from which an image's history comes. They are beside the image, not in it. If one can't be
//! written, or is lost or damaged, a report says less.

use crate::store::Store;
use libwire::provenance::Provenance;
use libwire::{Digest, Reference};
use std::path::PathBuf;

impl Store {
    /// Writes the record of the image whose manifest is `image`, for each of its names and for no name, in place of
    /// earlier ones. A build that did not change its base makes that base again, and gets no record.
    pub fn keep_provenance(&self, image: Digest, names: &[Reference], provenance: &Provenance) {
        if provenance.base.manifest == Some(image) {
            return;
        }
        for name in names.iter().map(Some).chain([None]) {
            let file = self.provenance_file(image, name);
            if self.read_provenance(&file).as_ref() != Some(provenance) {
                let _ = self.write_record(&file, provenance);
            }
        }
    }

    /// The record of the build that gave an image this name, or else of the last build that made the image.
    pub fn provenance(&self, image: Digest, name: Option<&Reference>) -> Option<Provenance> {
        let named = name.and_then(|name| self.read_provenance(&self.provenance_file(image, Some(name))));
        let known = named.or_else(|| self.read_provenance(&self.provenance_file(image, None)));
        // Older stores have records of builds that changed nothing, in which an image is its own base.
        known.filter(|known| known.base.manifest != Some(image))
    }

    fn read_provenance(&self, file: &std::path::Path) -> Option<Provenance> {
        self.read_record(file).ok().flatten()
    }

    fn provenance_file(&self, image: Digest, name: Option<&Reference>) -> PathBuf {
        let name = name.map(|name| format!("-{}", &Digest::of(name.to_string().as_bytes()).hex()[..16]));
        self.path().join("builds").join(format!("{}{}.json", image.hex(), name.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use crate::store::fixture;
    use libwire::Digest;
    use libwire::provenance::{Base, Line, Provenance};

    #[test]
    fn a_damaged_provenance_is_none_and_is_written_again() {
        let (_dir, store) = fixture();
        let from = Line { dockerfile: "Dockerfile".into(), line: 1, text: "FROM scratch".into() };
        let known = Provenance {
            base: Base { from, history: 0, layers: 0, manifest: None, image: None },
            steps: Vec::new(),
            stages: Vec::new(),
        };
        let image = Digest::of(b"image");
        assert_eq!(store.provenance(image, None), None);
        store.keep_provenance(image, &[], &known);
        assert_eq!(store.provenance(image, None), Some(known.clone()));
        let file = store.provenance_file(image, None);
        let damaged = std::fs::read_to_string(&file).unwrap().replace("scratch", "elsewhere");
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(store.provenance(image, None), None);
        store.keep_provenance(image, &[], &known);
        assert_eq!(store.provenance(image, None), Some(known));
    }

    #[test]
    fn builds_that_make_one_image_under_two_names_are_both_known() {
        let (_dir, store) = fixture();
        let of = |dockerfile: &str, manifest| {
            let from = Line { dockerfile: dockerfile.into(), line: 1, text: "FROM x".into() };
            let base = Base { from, history: 0, layers: 0, manifest, image: None };
            Provenance { base, steps: Vec::new(), stages: Vec::new() }
        };
        let image = Digest::of(b"image");
        let [a, b, c] = ["a", "b", "c"].map(|name| name.parse().unwrap());
        store.keep_provenance(image, std::slice::from_ref(&a), &of("one", None));
        store.keep_provenance(image, std::slice::from_ref(&b), &of("two", None));
        // FROM b alone, as c.
        store.keep_provenance(image, std::slice::from_ref(&c), &of("three", Some(image)));
        let told = |name| store.provenance(image, name).unwrap().base.from.dockerfile;
        assert_eq!([Some(&a), Some(&b), Some(&c), None].map(told), ["one", "two", "two", "two"]);
        store.write_record(&store.provenance_file(image, None), &of("old", Some(image))).unwrap();
        assert_eq!(store.provenance(image, None), None, "an image is not its own base");
    }
}

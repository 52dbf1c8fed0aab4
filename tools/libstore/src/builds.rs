//! Which Dockerfile an image's history comes from. Beside the image, not in it: written as well as possible,
//! and where it is lost or damaged a report says less.

use crate::Store;
use libwire::Digest;
use libwire::provenance::Provenance;
use std::path::PathBuf;

impl Store {
    /// Keeps what is known of the image whose manifest is `image`, in place of what was.
    pub fn keep_provenance(&self, image: Digest, provenance: &Provenance) {
        if self.provenance(image).as_ref() != Some(provenance) {
            let _ = self.write_record(&self.provenance_file(image), provenance);
        }
    }

    /// What is known of an image's build.
    pub fn provenance(&self, image: Digest) -> Option<Provenance> {
        self.read_record(&self.provenance_file(image)).ok().flatten()
    }

    fn provenance_file(&self, image: Digest) -> PathBuf {
        self.path().join("builds").join(format!("{}.json", image.hex()))
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
        assert_eq!(store.provenance(image), None);
        store.keep_provenance(image, &known);
        assert_eq!(store.provenance(image), Some(known.clone()));
        let file = store.provenance_file(image);
        let damaged = std::fs::read_to_string(&file).unwrap().replace("scratch", "elsewhere");
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(store.provenance(image), None);
        store.keep_provenance(image, &known);
        assert_eq!(store.provenance(image), Some(known));
    }
}

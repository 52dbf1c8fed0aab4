//! Reads the images of the store from their blobs. An index means the image for one platform.

use crate::blob::MAX_JSON;
use crate::error::StoreError;
use crate::image::{Image, is_index, parse_manifest};
use crate::import::{Documents, Select, read_top};
use crate::lease::Held;
use crate::store::Store;
use libwire::image::Descriptor;

impl Store {
    /// Reads and checks the image whose manifest is `descriptor`, or for an index its image for this machine. Layers
    /// are not read.
    pub fn image(&self, descriptor: &Descriptor) -> Result<Image, StoreError> {
        self.hold(Held::Blob(descriptor.digest), || ())?;
        if is_index(&descriptor.media_type) {
            let image = read_top(&mut &*self, descriptor, &Select::default())?.image;
            return Ok(Image { descriptor: self.entry(&image), ..image });
        }
        let manifest = parse_manifest(descriptor, &self.read_blob(descriptor, MAX_JSON)?)?;
        let config = self.read_blob(&manifest.config, MAX_JSON)?;
        Image::new(descriptor.clone(), manifest, &config)
    }
}

impl Documents for &Store {
    fn read(&mut self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, StoreError> {
        self.read_blob(descriptor, limit)
    }
}

//! An OCI image layout directory as a source. Its files must be regular files at the paths that the layout gives; a
//! symbolic link or device there is refused.

use super::{Documents, Source, check_layout, parse_index};
use crate::blob::{BlobReader, BlobWriter, MAX_JSON};
use crate::error::StoreError;
use crate::image::read_limited;
use crate::store::Store;
use libwire::image::{Descriptor, Index};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub(super) struct Layout {
    /// The store that layers are copied to; without one they can't be.
    store: Option<Store>,
    dir: File,
}

impl Layout {
    pub(super) fn open(store: Option<&Store>, dir: &Path) -> Result<Self, StoreError> {
        let what = format!("cannot open {}", dir.display());
        let layout = Self { store: store.cloned(), dir: File::open(dir).map_err(StoreError::io(what))? };
        check_layout(&layout.read_file("oci-layout")?)?;
        Ok(layout)
    }

    pub(super) fn index(&self) -> Result<Index, StoreError> {
        parse_index("index.json", &self.read_file("index.json")?)
    }

    fn read_file(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let file = self.open_file(name)?;
        read_limited(file, MAX_JSON).map_err(|error| StoreError::invalid(name, error.to_string()))
    }

    fn open_file(&self, name: &str) -> Result<File, StoreError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let file = match openat2(&self.dir, name, flags, Mode::empty(), resolve) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::NOENT) => {
                return Err(StoreError::invalid(name, "is missing from the layout"));
            }
            Err(errno) => return Err(StoreError::invalid(name, format!("cannot be opened: {errno}"))),
        };
        match file.metadata().map(|meta| meta.is_file()) {
            Ok(true) => Ok(file),
            Ok(false) => Err(StoreError::invalid(name, "is not a regular file")),
            Err(error) => Err(StoreError::io(format!("cannot read {name}"))(error)),
        }
    }

    pub(super) fn open_blob(&self, descriptor: &Descriptor) -> Result<BlobReader, StoreError> {
        let file = self.open_file(&format!("blobs/sha256/{}", descriptor.digest.hex()))?;
        Ok(BlobReader::new(Box::new(file), descriptor))
    }
}

fn explain(descriptor: &Descriptor) -> impl FnOnce(io::Error) -> StoreError {
    let place = format!("blob {}", descriptor.digest);
    move |error| match error.kind() {
        io::ErrorKind::InvalidData => StoreError::invalid(place, error.to_string()),
        _ => StoreError::io(format!("cannot copy {place}"))(error),
    }
}

impl Documents for Layout {
    fn read(&mut self, descriptor: &Descriptor, limit: u64) -> Result<Vec<u8>, StoreError> {
        if descriptor.size > limit {
            let what = format!("is larger than {limit} bytes");
            return Err(StoreError::invalid(format!("blob {}", descriptor.digest), what));
        }
        let mut bytes = Vec::new();
        self.open_blob(descriptor)?.read_to_end(&mut bytes).map_err(explain(descriptor))?;
        Ok(bytes)
    }
}

impl Source for Layout {
    fn take(&mut self, descriptor: &Descriptor) -> Result<BlobWriter, StoreError> {
        let store = self.store.as_ref().ok_or_else(|| StoreError::invalid("layout", "is only looked at"))?;
        let mut blob = store.blob_writer()?;
        let mut input = io::BufReader::with_capacity(1 << 17, self.open_blob(descriptor)?);
        io::copy(&mut input, &mut blob).map_err(explain(descriptor))?;
        Ok(blob)
    }
}

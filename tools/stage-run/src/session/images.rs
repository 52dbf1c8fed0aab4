//! The images that stages use: found in the store, pulled where it lacks them, unpacked before their trees are needed.

use crate::error::StepError;
use crate::options::{Options, Policy};
use crate::plan::misspelt_stage;
use crate::session::pull::Pull;
use libsandbox::{Overlay, mount_overlay};
use libstore::{Image, Select, Store, StoreError, Unpack};
use libwire::image::Descriptor;
use libwire::lock::Source;
use libwire::plan::Stage;
use libwire::{Digest, Platform, Reference};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// An image, and its layers' snapshots, lowest first.
pub type Found = (Image, Vec<String>);

/// The images of one run.
pub struct Images<'a> {
    options: &'a Options,
    store: Store,
    /// By reference or place, and platform.
    found: RefCell<BTreeMap<String, Found>>,
    /// Those whose layers the store lacks: manifests, and snapshots.
    lacking: RefCell<Vec<(Digest, Vec<String>)>>,
}

impl<'a> Images<'a> {
    /// None yet.
    pub fn new(options: &'a Options, store: Store) -> Self {
        let (found, lacking) = Default::default();
        Self { options, store, found, lacking }
    }

    /// The image that `reference` means in `stage`, which calls it `name`. Layers that a registry has may be missing.
    pub fn named(&self, reference: &str, name: &str, stage: &Stage) -> Result<Found, StepError> {
        let key = format!("{reference} {}", stage.platform);
        if let Some(found) = self.found.borrow().get(&key) {
            return Ok(found.clone());
        }
        let descriptor = self.descriptor(reference, name, stage)?;
        let image = self.store.image(&descriptor).map_err(|error| match error {
            StoreError::Corrupt { .. } | StoreError::Missing { .. } => lost(name, &error.to_string()),
            other => other.into(),
        })?;
        let snapshots = self.store.layer_ids(&image);
        if !self.options.dry_run && !snapshots.iter().all(|id| self.store.has_snapshot(id)) {
            match self.has_layers(&image)? || !self.is_remote(image.descriptor.digest)? {
                true => drop(self.with_unpack(|unpack| self.store.unpack(&image, unpack))?),
                false => self.lacking.borrow_mut().push((image.descriptor.digest, snapshots.clone())),
            }
        }
        Ok(self.remember(&key, (image, snapshots)))
    }

    fn descriptor(&self, reference: &str, name: &str, stage: &Stage) -> Result<Descriptor, StepError> {
        let platform = platform_of(&stage.platform)?;
        let asked = Reference::parse(reference).map_err(StepError::input)?;
        let parsed = self.options.lock.reference(asked);
        let known = self.store.resolve_for(&parsed, &platform)?;
        let own = known.is_some() && self.store.remote(&parsed, &platform)?.is_none();
        self.require_locked(&parsed, name, own)?;
        let policy = self.options.pull.with(&self.options.lock, &parsed, own);
        let may_pull = policy != Policy::Never
            && parsed.as_digest().is_none()
            && misspelt_stage(stage, name).is_none()
            && !(known.is_some() && policy == Policy::Missing);
        let missing = Missing { store: &self.store, name, reference: &parsed };
        match known {
            Some(known) if !may_pull || self.options.dry_run => return Ok(known),
            None if may_pull && self.options.dry_run => {
                return Err(StepError::pending(format!("image {name}, which is pulled when it is built")));
            }
            None if !may_pull => {
                let near = missing.near();
                let near = near.as_deref().unwrap_or("; image-pull or image-load puts one there");
                return Err(StepError::failed(missing.what()).hint(near).image(name));
            }
            _ => {}
        }
        let pulled = self.pull().configs(&[parsed.to_string()], &stage.platform, policy);
        pulled.map_err(|error| match known {
            None => missing.cant_be_pulled(error),
            Some(_) => {
                let error = error.without(&format!("{parsed}: "));
                error.within(&format!("image {name} can't be pulled")).image(name)
            }
        })?;
        let found = self.store.resolve_for(&parsed, &platform)?;
        found.ok_or_else(|| StepError::failed(missing.what() + ", though it was pulled").image(name))
    }

    /// Refuses an image that has to be locked and is not, and warns of one that might be. An image of the
    /// store's `own` gets no warning, because no registry can change it.
    fn require_locked(&self, reference: &Reference, name: &str, own: bool) -> Result<(), StepError> {
        let lock = &self.options.lock;
        let Some(source) = Source::image(reference) else { return Ok(()) };
        lock.require(&source, name).map_err(|error| error.image(name))?;
        if let Some(what) = lock.lacks(&source).filter(|_| self.options.progress && !own) {
            libcli::warn(&libcli::speaker("stage-run"), &what);
        }
        Ok(())
    }

    /// The last answer of a registry about a reference: the digest of the index, or of the image.
    pub fn said(&self, reference: &Reference, platform: &str) -> Result<Option<Digest>, StepError> {
        let said = self.store.remote(reference, &platform_of(platform)?)?;
        Ok(said.map(|said| said.top()))
    }

    /// Has the store have the layers of an image that is to be a part of what is built.
    pub fn require_layers(&self, image: &Image, name: &str) -> Result<(), StepError> {
        if self.options.dry_run && self.is_remote(image.descriptor.digest)? {
            return Ok(());
        }
        self.complete(&self.store.layer_ids(image))?;
        for layer in &image.manifest.layers {
            if !self.store.has_blob(layer)? {
                if self.is_remote(image.descriptor.digest)? {
                    return self.pull_layers(image.descriptor.digest);
                }
                return Err(lost(name, &format!("its layer {} is damaged or missing", layer.digest)));
            }
        }
        Ok(())
    }

    /// Has those of `snapshots` that are layers of an image unpacked.
    pub fn complete(&self, snapshots: &[String]) -> Result<(), StepError> {
        let needed =
            |(_, layers): &(Digest, Vec<String>)| layers.iter().any(|layer| snapshots.contains(layer));
        let mut lacking = self.lacking.borrow_mut();
        while let Some(at) = lacking.iter().position(needed) {
            self.pull_layers(lacking[at].0)?;
            lacking.swap_remove(at);
        }
        Ok(())
    }

    fn pull_layers(&self, image: Digest) -> Result<(), StepError> {
        match self.options.pull {
            Policy::Never => Err(StepError::failed(format!(
                "layers of image {image} are not in the store, and nothing is pulled"
            ))),
            _ => self.pull().layers(image, self.options.isolation),
        }
    }

    fn pull(&self) -> Pull<'_> {
        let Options { fetch, progress, .. } = self.options;
        Pull { fetch, store: self.store.path(), shown: *progress }
    }

    fn has_layers(&self, image: &Image) -> Result<bool, StoreError> {
        for layer in &image.manifest.layers {
            if !self.store.has_blob(layer)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a registry is known to have an image.
    fn is_remote(&self, image: Digest) -> Result<bool, StoreError> {
        Ok(self.store.remotes()?.iter().any(|remote| remote.manifest.digest == image))
    }

    /// The image in an OCI layout outside the store, which is copied into the store.
    pub fn in_layout(&self, path: &Path, select: Option<&str>, platform: &str) -> Result<Found, StepError> {
        if self.options.dry_run {
            return Err(StepError::pending(format!(
                "oci-layout://{}, which is read when it is built",
                path.display()
            )));
        }
        let key = format!("oci-layout://{}@{} {platform}", path.display(), select.unwrap_or_default());
        if let Some(found) = self.found.borrow().get(&key) {
            return Ok(found.clone());
        }
        let (name, digest) = select_of(select);
        let platform = platform_of(platform)?;
        let select = Select { name, digest, platform, choose_by: ":TAG or @DIGEST", ..Select::default() };
        let found = self.with_unpack(|unpack| self.store.import_and_unpack(path, &select, unpack))?;
        Ok(self.remember(&key, found))
    }

    fn remember(&self, key: &str, found: Found) -> Found {
        self.found.borrow_mut().insert(key.to_owned(), found.clone());
        found
    }

    fn with_unpack<T>(&self, job: impl FnOnce(&Unpack) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let isolation = self.options.isolation;
        let mount = |lowers: &[PathBuf], upper: &Path, work: &Path| -> io::Result<OwnedFd> {
            let overlay = Overlay { lowers, upper: Some((upper, work)) };
            mount_overlay(&overlay, isolation).map_err(io::Error::other)
        };
        job(&Unpack { owners: isolation.owners(), mount: &mount })
    }
}

/// An image that is not in a store.
pub struct Missing<'a> {
    /// The store.
    pub store: &'a Store,
    /// As a stage calls it.
    pub name: &'a str,
    /// As it is asked for.
    pub reference: &'a Reference,
}

impl Missing<'_> {
    /// That it is not there.
    fn what(&self) -> String {
        let Self { store, name, reference } = self;
        format!("image {name}{} is not in the store {}", whole(name, reference), store.path().display())
    }

    /// The image of the store with a similar name, which was perhaps meant.
    fn near(&self) -> Option<String> {
        let images = self.store.images().unwrap_or_default();
        let names: Vec<_> =
            images.iter().filter_map(|image| Some(image.reference.as_ref()?.familiar())).collect();
        let near = libcli::nearest(&self.reference.familiar(), names.iter().map(String::as_str));
        near.map(|near| format!("; did you mean {near}?"))
    }

    /// The failure of image-pull to bring it.
    pub fn cant_be_pulled(&self, error: StepError) -> StepError {
        let error = error.without(&format!("{}: ", self.reference));
        let error = error.within(&format!("{}, and can't be pulled", self.what()));
        error.hint(&self.near().unwrap_or_default()).image(self.name)
    }
}

/// The name in full, where that says more.
fn whole(name: &str, reference: &Reference) -> String {
    match reference.as_digest().is_some() || reference.to_string() == name {
        true => String::new(),
        false => format!(" ({reference})"),
    }
}

/// That an image is in the store, but not whole.
fn lost(name: &str, why: &str) -> StepError {
    StepError::failed(format!("image {name}: {why}")).hint("; load or build that image again, then this one")
}

/// Which image of a layout a named context means: by its name or by its digest.
pub fn select_of(text: Option<&str>) -> (Option<String>, Option<Digest>) {
    let digest = text.and_then(|text| text.parse::<Digest>().ok());
    (text.filter(|_| digest.is_none()).map(str::to_owned), digest)
}

/// The platform that a plan names.
pub fn platform_of(text: &str) -> Result<Platform, StepError> {
    text.parse().map_err(|what: String| StepError::input(what))
}

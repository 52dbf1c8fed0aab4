//! Opens an image wherever it is: in the store, in an OCI layout, or in an archive. A layout that is a store is read
//! in place. Everything else is imported into a temporary store. The user's store is never written.

#[cfg(test)]
mod tests;

use libcli::{Exit, Failure};
use libstore::{ARCHIVE, Image, Imported, Limits, Options, Select, Store, StoreError};
use libwire::Platform;
use libwire::provenance::Provenance;
use libwire::{Digest, Reference};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The name for an archive on standard input.
const STANDARD_INPUT: &str = "-";

/// Where to look for images.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The store's directory.
    pub store: PathBuf,
    /// The platform to select in the index of a layout or archive; by default this machine's.
    pub platform: Option<Platform>,
    /// The limits for unpacking a layer.
    pub limits: Limits,
}

impl Sources {
    /// The images of the store at `store`, and other images for this machine.
    pub fn of(store: &Path) -> Self {
        Self { store: store.to_owned(), platform: None, limits: Limits::default() }
    }
}

/// An image that can be read, and the store it is in.
pub struct Opened {
    /// As the user named it.
    pub name: String,
    /// The image.
    pub image: Image,
    /// The name of the image in its store, if the user named it by that.
    pub reference: Option<Reference>,
    /// The store with its blobs.
    pub store: Store,
    /// The directory of a temporary store, which is removed together with this value.
    pub(crate) _dir: Option<libtree::remove::Temporary>,
}

impl Opened {
    /// The store's record of the image's build.
    pub fn provenance(&self) -> Option<Provenance> {
        self.store.provenance(self.image.descriptor.digest, self.reference.as_ref())
    }
}

/// Opens the image in `text`: `-`, an archive on standard input; `DIR` or `FILE`, either with `:NAME` to select an
/// image; or the name or digest of an image in the store. A text is a path if that exists, and the text has a `/` or
/// is not an image of the store.
pub fn open(text: &str, sources: &Sources) -> Result<Opened, Failure> {
    let store = sources.store.as_path();
    if text == STANDARD_INPUT {
        return import(text, Path::new(text), None, sources);
    }
    let Some((path, select)) = split_path(text) else {
        return in_store(text, store, sources.limits).map_err(|error| not_there(text, error));
    };
    if let Some(found) =
        (!text.contains('/')).then(|| in_store(text, store, sources.limits)).and_then(Result::ok)
    {
        return Ok(found);
    }
    if !is_store(&path) {
        return import(text, &path, select, sources);
    }
    let select = select
        .ok_or_else(|| Failure::usage(format!("{text} is a store; name an image of it: {text}:NAME")))?;
    Ok(Opened { name: text.to_owned(), ..in_store(&select, &path, sources.limits)? })
}

/// The error for an image that is not found, if its name may have been meant as a path.
fn not_there(text: &str, error: Failure) -> Failure {
    if text.starts_with(['/', '.']) {
        return Failure::failed(text, "there is no such file or directory");
    }
    match text.contains(['/', '.']) {
        true => {
            let what = format!("{}; nor is there a file or directory of that name", error.what());
            Failure::new(error.exit(), error.place(), what)
        }
        false => error,
    }
}

/// All images of the store, each once, with its names.
pub fn all(sources: &Sources) -> Result<Vec<Opened>, Failure> {
    let store = Store::open_existing(&sources.store, Options::default())?;
    let mut names: Vec<(Digest, Vec<String>)> = Vec::new();
    for named in store.images()? {
        let digest = named.descriptor.digest;
        let name = named.reference.map(|reference| reference.familiar());
        match names.iter_mut().find(|(known, _)| *known == digest) {
            Some((_, known)) => known.extend(name),
            None => names.push((digest, name.into_iter().collect())),
        }
    }
    let open = |(digest, names): (Digest, Vec<String>)| {
        let opened = in_store(&digest.to_string(), &sources.store, sources.limits)?;
        Ok(if names.is_empty() { opened } else { Opened { name: names.join(", "), ..opened } })
    };
    names.into_iter().map(open).collect()
}

fn is_store(path: &Path) -> bool {
    path.join("stagepipe-store").is_file()
}

fn in_store(text: &str, path: &Path, limits: Limits) -> Result<Opened, Failure> {
    let store = Store::open_existing(path, Options { limits, ..Options::default() })?;
    let named = store.find(text)?;
    let image = store.image(&named.descriptor)?;
    Ok(Opened { name: text.to_owned(), image, reference: named.reference, store, _dir: None })
}

/// The existing path, and the image selected after it.
fn split_path(text: &str) -> Option<(PathBuf, Option<String>)> {
    if Path::new(text).exists() {
        return Some((text.into(), None));
    }
    // A name may have a colon of its own: NAME:TAG.
    text.match_indices(':').map(|(at, _)| at).find_map(|at| {
        let (path, name) = (Path::new(&text[..at]), &text[at + 1..]);
        (path.exists() && !name.is_empty()).then(|| (path.to_owned(), Some(name.to_owned())))
    })
}

fn import(text: &str, path: &Path, name: Option<String>, sources: &Sources) -> Result<Opened, Failure> {
    let dir = tempfile::Builder::new().prefix("image-report-").tempdir();
    let dir = dir.map_err(StoreError::io(
        "cannot make a temporary directory; set TMPDIR to one that can be written",
    ))?;
    let dir = libtree::remove::Temporary::new(dir.keep());
    let options = Options { sync: false, limits: sources.limits, ..Options::default() };
    let store = Store::open(&dir.path().join("store"), options)?;
    let mut select =
        Select { other_platform: sources.platform.is_none(), choose_by: "PATH:NAME", ..Select::default() };
    if let Some(platform) = &sources.platform {
        select.platform = platform.clone();
    }
    match name.as_deref().map(str::parse) {
        Some(Ok(digest)) => select.digest = Some(digest),
        _ => select.name = name,
    }
    let imported = match path.is_dir() {
        _ if text == STANDARD_INPUT => store.import_archive(libcli::input(ARCHIVE)?, &select),
        true if !path.join("oci-layout").exists() => {
            let what = "is a directory and no OCI layout: it has no file oci-layout";
            return Err(Failure::bad_input(path.to_string_lossy(), what));
        }
        true => store.import_layout(path, &select),
        false => {
            let file = File::open(path).map_err(|error| Failure::failed(text, error))?;
            store.import_archive(file, &select)
        }
    };
    let image = the_one(text, imported.map_err(|error| within(path, error.into()))?)?;
    Ok(Opened { name: text.to_owned(), image, reference: None, store, _dir: Some(dir) })
}

/// An error inside a layout or archive, with the path of that first.
fn within(path: &Path, error: Failure) -> Failure {
    let path = path.to_string_lossy();
    match error.exit() {
        Exit::BadInput => Failure::bad_input(format!("{path}: {}", error.place()), error.what()),
        _ => error,
    }
}

fn the_one(text: &str, imported: Vec<Imported>) -> Result<Image, Failure> {
    let said = |one: &Imported| match one.names.first() {
        Some(name) => name.familiar(),
        None => one.image.descriptor.digest.to_string(),
    };
    let names: Vec<String> = imported.iter().map(said).collect();
    let mut images = imported.into_iter().map(|imported| imported.image).collect::<Vec<_>>();
    images.dedup_by_key(|image| image.descriptor.digest);
    match images.len() {
        1 => Ok(images.remove(0)),
        count => {
            let (names, path) = (names.join(", "), if text == STANDARD_INPUT { "FILE" } else { text });
            Err(Failure::usage(format!("{text} has {count} images; name one as {path}:NAME, of {names}")))
        }
    }
}

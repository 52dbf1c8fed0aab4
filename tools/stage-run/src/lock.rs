//! The lock of a Dockerfile in use: what the names in it mean, and what is done about names that it lacks.

use crate::error::StepError;
use libcli::Failure;
use libwire::lock::{BadLock, Lock, MAX_LOCK, Pin, Source, looks_like_lock};
use libwire::{Digest, Reference};
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Which lines are written anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renew {
    /// All: names that the plan does not have lose theirs.
    All,
    /// Those of the plan's names.
    Named,
    /// The line of one source.
    One(Source),
}

/// A lock, and how strictly it is kept. The default locks nothing.
#[derive(Clone, Debug, Default)]
pub struct LockFile {
    path: Option<PathBuf>,
    lock: Lock,
    strict: bool,
    renew: Option<Renew>,
}

impl LockFile {
    /// Reads the lock at `path`. `strict`: a name that is not in it is refused. With `renew` it need not be there.
    pub fn open(path: Option<PathBuf>, strict: bool, renew: Option<Renew>) -> Result<Self, Failure> {
        let lock = match &path {
            Some(path) => read(path, renew.as_ref())?,
            None => Lock::default(),
        };
        Ok(Self { path, lock, strict, renew })
    }

    /// The pin of `source`, unless the source is asked anew.
    pub fn pin(&self, source: &Source) -> Option<&Pin> {
        let (pin, _) = self.lock.get(source).filter(|_| !self.renews(source))?;
        Some(pin)
    }

    /// The same for what is called `shown`, and an error if every name has to be in the lock and this one is not.
    pub fn require(&self, source: &Source, shown: &str) -> Result<Option<&Pin>, StepError> {
        match self.pin(source) {
            None if self.strict => {
                let name = source.name();
                let what = format!("{name} is not in {}, and --locked takes nothing else", self.name());
                Err(StepError::failed(what)
                    .hint(&format!("; image-build --lock={name} adds it"))
                    .token(shown))
            }
            pin => Ok(pin),
        }
    }

    /// `reference` with its digest, if it is locked.
    pub fn reference(&self, reference: Reference) -> Reference {
        let pin = Source::image(&reference).and_then(|source| self.pin(&source).cloned());
        match pin {
            Some(Pin::Digest(digest)) => reference.at(digest),
            _ => reference,
        }
    }

    /// Whether a registry is asked anew what `reference` means. The store's `own` image, which never came from one, has no
    /// line, unless it is asked for by name.
    pub fn asks(&self, reference: &Reference, own: bool) -> bool {
        let renews = Source::image(reference).is_some_and(|source| self.renews(&source));
        renews && (!own || matches!(self.renew, Some(Renew::One(_))))
    }

    /// Whether the line of a source is written anew.
    pub fn renews(&self, source: &Source) -> bool {
        match &self.renew {
            Some(Renew::One(one)) => one == source,
            renew => renew.is_some(),
        }
    }

    /// The warning about a source that is asked for although there is a lock.
    pub fn lacks(&self, source: &Source) -> Option<String> {
        let name = source.name();
        let lacks = self.path.is_some() && self.renew.is_none() && self.pin(source).is_none();
        lacks.then(|| {
            format!("{name} is not in {}, so it may change; image-build --lock={name} adds it", self.name())
        })
    }

    /// The line that a source has, and what to do if it is no longer right.
    pub fn place(&self, source: &Source) -> (String, String) {
        let line = self.lock.get(source).map_or(0, |(_, line)| line);
        let renew =
            format!("; if the new one is meant, image-build --lock={} renews the line", source.name());
        (format!("{}:{line}", self.name()), renew)
    }

    /// The digest of a plan and the lock that it is built with.
    pub fn digest(&self, plan: Digest) -> Digest {
        match self.path {
            Some(_) => Digest::of(format!("{plan}\n{}", self.lock).as_bytes()),
            None => plan,
        }
    }

    /// Writes what `found` has, and of the other lines those that are to stay. Says what changed.
    pub fn write(&self, found: Vec<(Source, Pin)>) -> Result<Vec<String>, Failure> {
        let (Some(path), Some(renew)) = (&self.path, &self.renew) else { return Ok(Vec::new()) };
        let failed = |what: String| Failure::failed(path.display().to_string(), what);
        let mut lock = if *renew == Renew::All { Lock::default() } else { self.lock.clone() };
        if let Renew::One(one) = renew
            && !found.iter().any(|(source, _)| source == one)
        {
            return Err(Failure::usage(no_source(one, found.iter().map(|(source, _)| source))));
        }
        for (source, pin) in found.into_iter().filter(|(source, _)| self.renews(source)) {
            lock.set(source, pin).map_err(failed)?;
        }
        replace(path, &lock.to_string())
            .map_err(|error| Failure::failed(path.display().to_string(), error))?;
        Ok(changes(&self.lock, &lock))
    }

    /// Its path as it was given.
    fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "a lock".to_owned(), |path| path.display().to_string())
    }
}

/// That a line is to be renewed which there is no source for.
fn no_source<'a>(wanted: &Source, sources: impl Iterator<Item = &'a Source>) -> String {
    let names: Vec<&str> = sources.map(Source::name).collect();
    let hint = match libcli::nearest(wanted.name(), names.iter().copied()) {
        Some(near) => format!("; did you mean {near}?"),
        None if names.is_empty() => "; it names none that can be locked".to_owned(),
        None => format!("; it has {}", names.join(", ")),
    };
    format!("--lock: {} is no source of the Dockerfile{hint}", wanted.name())
}

/// The differences between two locks, in words.
fn changes(old: &Lock, new: &Lock) -> Vec<String> {
    let gone = old.sources().filter(|(source, _)| new.get(source).is_none());
    let gone = gone.map(|(source, _)| format!("{} is removed: nothing uses it", source.name()));
    let changed = new.sources().filter_map(|(source, pin)| match old.get(source) {
        Some((before, _)) if before == pin => None,
        Some((before, _)) => Some(format!("{} is {pin} now, and was {before}", source.name())),
        None => Some(format!("{} is {pin}", source.name())),
    });
    gone.chain(changed).collect()
}

/// Reads a lock; where all of it is written anew, only whether it is one, so that nothing else is overwritten.
fn read(path: &Path, renew: Option<&Renew>) -> Result<Lock, Failure> {
    let name = path.display().to_string();
    let failed = |error| Failure::failed(&name, error);
    let mut bytes = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && renew.is_some() => return Ok(Lock::default()),
        file => file.map_err(failed)?.take(MAX_LOCK + 1).read_to_end(&mut bytes).map_err(failed)?,
    };
    if bytes.len() as u64 > MAX_LOCK {
        return Err(Failure::bad_input(&name, format!("it has more than {MAX_LOCK} bytes; is it a lock?")));
    }
    match Lock::parse(&bytes) {
        Ok(lock) => Ok(lock),
        Err(_) if renew == Some(&Renew::All) && looks_like_lock(&bytes) => Ok(Lock::default()),
        Err(BadLock { line, what }) => {
            let instead = match looks_like_lock(&bytes) {
                true => "correct it, or let image-build --lock write all of it anew",
                false => "move the file away, or name another Dockerfile with -f",
            };
            Err(Failure::bad_input(format!("{name}:{line}"), format!("{what}; {instead}")))
        }
    }
}

/// Puts a file with this text in the place of another, all at once.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As any file that is written, and not as one that is nobody else's.
    let mode = Permissions::from_mode(0o666);
    let mut new = tempfile::Builder::new().prefix(".lock-").permissions(mode).tempfile_in(dir)?;
    new.write_all(text.as_bytes())?;
    if let Ok(meta) = fs::metadata(path) {
        new.as_file().set_permissions(meta.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(path)?;
    File::open(dir)?.sync_all()
}

//! The sources of a COPY or ADD, each with the tree it is in. A source that is no path is fetched first.

use crate::copy::downloads::Expected;
use crate::copy::expanded::ExpandedCopy;
use crate::copy::reading::literal;
use crate::copy::{checkouts, downloads};
use crate::error::StepError;
use crate::key::Key;
use crate::position::CurrentStep;
use crate::session::Session;
use crate::tree::Tree;
use libcopy::{Request, Selection};
use libdockerfile::sources::Asked;
use libdockerfile::values::checksum;
use libpattern::Matcher;
use libwire::lock::{Pin, Source};
use libwire::plan::Copy;
use libwire::remote::{Kind, Repository};

/// Sources that follow one another and are in one tree.
pub struct Part {
    /// The tree.
    pub tree: Tree,
    ignore: Option<Matcher>,
    /// The files to copy from it.
    pub request: Request,
    /// Whether it came from elsewhere.
    pub fetched: bool,
    /// The time that a fetched source has.
    time: Option<(i64, u32)>,
}

impl Part {
    /// The digest of its content, if that was read before in the same tree: the trees of stages and images never
    /// change.
    pub fn known_content(&self, session: &Session) -> Option<String> {
        let key = self.content_key(session)?;
        session.store.cache_get(key.digest()).ok().flatten()
    }

    /// Keeps the digest of its content, which is `selection`.
    pub fn keep_content(&self, session: &Session, selection: &Selection) -> Result<(), StepError> {
        match self.content_key(session).filter(|_| !session.options.dry_run) {
            Some(key) => Ok(session.store.cache_put(key.digest(), &selection.digest())?),
            None => Ok(()),
        }
    }

    /// A key of all that decides its content, if that is only the tree's snapshots and its own words.
    fn content_key(&self, session: &Session) -> Option<Key> {
        if !self.tree.lasts() || self.fetched || !self.request.documents.is_empty() {
            return None;
        }
        let mut key = Key::new("content", session.options.isolation);
        for lower in &self.tree.lowers {
            key.add("snapshot", lower.to_str()?);
        }
        for source in &self.request.sources {
            key.add("source", source.clone());
        }
        for pattern in &self.request.exclude {
            key.add("exclude", pattern.clone());
        }
        let Request { parents, extract, owner, .. } = &self.request;
        key.add("how", format!("parents {parents} extract {extract} owners {}", owner.is_none()));
        Some(key)
    }

    /// Adds what decides the result apart from the content. For a fetched source that is the file's name and time in
    /// the image, not its URL, which may hold a secret: whether this URL gives the content was found before.
    pub fn ingredients(&self, key: &mut Key) {
        let what = if self.fetched { "fetched" } else { "source" };
        for source in &self.request.sources {
            key.add(what, source.clone());
        }
        if let Some((seconds, nanoseconds)) = self.time {
            key.add("time", format!("{seconds}.{nanoseconds}"));
        }
    }

    /// Finds its sources and reads them.
    pub fn select(&self) -> Result<Selection<'_>, StepError> {
        self.tree.select(self.ignore.as_ref(), &self.request)
    }
}

/// Refuses flags and sources that do not go together.
pub fn check(expanded: &ExpandedCopy, copy: &Copy, add: bool) -> Result<(), StepError> {
    Ok(libdockerfile::sources::check(&Asked {
        add,
        sources: &expanded.sources,
        count: expanded.sources.len() + expanded.documents.len(),
        complete: true,
        has_checksum: copy.checksum.is_some(),
        checksum: expanded.checksum.as_deref(),
        keep_git_dir: copy.keep_git_dir,
    })?)
}

/// The parts of a COPY or ADD, in order. `request` has everything but the sources.
pub fn find(
    step: CurrentStep,
    copy: &Copy,
    expanded: &ExpandedCopy,
    mut request: Request,
) -> Result<Vec<Part>, StepError> {
    let documents = std::mem::take(&mut request.documents);
    let finder = Finder { step, copy, checksum: expanded.checksum.as_deref(), request };
    let mut parts: Vec<Part> = Vec::new();
    for (source, written) in expanded.sources.iter().zip(&copy.sources) {
        match Kind::of(source) {
            Kind::Path => {
                let mut local = finder.last_local(&mut parts)?;
                local.request.sources.push(source.clone());
                parts.push(local);
            }
            Kind::File => parts.push(finder.download(source, written)?),
            Kind::Repository => parts.push(finder.check_out(source)?),
        }
    }
    if !documents.is_empty() {
        let mut local = finder.last_local(&mut parts)?;
        local.request.documents = documents;
        parts.push(local);
    }
    Ok(parts)
}

struct Finder<'a> {
    step: CurrentStep<'a>,
    copy: &'a Copy,
    checksum: Option<&'a str>,
    /// The common members of all parts' requests.
    request: Request,
}

impl Finder<'_> {
    /// Takes the last of `parts`, if its tree is not a fetched one; else begins another part.
    fn last_local(&self, parts: &mut Vec<Part>) -> Result<Part, StepError> {
        if let Some(part) = parts.pop_if(|part| !part.fetched) {
            return Ok(part);
        }
        let tree = Tree::open(self.step.session, self.copy.from.as_ref(), self.step.stage)?;
        let ignore = tree.ignore_patterns()?;
        Ok(Part { tree, ignore, request: self.request.clone(), fetched: false, time: None })
    }

    /// A file from a URL, which the Dockerfile has as `written`.
    fn download(&self, source: &str, written: &str) -> Result<Part, StepError> {
        let name = Source::file(source, written);
        let expected = match self.checksum.map(checksum).transpose().map_err(StepError::input)? {
            Some(checksum) => Expected::Checksum(checksum),
            None => match self.locked(&name, source)? {
                Some(Pin::Digest(digest)) => Expected::Locked(*digest, &name),
                _ => Expected::Anything,
            },
        };
        let (tree, name) = downloads::file(self.step.session, source, expected)?;
        let extract = self.copy.unpack.unwrap_or(false);
        let request = Request { sources: vec![literal(&name)], extract, ..self.request.clone() };
        let meta = tree.root.lstat(name.as_bytes()).map_err(StepError::io(&name))?;
        let time = Some((meta.mtime, meta.mtime_ns));
        Ok(Part { tree, ignore: None, request, fetched: true, time })
    }

    /// The pin of a source in the lock. A source that is not in the lock gets a warning.
    fn locked(&self, source: &Source, shown: &str) -> Result<Option<&Pin>, StepError> {
        let lock = &self.step.session.options.lock;
        if let Some(what) = lock.lacks(source) {
            self.step.session.warn_once(&what);
        }
        lock.require(source, shown)
    }

    /// The tree of a repository's commit.
    fn check_out(&self, source: &str) -> Result<Part, StepError> {
        let mut repository = Repository::parse(source).map_err(StepError::input)?;
        if let Some(checksum) = self.checksum {
            repository.require(checksum).map_err(StepError::input)?;
        }
        let keep_git_dir = repository.keeps_git_dir(self.copy.keep_git_dir);
        let locked = match Source::repository(&repository) {
            Some(name) => self.locked(&name, source)?,
            None => None,
        };
        let commit = match locked {
            Some(Pin::Commit(commit)) => Some(commit.as_str()),
            _ => None,
        };
        let tree = checkouts::tree(self.step.session, source, &repository, commit, keep_git_dir)?;
        let request = Request { sources: vec!["/".into()], extract: false, ..self.request.clone() };
        let meta = tree.root.lstat(b"").map_err(StepError::io("the checkout"))?;
        // The time of the checkout decides nothing, else no build would find it again.
        let time = (!repository.fresh).then_some((meta.mtime, meta.mtime_ns));
        Ok(Part { tree, ignore: None, request, fetched: true, time })
    }
}

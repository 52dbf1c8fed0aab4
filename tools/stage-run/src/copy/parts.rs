//! The sources of a COPY or ADD, each with the tree it is in: what is not a path is fetched first.

use crate::copy::expanded::ExpandedCopy;
use crate::copy::reading::literal;
use crate::copy::{checkouts, downloads};
use crate::error::StepError;
use crate::key::Key;
use crate::session::Session;
use crate::tree::Tree;
use df_parse::sources::Asked;
use df_parse::values::checksum;
use libcopy::{Request, Selection};
use libpattern::Matcher;
use libwire::plan::{Copy, Stage};
use libwire::remote::{Kind, Repository};

/// Sources that follow one another and are in one tree.
pub struct Part {
    /// Where it is.
    pub tree: Tree,
    ignore: Option<Matcher>,
    /// What to copy of it.
    pub request: Request,
    /// Whether it came from elsewhere.
    pub fetched: bool,
    /// The time it has where it came from.
    time: Option<(i64, u32)>,
}

impl Part {
    /// The digest of its content, if that was read before in the same tree: a stage's or an image's trees never
    /// change.
    pub fn known(&self, session: &Session) -> Option<String> {
        let key = self.place(session)?;
        session.store.cache_get(key.digest()).ok().flatten()
    }

    /// Keeps the digest of its content, which is `selection`.
    pub fn keep(&self, session: &Session, selection: &Selection) -> Result<(), StepError> {
        match self.place(session).filter(|_| !session.options.dry_run) {
            Some(key) => Ok(session.store.cache_put(key.digest(), &selection.digest())?),
            None => Ok(()),
        }
    }

    /// What decides its content, if that is the tree's snapshots and its own words.
    fn place(&self, session: &Session) -> Option<Key> {
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
pub fn check(copied: &ExpandedCopy, copy: &Copy, add: bool) -> Result<(), StepError> {
    Ok(df_parse::sources::check(&Asked {
        add,
        sources: &copied.sources,
        count: copied.sources.len() + copied.documents.len(),
        complete: true,
        has_checksum: copy.checksum.is_some(),
        checksum: copied.checksum.as_deref(),
        keep_git_dir: copy.keep_git_dir,
    })?)
}

/// The parts of `copied`, in order. `like` has everything of their requests but the sources.
pub fn parts(
    session: &Session,
    stage: &Stage,
    copied: &ExpandedCopy,
    copy: &Copy,
    like: &Request,
) -> Result<Vec<Part>, StepError> {
    let mut parts: Vec<Part> = Vec::new();
    let bare = Request { documents: Vec::new(), ..like.clone() };
    let local = || -> Result<Part, StepError> {
        let tree = Tree::open(session, copy.from.as_ref(), stage)?;
        let ignore = tree.ignore_patterns()?;
        Ok(Part { tree, ignore, request: bare.clone(), fetched: false, time: None })
    };
    for source in &copied.sources {
        match Kind::of(source) {
            Kind::Path => {
                let mut last = match parts.pop_if(|part| !part.fetched) {
                    Some(part) => part,
                    None => local()?,
                };
                last.request.sources.push(source.clone());
                parts.push(last);
            }
            Kind::File => parts.push(download(session, source, copied, copy, &bare)?),
            Kind::Repository => parts.push(check_out(session, source, copied, copy, &bare)?),
        }
    }
    if !like.documents.is_empty() {
        let mut last = match parts.pop_if(|part| !part.fetched) {
            Some(part) => part,
            None => local()?,
        };
        last.request.documents.clone_from(&like.documents);
        parts.push(last);
    }
    Ok(parts)
}

/// A file from a URL.
fn download(
    session: &Session,
    source: &str,
    copied: &ExpandedCopy,
    copy: &Copy,
    like: &Request,
) -> Result<Part, StepError> {
    let expected = copied.checksum.as_deref().map(checksum).transpose().map_err(StepError::input)?;
    let (tree, name) = downloads::file(session, source, expected)?;
    let request =
        Request { sources: vec![literal(&name)], extract: copy.unpack.unwrap_or(false), ..like.clone() };
    let meta = tree.root.lstat(name.as_bytes()).map_err(StepError::io(&name))?;
    let time = Some((meta.mtime, meta.mtime_ns));
    Ok(Part { tree, ignore: None, request, fetched: true, time })
}

/// The tree of a repository's commit.
fn check_out(
    session: &Session,
    source: &str,
    copied: &ExpandedCopy,
    copy: &Copy,
    like: &Request,
) -> Result<Part, StepError> {
    let mut repository = Repository::parse(source).map_err(StepError::input)?;
    if let Some(checksum) = &copied.checksum {
        repository.require(checksum).map_err(StepError::input)?;
    }
    let tree = checkouts::tree(session, source, &repository, repository.keeps_git_dir(copy.keep_git_dir))?;
    let request = Request { sources: vec!["/".into()], extract: false, ..like.clone() };
    let meta = tree.root.lstat(b"").map_err(StepError::io("the checkout"))?;
    // The time of the checkout decides nothing, else no build would find it again.
    let time = (!repository.fresh).then_some((meta.mtime, meta.mtime_ns));
    Ok(Part { tree, ignore: None, request, fetched: true, time })
}

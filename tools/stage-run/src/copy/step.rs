//! The step of a COPY or ADD: its key, what to warn of, and the copy itself.

use crate::copy::deferred;
use crate::copy::expanded::ExpandedCopy;
use crate::copy::link as linked;
use crate::copy::parts::{self as fetched, Part};
use crate::error::StepError;
use crate::key::Key;
use crate::owner::{self, Owner};
use crate::position::CurrentStep;
use crate::session::Session;
use crate::step::{Made, Maker};
use crate::tree::Tree;
use libcopy::{Request, Selection};
use libstore::NewSnapshot;
use libtree::Root;
use libwire::Chmod;
use libwire::plan::{Copy, Stage};
use std::path::PathBuf;

/// Which of the two it is, and where.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// ADD, and not COPY.
    pub add: bool,
    /// Whether nothing of the build will look at the tree any more.
    pub last: bool,
    /// The line it is on, for warnings.
    pub line: u32,
}

/// Does a COPY or ADD, or finds its result. Also gives the history entry.
pub fn step(
    step: CurrentStep,
    copy: &Copy,
    &Kind { add, last, line }: &Kind,
) -> Result<(Made, String), StepError> {
    let CurrentStep { session, stage, state, .. } = step;
    let copied = ExpandedCopy::new(stage, state, copy)?;
    fetched::check(&copied, copy, add)?;
    // As in BuildKit, --chmod makes --link an ordinary copy.
    let link = copy.link && copied.chmod.is_none();
    let parents = if link { Vec::new() } else { state.parents() };
    let request = request(session, &copied, copy, add, owner(session, stage, line, &copied, &parents)?)?;
    let parts = fetched::parts(session, stage, &copied, copy, &request)?;
    let target = copied.target(state);
    let created_by = copied.created_by(if add { "ADD" } else { "COPY" }, copy.parents);
    let mut key = Key::new(if add { "add" } else { "copy" }, session.options.isolation);
    if link {
        key.add("link", "true");
    } else {
        key.parents(&parents);
    }
    ingredients(session, &mut key, &parts, &copied, &target);
    if link && let Some(what) = linked::doubt(session, &state.parents(), (&parts, &target), request.owner) {
        session.warn(stage, line, &what);
    }
    let maker = |contents: &[String]| {
        let mut key = key.clone();
        contents.iter().for_each(|content| key.add("content", content.clone()));
        Maker { step, key }
    };
    // Trees that never change need not be read to find what was made of them.
    let known: Option<Vec<String>> = parts.iter().map(|part| part.known(session)).collect();
    if let Some(contents) = known
        && let Some(made) = maker(&contents).find(&parents)?
    {
        return Ok((made, created_by));
    }
    parts.iter().try_for_each(|part| part.tree.require_whole(session))?;
    let selections = parts.iter().map(Part::select).collect::<Result<Vec<_>, _>>()?;
    let doubts = doubts(session, &parents, &copied, &selections, &target)?;
    doubts.iter().for_each(|what| session.warn(stage, line, what));
    let mut contents = Vec::new();
    for (part, selection) in parts.iter().zip(&selections) {
        contents.push(selection.digest().to_owned());
        session.contents.note(&part.tree.name, part.tree.local, selection);
        // A doubt is told in every build.
        if doubts.is_empty() {
            part.keep(session, selection)?;
        }
    }
    let made = maker(&contents).make(&parents, |new, lowers| {
        if !last || !deferred::defer(session, (&parts, &selections), &lowers, &target, new)? {
            let left_out = write(session, &selections, &lowers, &target, new)?;
            left_out.iter().for_each(|what| session.warn(stage, line, what));
        }
        Ok(None)
    })?;
    Ok((made, created_by))
}

/// What is asked for, without the sources.
fn request(
    session: &Session,
    copied: &ExpandedCopy,
    copy: &Copy,
    add: bool,
    owner: Option<(u32, u32)>,
) -> Result<Request, StepError> {
    let documents = copied.documents.iter();
    Ok(Request {
        sources: Vec::new(),
        documents: documents.map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect(),
        owner,
        chmod: copied.chmod.as_deref().map(chmod).transpose()?,
        parents: copy.parents,
        exclude: copy.exclude.clone(),
        extract: copy.unpack.unwrap_or(add),
        now: session.now(),
        limits: session.options.fetch.limits,
    })
}

/// Writes what is selected to `target` of the tree of `lowers` and `new`. Gives a warning when it is not all.
fn write(
    session: &Session,
    selections: &[Selection],
    lowers: &[PathBuf],
    target: &str,
    new: &NewSnapshot,
) -> Result<Option<String>, StepError> {
    let merged = session.mount(lowers, Some((new.upper(), new.work())))?;
    let root = Root::from_fd(merged, session.options.isolation.owners());
    for selection in selections {
        selection.write(&root, target.as_bytes())?;
    }
    let devices: u64 = selections.iter().map(Selection::left_out).sum();
    let what = format!("{devices} device nodes of the archive are left out: only root can make them");
    Ok(Some(what).filter(|_| devices > 0))
}

fn chmod(mode: &str) -> Result<Chmod, StepError> {
    Chmod::parse(mode).map_err(|what| StepError::input(what).token(mode))
}

/// What is allowed and hardly ever meant.
fn doubts(
    session: &Session,
    parents: &[String],
    copied: &ExpandedCopy,
    selections: &[Selection],
    target: &str,
) -> Result<Vec<String>, StepError> {
    if selections.iter().all(Selection::is_empty) {
        let sources = copied.sources.join(" ");
        let excluded = selections.iter().any(Selection::excludes);
        let what = if excluded { "nothing that --exclude leaves" } else { "nothing" };
        return Ok(vec![format!("{sources} matches {what}, so nothing is copied; is the path right?")]);
    }
    let files: usize = selections.iter().map(Selection::files).sum();
    if files < 2 || target.ends_with('/') || is_directory(session, parents, target)? {
        return Ok(Vec::new());
    }
    let dest = &copied.dest;
    let what = format!(
        "all {files} files become {dest}, which is no directory, and the last one stays; write {dest}/"
    );
    Ok(vec![what])
}

fn is_directory(session: &Session, parents: &[String], target: &str) -> Result<bool, StepError> {
    let tree = Tree::merged(session, parents)?;
    Ok(tree.root.stat(target.as_bytes()).is_ok_and(|meta| meta.is_dir()))
}

/// What decides the result, apart from the tree below and the contents.
fn ingredients(session: &Session, key: &mut Key, parts: &[Part], copied: &ExpandedCopy, target: &str) {
    for part in parts {
        part.ingredients(key);
    }
    key.add("target", target);
    let Some(Part { request, .. }) = parts.first() else { return };
    if let Some((uid, gid)) = request.owner {
        key.add("chown", format!("{uid}:{gid}"));
    }
    if let Some(chmod) = &copied.chmod {
        key.add("chmod", chmod.clone());
    }
    // Before there were numbers, directories that were there got another owner, and the destination the archive's.
    if request.parents {
        key.add("parents", "2");
    }
    for pattern in &request.exclude {
        key.add("exclude", pattern.clone());
    }
    if parts.iter().any(|part| part.request.extract) {
        key.add("unpack", "2");
    }
    key.epoch(session.options.epoch);
}

fn owner(
    session: &Session,
    stage: &Stage,
    line: u32,
    copied: &ExpandedCopy,
    parents: &[String],
) -> Result<Option<(u32, u32)>, StepError> {
    let Some(chown) = &copied.chown else { return Ok(None) };
    let tree = if parents.is_empty() { None } else { Some(Tree::merged(session, parents)?) };
    let Owner { ids: ids @ (uid, gid), unknown } =
        owner::resolve(tree.as_ref().map(|tree| &tree.root), chown)?;
    if !unknown.is_empty() {
        let names = unknown.join(" and no ");
        let what = format!(
            "--chown={chown}: the stage has no {names}, so {uid}:{gid} it is; create it in a RUN above"
        );
        session.warn(stage, line, &what);
    }
    Ok(Some(ids))
}

//! The step of a COPY or ADD: its key, what to warn of, and the copy itself.

use crate::copy::deferred;
use crate::copy::destination::Destination;
use crate::copy::expanded::{CopyInstruction, ExpandedCopy};
use crate::copy::link;
use crate::copy::parts::{self, Part};
use crate::error::StepError;
use crate::key::Key;
use crate::owner::{self, Owner};
use crate::position::CurrentStep;
use crate::step::{Made, Maker};
use crate::tree::Tree;
use libcopy::{Request, Selection};
use libwire::Chmod;

/// Does a COPY or ADD, or finds its result. Also gives the history entry.
pub fn copy(step: CurrentStep, instruction: CopyInstruction) -> Result<(Made, String), StepError> {
    let copying = Copying::new(step, instruction)?;
    let made = match copying.find()? {
        Some(made) => made,
        None => copying.make()?,
    };
    let name = if instruction.add { "ADD" } else { "COPY" };
    Ok((made, copying.expanded.created_by(name, instruction.copy.parents)))
}

/// A COPY or ADD whose sources are found, and not read yet.
struct Copying<'a> {
    step: CurrentStep<'a>,
    instruction: CopyInstruction<'a>,
    expanded: ExpandedCopy,
    /// The snapshots that it stands on. A COPY --link stands on none.
    parents: Vec<String>,
    /// The path to copy to.
    target: String,
    parts: Vec<Part>,
    /// The key without the contents.
    key: Key,
}

impl<'a> Copying<'a> {
    fn new(step: CurrentStep<'a>, instruction: CopyInstruction<'a>) -> Result<Self, StepError> {
        let CurrentStep { session, stage, state, .. } = step;
        let CopyInstruction { copy, add, line, .. } = instruction;
        let expanded = ExpandedCopy::new(stage, state, copy)?;
        parts::check(&expanded, copy, add)?;
        // As in BuildKit, --chmod makes --link an ordinary copy.
        let link = copy.link && expanded.chmod.is_none();
        let parents = if link { Vec::new() } else { state.parents() };
        let owner = owner(step, line, expanded.chown.as_deref(), &parents)?;
        let request = request(step, instruction, &expanded, owner)?;
        let parts = parts::find(step, copy, &expanded, request)?;
        let target = expanded.target(state);
        let mut key = Key::new(if add { "add" } else { "copy" }, session.options.isolation);
        if link {
            key.add("link", "true");
        } else {
            key.add_parents(&parents);
        }
        ingredients(&mut key, &parts, &expanded, &target);
        key.add_epoch(session.options.epoch);
        if link && let Some(what) = link::warning(session, &state.parents(), &parts, &target, owner) {
            session.warn(stage, line, &what);
        }
        Ok(Self { step, instruction, expanded, parents, target, parts, key })
    }

    /// Finds its result without reading its sources, if these are trees that never change and were read before.
    fn find(&self) -> Result<Option<Made>, StepError> {
        let known: Option<Vec<String>> =
            self.parts.iter().map(|part| part.known_content(self.step.session)).collect();
        match known {
            Some(contents) => self.maker(&contents).find(&self.parents),
            None => Ok(None),
        }
    }

    /// Reads its sources. Then it finds its result, or copies.
    fn make(&self) -> Result<Made, StepError> {
        let CurrentStep { session, stage, .. } = self.step;
        let CopyInstruction { last, line, .. } = self.instruction;
        self.parts.iter().try_for_each(|part| part.tree.require_whole(session))?;
        let selections = self.parts.iter().map(Part::select).collect::<Result<Vec<_>, _>>()?;
        let warning = self.warning(&selections)?;
        warning.iter().for_each(|what| session.warn(stage, line, what));
        let mut contents = Vec::new();
        for (part, selection) in self.parts.iter().zip(&selections) {
            contents.push(selection.digest().to_owned());
            session.contents.note(&part.tree.name, part.tree.local, selection);
            // A step with a warning is read, and so warned of, in every build.
            if warning.is_none() {
                part.keep_content(session, selection)?;
            }
        }
        self.maker(&contents).make(&self.parents, |new, lowers| {
            let destination = Destination { lowers: &lowers, new, target: &self.target };
            if !last || !deferred::defer(session, &self.parts, &selections, &destination)? {
                let left_out = destination.write(session, &selections)?;
                left_out.iter().for_each(|what| session.warn(stage, line, what));
            }
            Ok(None)
        })
    }

    fn maker(&self, contents: &[String]) -> Maker<'_> {
        let mut key = self.key.clone();
        contents.iter().for_each(|content| key.add("content", content.clone()));
        Maker { step: self.step, key }
    }

    /// A warning of what is allowed and hardly ever meant.
    fn warning(&self, selections: &[Selection]) -> Result<Option<String>, StepError> {
        if selections.iter().all(Selection::is_empty) {
            let sources = self.expanded.sources.join(" ");
            let excluded = selections.iter().any(Selection::excludes);
            let what = if excluded { "nothing that --exclude leaves" } else { "nothing" };
            return Ok(Some(format!("{sources} matches {what}, so nothing is copied; is the path right?")));
        }
        let files: usize = selections.iter().map(Selection::files).sum();
        if files < 2 || self.target.ends_with('/') || self.target_is_directory()? {
            return Ok(None);
        }
        let dest = &self.expanded.dest;
        Ok(Some(format!(
            "all {files} files become {dest}, which is no directory, and the last one stays; write {dest}/"
        )))
    }

    fn target_is_directory(&self) -> Result<bool, StepError> {
        let tree = Tree::merged(self.step.session, &self.parents)?;
        Ok(tree.root.stat(self.target.as_bytes()).is_ok_and(|meta| meta.is_dir()))
    }
}

/// The request to libcopy, without the sources.
fn request(
    step: CurrentStep,
    CopyInstruction { copy, add, .. }: CopyInstruction,
    expanded: &ExpandedCopy,
    owner: Option<(u32, u32)>,
) -> Result<Request, StepError> {
    let documents = expanded.documents.iter();
    Ok(Request {
        sources: Vec::new(),
        documents: documents.map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect(),
        owner,
        chmod: expanded.chmod.as_deref().map(chmod).transpose()?,
        parents: copy.parents,
        exclude: copy.exclude.clone(),
        extract: copy.unpack.unwrap_or(add),
        now: step.session.now(),
        limits: step.session.options.fetch.limits,
    })
}

fn chmod(mode: &str) -> Result<Chmod, StepError> {
    Chmod::parse(mode).map_err(|what| StepError::input(what).token(mode))
}

/// Adds to `key` what decides the result, apart from the tree below, the contents and the time.
fn ingredients(key: &mut Key, parts: &[Part], expanded: &ExpandedCopy, target: &str) {
    for part in parts {
        part.ingredients(key);
    }
    key.add("target", target);
    let Some(Part { request, .. }) = parts.first() else { return };
    if let Some((uid, gid)) = request.owner {
        key.add("chown", format!("{uid}:{gid}"));
    }
    if let Some(chmod) = &expanded.chmod {
        key.add("chmod", chmod.clone());
    }
    // A number, because older ones gave directories that were there another owner, and the destination the archive's.
    if request.parents {
        key.add("parents", "2");
    }
    for pattern in &request.exclude {
        key.add("exclude", pattern.clone());
    }
    if parts.iter().any(|part| part.request.extract) {
        key.add("unpack", "2");
    }
}

/// The owner that `--chown` names. Warns if the stage does not know it.
fn owner(
    CurrentStep { session, stage, .. }: CurrentStep,
    line: u32,
    chown: Option<&str>,
    parents: &[String],
) -> Result<Option<(u32, u32)>, StepError> {
    let Some(chown) = chown else { return Ok(None) };
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

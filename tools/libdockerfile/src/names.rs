//! Resolves a name to a declared context, a stage, or an image, in this order.

use crate::dockerfile::{Dockerfile, StageItem};
use crate::error::ParseError;
use crate::mount::ParsedMount;
use libcli::did_you_mean;
use libwire::plan::{Base, Op, Source};
use libwire::reference::Reference;

/// The names an instruction of a stage may use.
pub struct Names<'a> {
    /// The file's stages, by index.
    pub stages: &'a [Option<String>],
    /// The contexts that the caller declares.
    pub contexts: &'a [String],
    /// The index of the instruction's own stage.
    pub current: usize,
}

impl Names<'_> {
    /// The declared context that `name` refers to, by the same name or as the same image. No context replaces
    /// `scratch` and the build context.
    pub fn context(&self, name: &str) -> Option<String> {
        if ["scratch", "context"].iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return None;
        }
        let full = |text: &str| Reference::parse(text).ok().map(|reference| reference.to_string());
        let wanted = full(name);
        let same = |context: &&String| {
            context.eq_ignore_ascii_case(name) || (wanted.is_some() && full(context) == wanted)
        };
        self.contexts.iter().find(same).cloned()
    }

    /// The base that FROM names. `written` is the word before expansion.
    pub fn base(&self, name: String, written: &str) -> Result<Base, ParseError> {
        if let Some(name) = self.context(&name) {
            return Ok(Base::Context { name });
        }
        let earlier = &self.stages[..self.current];
        if let Some(index) = earlier.iter().rposition(|stage| stage.as_deref() == Some(&name)) {
            return Ok(Base::Stage { index });
        }
        if name == "scratch" {
            return Ok(Base::Scratch);
        }
        match Reference::parse(&name) {
            Ok(reference) => Ok(Base::Image { name, reference: reference.to_string() }),
            Err(error) => {
                let hint = did_you_mean(&name, earlier.iter().flatten().map(String::as_str));
                let lower = name.to_lowercase();
                let hint = match hint.is_empty() && lower != name && Reference::parse(&lower).is_ok() {
                    true => format!("; write {lower}"),
                    false => hint,
                };
                let what = format!("{error}{hint}");
                Err(ParseError::new(what).token(written))
            }
        }
    }

    /// The stage, context or image that `name` refers to. `flag` is `--from`, or the `from` of a mount.
    fn source(&self, flag: &str, name: &str) -> Result<Source, ParseError> {
        if name.contains('$') {
            let what = format!(
                "variable expansion is not supported for {flag}, define a new stage with FROM using ARG from global scope as a workaround"
            );
            return Err(ParseError::new(what).token(name));
        }
        if let Some(name) = self.context(name) {
            return Ok(Source::Context { name });
        }
        if let Ok(index) = name.parse::<i64>() {
            return self.index(index, name);
        }
        let lower = name.to_lowercase();
        let named = |stage: &Option<String>| stage.as_deref() == Some(lower.as_str());
        // The last stage of that name in the whole file, as in BuildKit. If it comes too late, it is refused with the
        // rest.
        if let Some(index) = self.stages.iter().rposition(named) {
            return Ok(Source::Stage { index });
        }
        if lower == "scratch" {
            return Ok(Source::Scratch);
        }
        match Reference::parse(name) {
            Ok(reference) => Ok(Source::Image { name: name.to_owned(), reference: reference.to_string() }),
            Err(error) => {
                let hint = did_you_mean(name, self.stages.iter().flatten().map(String::as_str));
                Err(ParseError::new(format!("{name:?} is neither a stage nor an image: {error}{hint}"))
                    .token(name))
            }
        }
    }

    fn index(&self, index: i64, written: &str) -> Result<Source, ParseError> {
        let found = usize::try_from(index).ok().filter(|&index| index < self.stages.len());
        found.map(|index| Source::Stage { index }).ok_or_else(|| {
            let last = self.stages.len().saturating_sub(1);
            let what = format!("invalid stage index {index}: the stages here are numbered from 0 to {last}");
            ParseError::new(what).token(written)
        })
    }
}

/// Sets the sources of `--from` and of the mounts' `from` in an instruction.
pub fn resolve(
    mut op: Op,
    from: Option<&str>,
    mounts: &[ParsedMount],
    names: &Names,
) -> Result<Op, ParseError> {
    let source = match (&op, from) {
        // The names in a trigger belong to the stage in which it runs.
        (Op::Onbuild { .. }, Some(name)) if !name.contains('$') => {
            names.source("--from", name).ok().filter(|source| matches!(source, Source::Stage { .. }))
        }
        (_, Some(name)) => Some(names.source("--from", name)?),
        (_, None) => None,
    };
    let mut resolved = Vec::new();
    for parsed in mounts {
        let mut mount = parsed.mount.clone();
        mount.from = parsed.from.as_deref().map(|name| names.source("mount from", name)).transpose()?;
        resolved.push(mount);
    }
    match &mut op {
        Op::Copy(copy) | Op::Add(copy) => copy.from = source,
        Op::Run { mounts, .. } => *mounts = resolved,
        Op::Onbuild { from, .. } => *from = source,
        _ => {}
    }
    Ok(op)
}

/// The index of the last stage whose name is `target`.
///
/// # Errors
/// There is no such stage.
pub fn named(file: &Dockerfile, target: &str) -> Result<usize, ParseError> {
    let lower = target.to_lowercase();
    let found = file.stages.iter().rposition(|stage| stage_name(stage).as_deref() == Some(&lower));
    found.ok_or_else(|| {
        let names: Vec<_> = file.stages.iter().filter_map(stage_name).collect();
        let hint = match did_you_mean(target, names.iter().map(String::as_str)) {
            hint if hint.is_empty() && !names.is_empty() => format!("; the stages are {}", names.join(", ")),
            hint => hint,
        };
        ParseError::new(format!("target stage {target:?} could not be found{hint}"))
    })
}

/// The name of a stage in lower case, because comparisons ignore case.
pub fn stage_name(stage: &StageItem) -> Option<String> {
    stage.from.name.as_ref().map(|(name, _)| name.to_lowercase())
}

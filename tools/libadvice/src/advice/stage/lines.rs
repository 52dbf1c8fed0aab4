//! The lines to paste: a FROM with a name, and the second stage in front of the last instructions, which only
//! configure the image. It has the same base, its packages, the copied files, and the configuration of the first
//! stage.

use super::accounts::Commands;
use super::copies::{Copies, Copy};
use super::makers::word;
use super::roots::Chosen;
use super::tree::Tree;
use crate::advice::candidate::Change;
use crate::advice::image::Image;
use libimage::instruction::Instruction;
use libimage::packages::Manager;
use libwire::provenance::Provenance;

/// Instructions that change only the config, and that a second stage needs too.
const CONFIG: &[&str] = &[
    "ENV",
    "LABEL",
    "EXPOSE",
    "CMD",
    "ENTRYPOINT",
    "HEALTHCHECK",
    "STOPSIGNAL",
    "MAINTAINER",
    "USER",
    "VOLUME",
    "WORKDIR",
    "ONBUILD",
    "SHELL",
];

/// The variable that keeps Debian's packages from asking questions.
const NONINTERACTIVE: &str = "DEBIAN_FRONTEND=noninteractive";

/// The parts of a second stage.
pub(super) struct Second<'a> {
    pub(super) known: &'a Provenance,
    /// The user of the base.
    pub(super) base_user: &'a str,
    pub(super) chosen: &'a Chosen,
    pub(super) copies: &'a Copies,
    pub(super) accounts: &'a Commands,
    /// Commands to run after everything is copied.
    pub(super) after: &'a [&'a str],
}

/// The changed lines; `None` if they could not be pasted.
pub(super) fn changes(image: &Image, tree: &Tree, second: &Second) -> Option<Vec<Change>> {
    let (base, stages) = (&second.known.base, &second.known.stages);
    // The image's own FROM gets the name. The stage at the bottom gives the base.
    let (named, below) =
        stages.last().map_or((&base.from, base.history), |stage| (&stage.from, stage.history));
    let own: Vec<&Instruction> = image.instructions.iter().filter(|instruction| !instruction.base).collect();
    let makes =
        |instruction: &&&Instruction| ["RUN", "COPY", "ADD"].contains(&word(&instruction.text).as_str());
    let stored = own.iter().rposition(|instruction| makes(&instruction))?;
    let earlier = own.iter().filter(|instruction| instruction.number <= below).count();
    let (first, tail) = own.split_at(earlier.max(stored + 1));
    let triggers = |instruction: &&&Instruction| instruction.by_from || word(&instruction.text) == "ONBUILD";
    if own.iter().any(|instruction| triggers(&instruction)) {
        return None;
    }
    let others: Vec<From> = std::iter::once(&base.from)
        .chain(stages.iter().map(|stage| &stage.from))
        .map(|from| From::parse(&from.text))
        .collect::<Option<_>>()?;
    let (from, last) = (others.first()?, others.last()?);
    let name = last.name.map_or_else(|| stage_name(&own, &others, named.line), str::to_owned);
    let mut changes = Vec::new();
    if last.name.is_none() {
        let place = format!("{}:{}", named.dockerfile, named.line);
        changes.push(Change { instruction: below, place, lines: vec![format!("{} AS {name}", last.text)] });
    }
    let mut lines = vec![from.text.to_owned()];
    lines.extend(stage(tree, second, first, tail, &name)?);
    let at = match tail.first() {
        Some(next) => {
            lines.push(next.text.clone());
            next
        }
        None => {
            let last = own.last().filter(|last| last.number > below)?;
            lines.insert(0, last.text.clone());
            last
        }
    };
    let plain = !lines.iter().any(|line| line.contains(['\n', '\r']) || line.contains("<<"));
    changes.push(Change { instruction: at.number, place: at.place(), lines });
    plain.then_some(changes)
}

/// The second stage, after its FROM and before the instructions of `tail`.
fn stage(
    tree: &Tree,
    second: &Second,
    first: &[&Instruction],
    tail: &[&Instruction],
    name: &str,
) -> Option<Vec<String>> {
    let mut user = second.base_user.to_owned();
    let mut lines = Vec::new();
    let behind = first.iter().rposition(|instruction| commands(second, instruction).is_some());
    let finish = finish(second);
    let runs = behind.is_some() || !second.chosen.words.is_empty() || finish.is_some();
    if runs && !tree.base_program("sh") {
        return None;
    }
    if runs && !is_root(&user) {
        lines.push("USER root".to_owned());
    }
    let texts: Vec<&str> = first.iter().chain(tail).map(|instruction| instruction.text.as_str()).collect();
    lines.extend(install(second.chosen, &texts));
    let copied = || {
        let copies = second.copies.copies.iter().map(|copy| line(tree, copy, name));
        copies.chain(finish.clone()).collect::<Vec<_>>()
    };
    if runs && !is_root(&user) && behind.is_none() {
        lines.extend(copied());
        lines.push(format!("USER {user}"));
    } else if behind.is_none() {
        lines.extend(copied());
    }
    for (at, instruction) in first.iter().enumerate() {
        let kind = word(&instruction.text);
        if let Some(commands) = commands(second, instruction) {
            if !is_root(&user) && at > 0 {
                return None;
            }
            lines.push(format!("RUN {commands}"));
            if behind == Some(at) {
                lines.extend(copied());
            }
        } else if kind == "ARG" && is_used(&instruction.text, &texts, second) {
            lines.push(instruction.text.clone());
        } else if CONFIG.contains(&kind.as_str()) {
            if kind == "USER" {
                user = instruction.text.split_whitespace().nth(1)?.to_owned();
            }
            lines.push(instruction.text.clone());
        }
    }
    Some(lines)
}

fn commands<'a>(second: &'a Second, instruction: &Instruction) -> Option<&'a String> {
    second.accounts.get(&instruction.layer?.checked_sub(1)?)
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), Some("" | "root" | "0"))
}

/// Whether a remaining instruction uses one of the arguments that this ARG declares.
fn is_used(arg: &str, texts: &[&str], second: &Second) -> bool {
    let names = arg.split_whitespace().skip(1).filter_map(|word| word.split('=').next());
    let stay = texts.iter().copied().filter(|text| CONFIG.contains(&word(text).as_str()));
    let all: Vec<&str> = stay.chain(second.accounts.values().map(String::as_str)).collect();
    names.into_iter().any(|name| {
        let (plain, braced) = (format!("${name}"), format!("${{{name}"));
        all.iter().any(|text| text.contains(&plain) || text.contains(&braced))
    })
}

/// The RUN that installs packages, with cache mounts as in other advice. If the texts make apt ask no questions, it
/// does so too.
fn install(chosen: &Chosen, texts: &[&str]) -> Vec<String> {
    let words = chosen.words.join(" ");
    let quiet = texts.iter().any(|text| text.contains(NONINTERACTIVE));
    let quiet = if quiet { format!("{NONINTERACTIVE} ") } else { String::new() };
    match chosen.manager {
        None => Vec::new(),
        Some(Manager::Apk) => vec![format!("RUN apk add --no-cache {words}")],
        Some(Manager::Dpkg) => vec![
            "RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\".to_owned(),
            "    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \\".to_owned(),
            format!("    apt-get update && {quiet}apt-get install -y --no-install-recommends {words}"),
        ],
    }
}

fn line(tree: &Tree, copy: &Copy, stage: &str) -> String {
    let owner = copy.chown.map(|(uid, gid)| format!(" --chown={uid}:{gid}")).unwrap_or_default();
    let paths: Vec<String> = copy.sources.iter().map(|&place| tree.path(place)).collect();
    let to = match &paths[..] {
        [one] => one.clone(),
        _ => format!("{}/", paths.first().and_then(|path| path.rsplit_once('/')).map_or("", |(dir, _)| dir)),
    };
    format!("COPY --from={stage}{owner} {} {to}", paths.join(" "))
}

/// The commands to run after everything is copied.
fn finish(second: &Second) -> Option<String> {
    let after = second.after.iter().map(|command| (*command).to_owned());
    let all: Vec<String> = second.copies.commands.iter().cloned().chain(after).collect();
    (!all.is_empty()).then(|| format!("RUN {}", all.join(" && ")))
}

/// FROM's text without the name of the stage.
struct From<'a> {
    text: &'a str,
    name: Option<&'a str>,
}

impl<'a> From<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let named = match words[..] {
            [_, _, .., by, name] if by.eq_ignore_ascii_case("as") => Some(name),
            _ => None,
        };
        let Some(name) = named else { return (word(text) == "FROM").then_some(Self { text, name: None }) };
        let rest = text.trim_end().strip_suffix(name)?.trim_end();
        Some(Self { text: rest.get(..rest.len().checked_sub(2)?)?.trim_end(), name: Some(name) })
    }
}

/// A name that no other stage has, as far as this stage's text shows.
fn stage_name(own: &[&Instruction], froms: &[From], line: u32) -> String {
    let named = froms.iter().any(|from| from.name.is_some());
    let others = named || own.iter().any(|instruction| instruction.text.contains("from="));
    if others { format!("build-{line}") } else { "build".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stages_name_is_kept_and_its_base_is_written_as_before() {
        let parsed = |text| From::parse(text).map(|from| (from.text, from.name));
        assert_eq!(parsed("FROM $BASE"), Some(("FROM $BASE", None)));
        assert_eq!(parsed("from --platform=$P a:1 as  x"), Some(("from --platform=$P a:1", Some("x"))));
        assert_eq!(parsed("FROM as AS as"), Some(("FROM as", Some("as"))));
        assert_eq!(parsed("COPY x"), None);
    }
}

//! The origin of an image's history: lines of its Dockerfile, and of those of its base images, as far as the store
//! knows them. A record that does not fit the history is ignored, and so are records of its bases. It opens no file
//! itself.

use libwire::image::History;
use libwire::provenance::{Base, Line, Provenance};

/// The largest number of builds on top of each other. Records may form a circle, although no builder makes one.
const DEPTH: usize = 32;
/// The largest number of FROMs that a build may have.
const STAGES: usize = 1000;

/// The known lines of a history.
#[derive(Debug, Default, PartialEq)]
pub struct Origin {
    /// The instruction of each entry, if known.
    pub lines: Vec<Option<Line>>,
    /// The FROMs, in the order of the build.
    pub froms: Vec<FromAt>,
    /// How many entries came with the base image, if known.
    pub base: Option<usize>,
}

/// A FROM among the entries.
#[derive(Clone, Debug, PartialEq)]
pub struct FromAt {
    /// The instruction.
    pub line: Line,
    /// The name of its image, if it names an image and that is known.
    pub image: Option<String>,
    /// How many entries are below it.
    pub below: usize,
    /// Whether it belongs to the build of a base image.
    pub base: bool,
}

/// The origin of an image's history, from the `known` builds of the image and its bases. It is empty if the history
/// does not fit the image's `layers`.
pub fn origin(
    history: &[History],
    layers: usize,
    known: impl Fn(Option<&Base>) -> Option<Provenance>,
) -> Origin {
    let mut origin = Origin { lines: vec![None; history.len()], ..Origin::default() };
    if history.iter().filter(|entry| !entry.empty_layer).count() != layers {
        return origin;
    }
    let mut below: Option<Base> = None;
    let mut end = history.len();
    for depth in 0..DEPTH {
        let build = known(below.as_ref()).filter(|build| fits(build, &history[..end]));
        let Some(Provenance { base, steps, stages }) = build else { break };
        for (slot, step) in origin.lines[base.history..end].iter_mut().zip(steps) {
            *slot = Some(step);
        }
        let from = |(line, below, image)| FromAt { line, image, below, base: depth > 0 };
        let stages = stages.into_iter().rev().map(|stage| (stage.from, stage.history, None));
        origin.froms.extend(stages.chain([(base.from.clone(), base.history, base.image.clone())]).map(from));
        // Older records of a stage: the entries below it came from there, or from that stage's base.
        if base.manifest.is_none() && base.history > 0 {
            break;
        }
        if depth == 0 {
            origin.base = Some(base.history);
        }
        end = base.history;
        below = Some(base);
    }
    origin.froms.reverse();
    origin
}

/// Whether a build can have made a history.
fn fits(build: &Provenance, history: &[History]) -> bool {
    let Some(below) = history.get(..build.base.history) else { return false };
    let layers = below.iter().filter(|entry| !entry.empty_layer).count();
    let mut last = build.base.history;
    let in_order = build.stages.iter().all(|stage| {
        let fits = last <= stage.history && stage.history <= history.len();
        last = stage.history;
        fits
    });
    let lengths = build.base.history + build.steps.len() == history.len() && layers == build.base.layers;
    lengths && in_order && build.stages.len() <= STAGES
}

#[cfg(test)]
mod tests {
    use super::*;
    use libwire::Digest;
    use libwire::provenance::FromStage;
    use std::collections::BTreeMap;

    fn line(dockerfile: &str, line: u32) -> Line {
        Line { dockerfile: dockerfile.into(), line, text: format!("X {line}") }
    }

    /// A history whose entries have layers.
    fn history(entries: usize) -> Vec<History> {
        vec![History::default(); entries]
    }

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    /// A build on `below` entries of an image, with FROM at line 1 and the steps in these lines.
    fn build(dockerfile: &str, below: usize, base: Option<&str>, steps: &[u32]) -> Provenance {
        let from = line(dockerfile, 1);
        Provenance {
            base: Base { from, history: below, layers: below, manifest: base.map(digest), image: None },
            steps: steps.iter().map(|&number| line(dockerfile, number)).collect(),
            stages: Vec::new(),
        }
    }

    fn told(entries: usize, builds: &[(&str, Provenance)]) -> (String, Option<usize>) {
        let builds: BTreeMap<Digest, _> =
            builds.iter().map(|(name, build)| (digest(name), build.clone())).collect();
        let known = |base: Option<&Base>| {
            let image = base.map_or(Some(digest("app")), |base| base.manifest)?;
            builds.get(&image).cloned()
        };
        let origin = origin(&history(entries), entries, known);
        let mut words = Vec::new();
        for at in 0..=entries {
            let froms = origin.froms.iter().filter(|from| from.below == at);
            words.extend(froms.map(|from| {
                let mark = if from.base { "base " } else { "" };
                format!("{mark}FROM {}:{}", from.line.dockerfile, from.line.line)
            }));
            words.extend(origin.lines.get(at).map(|known| match known {
                Some(line) => format!("{}:{}", line.dockerfile, line.line),
                None => "?".to_owned(),
            }));
        }
        (words.join(" "), origin.base)
    }

    #[test]
    fn a_base_that_was_built_here_has_its_own_lines_and_so_has_its_base() {
        let app = ("app", build("app", 3, Some("mid"), &[2]));
        let mid = ("mid", build("mid", 1, Some("low"), &[5, 6]));
        let low = ("low", build("low", 0, None, &[9]));
        let all = [app.clone(), mid.clone(), low];
        let words = "base FROM low:1 low:9 base FROM mid:1 mid:5 mid:6 FROM app:1 app:2";
        assert_eq!(told(4, &all), (words.into(), Some(3)));
        assert_eq!(told(4, &[app, mid]).0, "? base FROM mid:1 mid:5 mid:6 FROM app:1 app:2");
    }

    #[test]
    fn stages_stand_where_they_begin_and_only_the_first_ones_base_is_the_base() {
        let mut app = build("f", 1, Some("gone"), &[2, 3, 6]);
        app.stages =
            [(5, 3), (8, 4)].map(|(number, history)| FromStage { from: line("f", number), history }).to_vec();
        let words = "? FROM f:1 f:2 f:3 FROM f:5 f:6 FROM f:8";
        assert_eq!(told(4, &[("app", app.clone())]), (words.into(), Some(1)));
        app.stages.reverse();
        assert_eq!(told(4, &[("app", app)]), ("? ? ? ?".into(), None), "stages out of order");
    }

    #[test]
    fn an_older_record_of_a_stage_does_not_call_what_it_inherits_the_base() {
        assert_eq!(told(3, &[("app", build("f", 2, None, &[7]))]), ("? ? FROM f:1 f:7".into(), None));
    }

    #[test]
    fn what_does_not_fit_the_history_tells_nothing() {
        let nothing = ("? ? ?".to_owned(), None);
        for (below, steps) in [(2, &[2, 3][..]), (2, &[]), (4, &[]), (usize::MAX, &[2])] {
            assert_eq!(told(3, &[("app", build("f", below, Some("b"), steps))]), nothing, "{below}");
        }
        let mut other = build("f", 2, Some("b"), &[2]);
        other.base.layers = 1;
        assert_eq!(told(3, &[("app", other)]), nothing);
        let base = build("b", 0, None, &[2, 3, 4]);
        assert_eq!(told(3, &[("app", build("f", 2, Some("b"), &[2])), ("b", base)]).0, "? ? FROM f:1 f:2");
    }

    #[test]
    fn a_circle_of_records_ends() {
        let circle = build("f", 2, Some("app"), &[]);
        assert_eq!(told(2, &[("app", circle)]).0.matches("FROM").count(), DEPTH);
    }
}

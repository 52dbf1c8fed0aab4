//! Why a step is not in the cache: the first ingredient of its key that differs from the nearest earlier
//! record. It only reads, and what it finds changes nothing.

use crate::explain::differences::{self, Difference};
use crate::key::{self, Key};
use crate::position::{CurrentStep, Position};
use crate::session::contents::{Change, Contents};
use libwire::Digest;
use libwire::record::{Ingredient, Reason, Step, Why};

/// The cache's answer where it has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// It was not asked.
    NoCache,
    /// It has a record, but the snapshot is no longer there.
    Lost,
    /// It has nothing under the key.
    Unknown,
}

/// Explains a step that was not looked up: `before`, on which it stands or which it reads, has to be made first. `step`
/// is the number of that.
pub fn follows(step: Option<usize>, before: &str) -> Why {
    Why { step, ..because(Reason::Follows, format!("follows from {before}")) }
}

/// Explains a miss of a step that stands on `parents`.
pub fn explain(step: CurrentStep, key: &Key, parents: &[String], miss: Miss) -> Why {
    match miss {
        Miss::NoCache => return because(Reason::NoCache, "--no-cache".into()),
        Miss::Lost => return because(Reason::Lost, "its result is no longer in the store".into()),
        Miss::Unknown => {}
    }
    let Some((earlier, record)) = nearest(step, key) else {
        return because(Reason::New, "it was not built before".into());
    };
    let Some(difference) = Difference::first(&record.ingredients, key.ingredients()) else {
        return because(Reason::Lost, "its record was damaged".into());
    };
    let why = match difference.name() {
        "parent" => other_parent(step.position, &record.parents, parents),
        _ => match change_of_content(&step.session.contents, &difference) {
            Some(Change { path, text }) => Why { path, ..because(Reason::Changed, text) },
            None => because(Reason::Changed, differences::words(&difference, &step.position.args)),
        },
    };
    Why {
        ingredient: Some(difference.name().to_owned()),
        was: difference.was.map(|one| one.value.clone()),
        now: difference.now.map(|one| one.value.clone()),
        earlier: Some(earlier),
        ..why
    }
}

fn because(reason: Reason, text: String) -> Why {
    Why { reason, text, step: None, ingredient: None, path: None, was: None, now: None, earlier: None }
}

/// The record, among the latest of each place, in which the fewest ingredients differ.
fn nearest(step: CurrentStep, key: &Key) -> Option<(Digest, Step)> {
    let store = &step.session.store;
    let mut keys = Vec::new();
    for place in step.position.places(step.session, step.stage, key) {
        keys.extend(store.latest(place).filter(|key| !keys.contains(key)));
    }
    let records = keys.into_iter().filter_map(|key| {
        let record = store.cache_get::<Step>(key).ok()??;
        Some((key, Step { ingredients: key::numbered(record.ingredients), ..record }))
    });
    records.min_by_key(|(_, record)| distance(&record.ingredients, key.ingredients()))
}

/// How many ingredients are only in one of two lists.
fn distance(a: &[Ingredient], b: &[Ingredient]) -> usize {
    let only = |a: &[Ingredient], b: &[Ingredient]| a.iter().filter(|one| !b.contains(one)).count();
    only(a, b) + only(b, a)
}

/// Explains that the snapshots below a step were `was` and are `now`.
fn other_parent(position: &Position, was: &[String], now: &[String]) -> Why {
    let same = was.iter().zip(now).take_while(|(was, now)| was == now).count();
    let ran = now.get(same).and_then(|id| position.ran.iter().find(|ran| ran.snapshot.as_ref() == Some(id)));
    match ran {
        Some(ran) => follows(Some(ran.step), &format!("step {}", ran.step)),
        None if same < position.base_layers => {
            because(Reason::Changed, format!("its base, {}, changed", position.base))
        }
        None => because(Reason::Changed, "the steps before it changed".into()),
    }
}

/// The change of the content that an ingredient names.
fn change_of_content(contents: &Contents, difference: &Difference) -> Option<Change> {
    let (was, now) = (key::content(difference.was?)?, key::content(difference.now?)?);
    if was == now { None } else { contents.change(was, now) }
}

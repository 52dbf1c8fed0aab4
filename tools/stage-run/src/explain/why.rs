//! Why a step is not in the cache: the first ingredient of its key that differs from the nearest earlier
//! record. It only reads, and what it finds changes nothing.

use crate::explain::differences;
use crate::explain::position::Position;
use crate::key::{Key, told_apart};
use crate::session::Session;
use libwire::Digest;
use libwire::plan::Stage;
use libwire::record::{Ingredient, Reason, Step, Why};

/// What the cache said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It was not asked.
    NoCache,
    /// It has a record, but the snapshot is no longer there.
    Lost,
    /// It has nothing under the key.
    Unknown,
}

/// A step that was not looked up, because what it stands on or reads is not known before it is made.
pub fn follows(step: Option<usize>, what: &str) -> Why {
    Why { step, ..why(Reason::Follows, format!("follows from {what}")) }
}

/// Explains a miss of a step that stands on `parents`.
pub fn tell(
    session: &Session,
    stage: &Stage,
    position: &Position,
    key: &Key,
    parents: &[String],
    missing: Missing,
) -> Why {
    match missing {
        Missing::NoCache => return why(Reason::NoCache, "--no-cache".into()),
        Missing::Lost => return why(Reason::Lost, "its result is no longer in the store".into()),
        Missing::Unknown => {}
    }
    let Some((earlier, record)) = nearest(session, stage, position, key) else {
        return why(Reason::New, "it was not built before".into());
    };
    let Some(difference) = differences::first(&record.ingredients, key.ingredients()) else {
        return why(Reason::Lost, "its record was damaged".into());
    };
    let mut told = match difference.name {
        "parent" => parent(position, &record.parents, parents),
        name => {
            let (path, text) = content(session, &difference)
                .unwrap_or_else(|| (None, differences::words(&difference, &position.args)));
            Why { path, ingredient: Some(name.to_owned()), ..why(Reason::Changed, text) }
        }
    };
    told.was = difference.was.map(str::to_owned);
    told.now = difference.now.map(str::to_owned);
    told.earlier = Some(earlier);
    told
}

fn why(reason: Reason, text: String) -> Why {
    Why { reason, text, step: None, ingredient: None, path: None, was: None, now: None, earlier: None }
}

/// The record, among the latest of each place, in which the fewest ingredients differ.
fn nearest(session: &Session, stage: &Stage, position: &Position, key: &Key) -> Option<(Digest, Step)> {
    let mut keys = Vec::new();
    for place in position.places(session, stage, key) {
        keys.extend(session.store.latest(place).filter(|key| !keys.contains(key)));
    }
    let records = keys.into_iter().filter_map(|key| {
        let record = session.store.cache_get::<Step>(key).ok()??;
        Some((key, Step { ingredients: told_apart(record.ingredients), ..record }))
    });
    records.min_by_key(|(_, record)| distance(&record.ingredients, key.ingredients()))
}

/// How many ingredients are only in one of two lists.
fn distance(a: &[Ingredient], b: &[Ingredient]) -> usize {
    let only = |a: &[Ingredient], b: &[Ingredient]| a.iter().filter(|one| !b.contains(one)).count();
    only(a, b) + only(b, a)
}

/// What changed below a step.
fn parent(position: &Position, was: &[String], now: &[String]) -> Why {
    let same = was.iter().zip(now).take_while(|(was, now)| was == now).count();
    let ran = now.get(same).and_then(|id| position.ran.iter().find(|(_, snapshot)| snapshot == id));
    let mut told = match ran {
        Some((step, _)) => follows(Some(*step), &format!("step {step}")),
        None if same < position.base.0 => {
            why(Reason::Changed, format!("its base, {}, changed", position.base.1))
        }
        None => why(Reason::Changed, "the steps before it changed".into()),
    };
    told.ingredient = Some("parent".into());
    told
}

/// What changed in a content: that is the part of an ingredient's value with a digest.
fn content(
    session: &Session,
    difference: &differences::Difference,
) -> Option<(Option<libwire::WirePath>, String)> {
    let digest = |text: &'_ str| text.split(' ').find(|word| word.starts_with("blake3:")).map(str::to_owned);
    let (was, now) = (digest(difference.was?)?, digest(difference.now?)?);
    if was == now {
        None
    } else {
        session.contents.change(&was, &now).map(|change| (change.path, change.text))
    }
}

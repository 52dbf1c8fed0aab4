use super::*;
use libstore::Entry;
use libwire::{Digest, Reference};
use std::time::UNIX_EPOCH;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> SystemTime {
    UNIX_EPOCH + 1000 * DAY
}

fn entry(disk: u64, days: u32, needs: &[EntryId]) -> Entry {
    let (serves, took, made_by) = (None, None, None);
    Entry { disk, used: now() - days * DAY, needs: needs.to_vec(), serves, took, made_by, unpacked: false }
}

fn snapshot(id: &str) -> EntryId {
    EntryId::Snapshot(id.into())
}

fn blob(id: &str) -> EntryId {
    EntryId::Blob(Digest::of(id.as_bytes()))
}

/// A step: its snapshot, its layer's blob of the same size, and its record.
fn step(all: &mut Inventory, id: &str, (disk, seconds, days): (u64, u64, u32), below: &[&str]) {
    let needs: Vec<_> = below.iter().map(|id| snapshot(id)).chain([blob(id)]).collect();
    all.entries.insert(snapshot(id), entry(disk, days, &needs));
    all.entries.insert(blob(id), entry(disk, days, &[]));
    let took = Some(Duration::from_secs(seconds));
    let record = Entry { took, serves: Some(vec![snapshot(id)]), ..entry(10, days, &[]) };
    all.entries.insert(EntryId::Record(format!("{id}.json")), record);
}

fn gone(plan: &Plan) -> Vec<String> {
    let names = plan.units.iter().flatten().filter_map(|id| match id {
        EntryId::Snapshot(name) => Some(name.clone()),
        _ => None,
    });
    names.collect()
}

fn to(target: u64) -> Wanted {
    Wanted { target, keep_for: None, now: now() }
}

#[test]
fn what_is_cheapest_for_a_byte_goes_first_and_no_more_than_is_needed() {
    let mut all = Inventory::default();
    step(&mut all, "quick", (1000, 1, 0), &[]);
    step(&mut all, "slow", (1000, 100, 0), &[]);
    step(&mut all, "small", (10, 1, 0), &[]);
    step(&mut all, "old", (1000, 100, 70), &[]);
    assert_eq!(gone(&plan(&all, &BTreeSet::new(), to(all.disk()))), [""; 0]);
    assert_eq!(gone(&plan(&all, &BTreeSet::new(), to(all.disk() - 1))), ["old"]);
    assert_eq!(gone(&plan(&all, &BTreeSet::new(), to(2200))), ["old", "quick"]);
    let all_gone = plan(&all, &BTreeSet::new(), to(0));
    assert_eq!((all_gone.disk, all_gone.reasons.len()), (0, all.entries.len()));
}

#[test]
fn what_others_stand_on_goes_after_them() {
    let mut all = Inventory::default();
    step(&mut all, "below", (1000, 0, 0), &[]);
    step(&mut all, "dear", (1000, 1000, 0), &["below"]);
    step(&mut all, "cheap", (1000, 10, 0), &["below"]);
    assert_eq!(gone(&plan(&all, &BTreeSet::new(), to(0))), ["cheap", "dear", "below"]);
    for target in (0..all.disk()).step_by(500) {
        let gone = gone(&plan(&all, &BTreeSet::new(), to(target)));
        assert!(!gone.contains(&"below".into()) || gone.len() == 3, "{target}: {gone:?}");
    }
}

#[test]
fn what_a_named_image_needs_and_what_is_in_use_stays() {
    let mut all = Inventory::default();
    step(&mut all, "shipped", (1000, 0, 0), &[]);
    step(&mut all, "used", (1000, 0, 0), &["shipped"]);
    all.entries.insert(blob("manifest"), entry(5, 0, &[blob("shipped")]));
    all.named.push((Reference::parse("app").unwrap(), blob("manifest")));
    let free = plan(&all, &BTreeSet::new(), to(0));
    assert_eq!(gone(&free), ["used", "shipped"]);
    assert_eq!(free.disk, 1005);
    assert_eq!(free.reasons[&blob("shipped")], "needed by app:latest");
    let used = plan(&all, &BTreeSet::from([snapshot("used")]), to(0));
    assert_eq!(gone(&used), [""; 0]);
    assert_eq!(used.reasons[&snapshot("shipped")], "in use");
    let records = [blob("shipped"), blob("used")];
    assert!(records.iter().all(|id| !used.units.iter().flatten().any(|gone| gone == id)));
}

#[test]
fn what_nothing_leads_to_goes_even_where_there_is_room() {
    let mut all = Inventory::default();
    step(&mut all, "step", (1000, 0, 0), &[]);
    all.entries.insert(blob("unnamed"), entry(7, 0, &[]));
    all.entries.insert(snapshot("without-record"), entry(7, 0, &[blob("of-it")]));
    all.entries.insert(blob("of-it"), entry(7, 0, &[]));
    let dead = Entry { serves: Some(vec![snapshot("lost")]), ..entry(7, 0, &[]) };
    all.entries.insert(EntryId::Record("dead.json".into()), dead);
    let latest = |of: &str| Entry { serves: Some(vec![EntryId::Record(of.into())]), ..entry(7, 0, &[]) };
    all.entries.insert(EntryId::Latest("1".into()), latest("dead.json"));
    all.entries.insert(EntryId::Latest("2".into()), latest("step.json"));
    let plan = plan(&all, &BTreeSet::new(), to(u64::MAX));
    let mut gone: Vec<_> = plan.units.iter().flatten().cloned().collect();
    gone.sort();
    let mut wanted = vec![
        blob("unnamed"),
        blob("of-it"),
        snapshot("without-record"),
        EntryId::Record("dead.json".into()),
        EntryId::Latest("1".into()),
    ];
    wanted.sort();
    assert_eq!(gone, wanted);
    assert_eq!(plan.disk, 2017);
}

#[test]
fn what_was_not_used_for_long_goes_even_where_there_is_room() {
    let mut all = Inventory::default();
    step(&mut all, "below", (1000, 0, 30), &[]);
    step(&mut all, "above", (1000, 0, 3), &["below"]);
    step(&mut all, "old", (1000, 100, 8), &[]);
    let wanted = Wanted { keep_for: Some(7 * DAY), ..to(u64::MAX) };
    assert_eq!(gone(&plan(&all, &BTreeSet::new(), wanted)), ["old"]);
}

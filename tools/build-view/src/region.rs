//! The rows of running steps and transfers. They take at most a third of the screen, so that finished steps stay in
//! sight.

use crate::build::Build;
use crate::row::{Kind, Row};
use crate::screen::Size;
use crate::stage::{Doing, Stage};
use crate::units::{bar, elapsed};
use libcli::human;
use libwire::progress::{Transfer, Way};
use std::time::Instant;

/// The columns of a bar, and of the narrowest screen that shows it.
const BAR: usize = 20;
const WIDE: usize = 50;

/// A running step or transfer: its row, and a row below it that is shown if there is room.
struct Item<'a> {
    head: Row,
    last_line: Option<&'a str>,
}

impl Build {
    /// The rows for a screen of this size; none if nothing is running.
    pub fn region(&self, size: Size, now: Instant) -> Vec<Row> {
        let most = (size.height / 3).max(1);
        let stages = self.stages.values().filter_map(|stage| of_stage(stage, now));
        let transfers = self.transfers.iter().map(|transfer| of_transfer(transfer, size));
        let items: Vec<Item> = stages.chain(transfers).collect();
        match items.len() {
            all if all <= most => with_lines(items, most),
            all if most == 1 => vec![Row::new(Kind::Quiet, &format!("  {all} things go on"), Vec::new())],
            all => {
                let more = Row::new(Kind::Quiet, &format!("  and {} more", all + 1 - most), Vec::new());
                items.into_iter().take(most - 1).map(|item| item.head).chain([more]).collect()
            }
        }
    }
}

/// The rows of all items. As many items as there is room for also show the last line that their command printed.
fn with_lines(items: Vec<Item>, most: usize) -> Vec<Row> {
    let mut spare = most - items.len();
    let mut rows = Vec::new();
    for item in items {
        rows.push(item.head);
        if let Some(line) = item.last_line.filter(|_| spare > 0) {
            spare -= 1;
            rows.push(Row::new(Kind::Quiet, &format!("  {line}"), Vec::new()));
        }
    }
    rows
}

fn of_stage(stage: &Stage, now: Instant) -> Option<Item<'_>> {
    let at = stage.now.as_ref()?;
    let (what, last_line) = match &at.doing {
        Doing::Base => (format!("{} {}", stage.label, at.text), None),
        Doing::Step(step) => (format!("{} {}", stage.place(*step), at.text), stage.last_line()),
        Doing::Wait(needs) => (format!("{} waits for {needs}", stage.label), None),
    };
    let head = Row::new(Kind::Running, &format!("▸ {what}"), vec![elapsed(now.duration_since(at.since))]);
    Some(Item { head, last_line })
}

fn of_transfer(transfer: &Transfer, size: Size) -> Item<'_> {
    let Transfer { what, name, bytes, total, .. } = transfer;
    let what = match what {
        Way::Pull => format!("▸ pull {name}"),
        Way::Push => format!("▸ push {name}"),
        Way::Pack => "▸ pack a layer".to_owned(),
    };
    let facts = match total {
        Some(total) if size.width >= WIDE => vec![bar(*bytes, *total, BAR), of(*bytes, *total)],
        Some(total) => vec![of(*bytes, *total)],
        None => vec![human(*bytes)],
    };
    Item { head: Row::new(Kind::Running, &what, facts), last_line: None }
}

/// `24.0 of 48.0 MB`; the unit of the first number is left out if it is that of the second.
fn of(bytes: u64, total: u64) -> String {
    let (bytes, total) = (human(bytes), human(total));
    match (bytes.split_once(' '), total.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number} of {total}"),
        _ => format!("{bytes} of {total}"),
    }
}

//! The accounts that a second stage has to make again, since it runs as one of them or copies files of one. They
//! are made by the commands that made them before, and only where these give the same numbers.

use super::copies::Copies;
use super::survey::Survey;
use crate::advice::shell;
use crate::layer::Act;
use crate::ledger::Put;
use crate::repack::{self, Part};
use crate::source::Opened;
use libcli::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

const COMMANDS: &[&str] = &["useradd", "groupadd", "adduser", "addgroup", "usermod", "groupmod"];
/// The largest list of accounts that is read.
const MAX_LIST: u64 = 1 << 20;
/// Below this are the accounts that packages make, from below; a system's own are made from above.
const MAX_PACKAGES: u32 = 500;

/// Layer numbers, from 0, and the commands to run again of the RUN that made each.
pub(super) type Commands = BTreeMap<usize, String>;

/// What is to be run again; `None` when it can't be told whether that makes the same accounts.
pub(super) fn accounts(
    opened: &Opened,
    survey: &Survey,
    copies: &Copies,
    user: &str,
) -> Result<Option<Commands>, Failure> {
    let tree = survey.tree;
    let lists = ["etc/passwd", "etc/group"].map(|path| tree.ledger.find(path.as_bytes()));
    let changed: BTreeSet<usize> = lists
        .iter()
        .flatten()
        .flat_map(|&place| tree.ledger.puts_at(place))
        .filter(|put| put.layer >= tree.base)
        .map(|put| usize::from(put.layer))
        .collect();
    let owners = owners(survey, copies);
    if changed.is_empty() || (owners.is_empty() && matches!(user, "" | "root" | "0" | "0:0" | "root:root")) {
        return Ok(Some(Commands::new()));
    }
    let mut commands = Commands::new();
    for layer in changed {
        let Some(made) = survey.made.get(layer - usize::from(tree.base)) else { return Ok(None) };
        let parts = shell::run(made.text).and_then(|run| shell::parts(run.command));
        let ours: Vec<&str> =
            parts.iter().flatten().filter(|part| COMMANDS.contains(&shell::program(part))).copied().collect();
        match ours.is_empty() {
            false => drop(commands.insert(layer, ours.join(" && "))),
            true if made.installs => {}
            true => return Ok(None),
        }
    }
    let all = commands.values().cloned().collect::<Vec<_>>().join(" && ");
    for (list, owners) in lists.into_iter().zip(owners.split()) {
        let (Some(now), Some(base)) =
            (list.and_then(|place| tree.ledger.visible(place)), list.and_then(|place| tree.had(place)))
        else {
            return Ok(None);
        };
        let (now, base) = (entries(opened, survey, now)?, entries(opened, survey, base)?);
        let known = |name: &str, id: u32| {
            let made = shell::mentions(&all, &[name]);
            let far = id < MAX_PACKAGES || id == 65534;
            base.get(name) == Some(&id) || made || (far && !owners.contains(&id))
        };
        if !now.iter().all(|(name, &id)| known(name, id)) {
            return Ok(None);
        }
    }
    let passwd = match lists[0].and_then(|place| tree.had(place)) {
        Some(put) => entries(opened, survey, put)?,
        None => BTreeMap::new(),
    };
    let named = user.split(':').next().unwrap_or_default();
    let numeric = named.bytes().all(|byte| byte.is_ascii_digit());
    let told = numeric || passwd.contains_key(named) || shell::mentions(&all, &[named]);
    let runs = commands.values().all(|line| {
        shell::parts(line)
            .is_some_and(|parts| parts.iter().all(|part| tree.base_program(shell::program(part))))
    });
    Ok((told && runs).then_some(commands))
}

/// Numbers of users and of groups other than root.
#[derive(Default)]
struct Owners {
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
}

impl Owners {
    fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    fn split(self) -> [BTreeSet<u32>; 2] {
        [self.users, self.groups]
    }
}

/// Who has what is copied.
fn owners(survey: &Survey, copies: &Copies) -> Owners {
    let ledger = survey.tree.ledger;
    let mut owners = Owners::default();
    for &source in copies.copies.iter().flat_map(|copy| &copy.sources) {
        for put in std::iter::once(source)
            .chain(ledger.places.below(source))
            .filter_map(|place| ledger.visible(place))
        {
            owners.users.extend(Some(put.owner.0).filter(|&id| id != 0));
            owners.groups.extend(Some(put.owner.1).filter(|&id| id != 0));
        }
    }
    owners
}

/// The names of a list of accounts, with their numbers.
fn entries(opened: &Opened, survey: &Survey, put: &Put) -> Result<BTreeMap<String, u32>, Failure> {
    let ledger = survey.tree.ledger;
    let mut text = Vec::new();
    let layer = ledger.inode(put).map_or(put.layer, |inode| inode.layer);
    repack::each(opened, ledger, layer.into(), |part, _, body| match part {
        Part::Put(_, found) if found.inode == put.inode && found.act == Act::File => {
            body.take(MAX_LIST).read_to_end(&mut text).map(drop)
        }
        _ => Ok(()),
    })?;
    let text = String::from_utf8_lossy(&text);
    let entry = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    };
    Ok(text.lines().filter_map(entry).collect())
}

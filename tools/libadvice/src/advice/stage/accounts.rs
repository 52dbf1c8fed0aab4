//! The accounts that a second stage has to make again, because it runs as one of them or copies files of one. The
//! same commands make them again, and only if these give the same numbers.

use super::copies::Copies;
use super::survey::Survey;
use crate::advice::run_text;
use libcli::Failure;
use libimage::entries::{self, Part};
use libimage::layer::Act;
use libimage::ledger::Put;
use libimage::places::PlaceId;
use libimage::source::Opened;
use libshell::list;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Read;

const COMMANDS: &[&str] = &["useradd", "groupadd", "adduser", "addgroup", "usermod", "groupmod"];
/// The largest list of accounts that is read.
const MAX_LIST: u64 = 1 << 20;
/// Packages make accounts with numbers below this one, counting up. The system's own accounts count down.
const MAX_PACKAGES: u32 = 500;
/// The id of nobody.
const NOBODY: u32 = 65534;

/// Layer numbers, from 0, and the commands of the RUN that made each which must run again.
pub(super) type Commands = BTreeMap<usize, String>;

/// The commands to run again; `None` if they might not make the same accounts.
pub(super) fn accounts(
    opened: &Opened,
    survey: &Survey,
    copies: &Copies,
    user: &str,
) -> Result<Option<Commands>, Failure> {
    let [passwd, group] = ["etc/passwd", "etc/group"].map(|path| survey.tree.ledger.find(path.as_bytes()));
    let changed = changed(survey, [passwd, group]);
    let owners = owners(survey, copies);
    let is_root = matches!(user, "" | "root" | "0" | "0:0" | "root:root");
    if changed.is_empty() || (is_root && owners.users.is_empty() && owners.groups.is_empty()) {
        return Ok(Some(Commands::new()));
    }
    let Some(commands) = commands(survey, changed) else { return Ok(None) };
    let puts = [passwd, group].map(|place| List::puts(survey, place));
    let [Some(passwd), Some(group)] = puts else { return Ok(None) };
    let texts = texts(opened, survey, &[passwd, group].concat())?;
    let [passwd, group] = [passwd, group].map(|puts| List::of(puts, &texts));
    let all = commands.values().cloned().collect::<Vec<_>>().join(" && ");
    let same = passwd.comes_again(&all, &owners.users) && group.comes_again(&all, &owners.groups);
    let there = |part: &&str| survey.tree.base_program(list::program(part));
    let runs = commands.values().all(|line| list::parts(line).is_some_and(|parts| parts.iter().all(there)));
    Ok((same && runs && passwd.will_have(&all, user)).then_some(commands))
}

/// The layers above the base that changed the lists.
fn changed(survey: &Survey, lists: [Option<PlaceId>; 2]) -> BTreeSet<usize> {
    let tree = survey.tree;
    let puts = lists.into_iter().flatten().flat_map(|place| tree.ledger.puts_at(place));
    puts.filter(|put| put.layer >= tree.base).map(|put| usize::from(put.layer)).collect()
}

/// The commands of the RUNs that made these layers which must run again; `None` if one changed the lists in another
/// way.
fn commands(survey: &Survey, layers: BTreeSet<usize>) -> Option<Commands> {
    let mut commands = Commands::new();
    for layer in layers {
        let made = survey.made.get(layer - usize::from(survey.tree.base))?;
        let parts = run_text::parse(made.text).and_then(|run| list::parts(run.command)).unwrap_or_default();
        let ours = |part: &&str| COMMANDS.contains(&list::program(part));
        let ours: Vec<&str> = parts.into_iter().filter(ours).collect();
        match ours.is_empty() {
            false => drop(commands.insert(layer, ours.join(" && "))),
            // Packages make the same accounts again.
            true if made.installs => {}
            true => return None,
        }
    }
    Some(commands)
}

/// Names with their numbers.
type Entries = BTreeMap<String, u32>;

/// A list of accounts.
struct List {
    now: Entries,
    base: Entries,
}

impl List {
    /// The present put at its place, and the base's; `None` if one of them is missing.
    fn puts<'a>(survey: &Survey<'a>, place: Option<PlaceId>) -> Option<[&'a Put; 2]> {
        let tree = survey.tree;
        Some([tree.ledger.visible(place?)?, tree.had(place?)?])
    }

    fn of(puts: [&Put; 2], texts: &HashMap<u32, String>) -> Self {
        let [now, base] =
            puts.map(|put| texts.get(&put.inode).map_or_else(Entries::new, |text| entries(text)));
        Self { now, base }
    }

    /// Whether each name gets its number again. Either the base and these commands give it that number, or it belongs
    /// to a package or the system and no copied file belongs to it.
    fn comes_again(&self, commands: &str, owners: &BTreeSet<u32>) -> bool {
        self.now.iter().all(|(name, id)| {
            let far = *id < MAX_PACKAGES || *id == NOBODY;
            self.base.get(name) == Some(id)
                || list::mentions(commands, &[name])
                || (far && !owners.contains(id))
        })
    }

    /// Whether the base or these commands make the user that the image runs as.
    fn will_have(&self, commands: &str, user: &str) -> bool {
        let name = user.split(':').next().unwrap_or_default();
        let numeric = name.bytes().all(|byte| byte.is_ascii_digit());
        numeric || self.base.contains_key(name) || list::mentions(commands, &[name])
    }
}

/// Ids of users and of groups, except root's.
#[derive(Default)]
struct Owners {
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
}

/// The owners of copied files.
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

/// The texts of the files in these puts, by inode. Each layer is read once, however many of the files it has.
fn texts(opened: &Opened, survey: &Survey, puts: &[&Put]) -> Result<HashMap<u32, String>, Failure> {
    let ledger = survey.tree.ledger;
    let inodes: HashSet<u32> = puts.iter().map(|put| put.inode).collect();
    let layers: BTreeSet<u16> =
        puts.iter().map(|put| ledger.inode(put).map_or(put.layer, |inode| inode.layer)).collect();
    let mut texts = HashMap::new();
    for layer in layers {
        entries::each(opened, ledger, layer.into(), |part, _, body| match part {
            Part::Put(_, found) if found.act == Act::File && inodes.contains(&found.inode) => {
                let mut text = Vec::new();
                body.take(MAX_LIST).read_to_end(&mut text)?;
                texts.insert(found.inode, String::from_utf8_lossy(&text).into_owned());
                Ok(())
            }
            _ => Ok(()),
        })?;
    }
    Ok(texts)
}

/// The names of a list of accounts, with their numbers.
fn entries(text: &str) -> Entries {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    };
    text.lines().filter_map(entry).collect()
}

//! The difference between two images in three sentences. It reports the comparison and guesses nothing.

use super::comparison::Comparison;
use super::files::{Group, Owner};
use libcli::human;

/// How many packages, and how many directories, a sentence names.
const NAMED: usize = 4;

/// How much larger or smaller the second image is, what it lacks, and what it has in addition.
pub(super) fn explain(comparison: &Comparison) -> [String; 3] {
    let hidden = match (comparison.a.totals.hidden, comparison.b.totals.hidden) {
        (0, 0) => String::new(),
        (a, b) => format!("; {} are hidden in the first, {} in the second", human(a), human(b)),
    };
    let differ = match comparison.files.differ {
        0 => String::new(),
        1 => format!(
            "; a file differs, {} against {}",
            human(comparison.files.differ_a),
            human(comparison.files.differ_b)
        ),
        files => format!(
            "; {files} files differ, {} against {}",
            human(comparison.files.differ_a),
            human(comparison.files.differ_b)
        ),
    };
    [
        size(comparison),
        format!("It lacks: {}.", list(&comparison.files.only_a)),
        format!("It also has: {}{differ}{hidden}.", list(&comparison.files.only_b)),
    ]
}

fn size(comparison: &Comparison) -> String {
    let (a, b) = (comparison.a.totals.download, comparison.b.totals.download);
    let how = match a.cmp(&b) {
        std::cmp::Ordering::Less => format!("{} larger", human(b - a)),
        std::cmp::Ordering::Equal => "as large".to_owned(),
        std::cmp::Ordering::Greater => format!("{} smaller", human(a - b)),
    };
    let shared: Vec<u64> =
        comparison.layers.iter().filter(|row| row.same_blob).map(|row| row.download).collect();
    let shared = match shared.len() {
        0 => "they share no layer".to_owned(),
        1 => format!("they share a layer of {}", human(shared[0])),
        count => format!("they share {count} layers of {}", human(shared.iter().sum())),
    };
    let of = format!("{} to download against {}", human(b), human(a));
    format!("{} is {how} than {}: {of}; {shared}.", comparison.b.image, comparison.a.image)
        .replace("as large than", "as large as")
}

/// The largest groups: packages first, then directories.
fn list(groups: &[Group]) -> String {
    let (packages, dirs): (Vec<&Group>, Vec<&Group>) =
        groups.iter().partition(|group| matches!(group.owner, Owner::Package { .. }));
    let dir = |group: &&Group| format!("{} ({})", name(group), human(group.sum.bytes));
    let mut parts: Vec<String> = packages_of(&packages).into_iter().collect();
    parts.extend(dirs.iter().take(NAMED).map(dir));
    match dirs.len().saturating_sub(NAMED) {
        0 => {}
        1 => parts.push("another file or directory".to_owned()),
        left => parts.push(format!("{left} other files and directories")),
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

/// The number of packages, their sum, and the largest.
fn packages_of(groups: &[&Group]) -> Option<String> {
    let names: Vec<String> = groups.iter().take(NAMED).map(|group| name(group)).collect();
    let bytes = human(groups.iter().map(|group| group.sum.bytes).sum());
    let more = if groups.len() > NAMED { ", ..." } else { "" };
    match groups.len() {
        0 => None,
        1 => Some(format!("the package {} ({bytes})", names[0])),
        count => Some(format!("{count} packages of {bytes} ({}{more})", names.join(", "))),
    }
}

/// The name of a group.
pub(super) fn name(group: &Group) -> String {
    match &group.owner {
        Owner::Package { package, .. } => package.clone(),
        Owner::Directory(path) if path.as_bytes() == b"." => "/".to_owned(),
        Owner::Directory(path) | Owner::File(path) => format!("/{}", path.display()),
    }
}

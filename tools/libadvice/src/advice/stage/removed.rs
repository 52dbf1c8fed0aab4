//! Paths that the author removed and that the second stage would have again, from the base, or from packages and
//! their scripts, which it installs again.

use super::makers::Made;
use super::paste::{MAX_NAMED, is_plain};
use super::survey::Survey;
use libimage::places::{PlaceId, Places};
use libshell::list;
use std::collections::BTreeSet;

/// Directories that are removed to make images smaller. A second stage need not remove them again.
const TEXTS: &[&str] =
    &["/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info", "/usr/share/lintian"];
/// Directories whose files package managers and programs add and remove.
const PASSING: &[&str] = &["/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/log", "/tmp", "/run"];
/// Where packages put settings of programs.
const SETTINGS: &[&str] = &["/etc/", "/var/www/"];

/// The command that removes them, if there are any; `None` if it cannot be pasted.
pub(super) fn removed(survey: &Survey) -> Option<Vec<String>> {
    let mut paths: BTreeSet<String> = gone(survey).into_iter().collect();
    let said = survey.made.iter().filter(|made| made.installs).flat_map(|made| said(survey, made));
    paths.extend(said);
    let words: Vec<String> = paths.into_iter().collect();
    let plain = |path: &String| is_plain(path.trim_end_matches('*'));
    if words.len() > MAX_NAMED || !words.iter().all(plain) {
        return None;
    }
    Some(if words.is_empty() { Vec::new() } else { vec![format!("rm -rf {}", words.join(" "))] })
}

/// The paths of the base and of packages that a layer of the author's removed, with whole directories.
fn gone(survey: &Survey) -> Vec<String> {
    let (tree, places) = (survey.tree, &survey.tree.ledger.places);
    let gone = |place: &PlaceId| {
        if tree.ledger.visible(*place).is_some() {
            return false;
        }
        let by = tree.ledger.puts_at(*place).filter_map(|put| put.gone).map(|(by, _)| by).last();
        let made = by.and_then(|by| survey.made.get(usize::from(by.checked_sub(tree.base)?)));
        let path = tree.path(*place);
        made.is_some_and(|made| made.is_authors(&path))
            && (tree.had(*place).is_some() || is_packages(survey, *place, &path))
    };
    let above = |place: PlaceId| places.parent(place).filter(gone).is_some();
    let all = places.all().skip(1).filter(gone).filter(|&place| !above(place));
    all.map(|place| tree.path(place)).filter(|path| !is_passing(path)).collect()
}

fn is_passing(path: &str) -> bool {
    TEXTS.iter().chain(PASSING).any(|dir| path.starts_with(dir))
}

/// Whether a removed path belonged to a package, or was made by its scripts.
fn is_packages(survey: &Survey, place: PlaceId, path: &str) -> bool {
    let (tree, packages) = (survey.tree, &survey.tree.ledger.packages);
    let mut puts = tree.ledger.puts_at(place).filter(|put| put.layer >= tree.base);
    let installed = puts.next().and_then(|put| survey.made(put)).is_some_and(|made| made.installs);
    match packages.owner(place) {
        Some(package) => installed && package.gone.is_none(),
        None => installed && SETTINGS.iter().any(|dir| path.starts_with(dir)),
    }
}

/// The paths that an installing RUN removes itself, so that no layer ever had them, according to its `rm`.
fn said(survey: &Survey, made: &Made) -> Vec<String> {
    let tree = survey.tree;
    let parts = made.text.split(['&', ';', '|', '(', ')']).filter(|part| list::program(part.trim()) == "rm");
    let is_there = |path: &str| {
        let found = tree.follow(Places::ROOT, path.trim_end_matches(['*', '/']).as_bytes());
        let inside = |dir| tree.ledger.places.below(dir).any(|place| tree.ledger.visible(place).is_some());
        found.is_some_and(|found| !path.ends_with("/*") || inside(found.place))
    };
    let settings = |path: &&str| {
        SETTINGS.iter().any(|dir| path.starts_with(dir))
            && is_plain(path.strip_suffix("/*").unwrap_or(path))
            && !is_there(path)
    };
    parts.flat_map(str::split_whitespace).filter(settings).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{BASE, CMD, LINKER, Step, advice, big, install, lines, program};
    use libimage::fixtures::Line;

    #[test]
    fn what_the_author_removed_of_packages_is_removed_again() {
        let app = program(LINKER, &["libc.so.6", "libx.so.1"], "");
        let app: &[Line] = &[("setuid", "app", app.as_str())];
        let rm = |text: &'static str, gone: &'static [Line<'static>]| {
            let (install, mut tools) =
                install("RUN apt-get install -y gcc && rm -r /etc/x/* /etc/y /src /etc/z", big());
            tools.extend([("file", "etc/site", "x"), ("file", "etc/z", "kept"), ("dir", "etc/x", "")]);
            let steps: &[Step] = &[(install, Some(&tools)), ("RUN make", Some(app)), (text, Some(gone)), CMD];
            lines(advice(BASE, steps, |_| {}))[5].clone()
        };
        assert_eq!(
            rm("RUN rm /etc/site", &[("file", "etc/.wh.site", ""), ("file", "var/log/.wh.dpkg.log", "")]),
            "RUN rm -rf /etc/site /etc/x/* /etc/y"
        );
        assert_eq!(
            rm("RUN apt-get purge -y x", &[("file", "etc/.wh.site", "")]),
            "RUN rm -rf /etc/x/* /etc/y",
            "a package manager knows what to leave"
        );
    }
}

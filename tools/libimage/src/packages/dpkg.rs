//! dpkg's records: `status`, with a paragraph for each package, and `info/PACKAGE.list`, with a line for each file.
//! In images without dpkg, `status.d/PACKAGE` with `PACKAGE.md5sums`. Text in, names out.

use super::stanza::Stanza;

const DIR: &str = "var/lib/dpkg/";

pub(super) fn is_record(path: &[u8]) -> bool {
    let Ok(path) = std::str::from_utf8(path) else { return false };
    is_status(path) || is_single_status(path) || list_of(path).is_some()
}

pub(super) fn is_status(path: &str) -> bool {
    path.strip_prefix(DIR) == Some("status")
}

/// Whether this is the status of a single package, as in distroless images.
pub(super) fn is_single_status(path: &str) -> bool {
    let name = path.strip_prefix(DIR).and_then(|path| path.strip_prefix("status.d/"));
    name.is_some_and(|name| !name.contains('/') && !name.ends_with(".md5sums"))
}

/// The package of a list of files. The architecture, after a colon, is not part of the name.
fn list_of(path: &str) -> Option<&str> {
    let path = path.strip_prefix(DIR)?;
    let name = match path.strip_prefix("info/") {
        Some(name) => name.strip_suffix(".list")?,
        None => path.strip_prefix("status.d/")?.strip_suffix(".md5sums")?,
    };
    Some(name.split_once(':').map_or(name, |(name, _)| name)).filter(|name| !name.contains('/'))
}

/// The files of a package in this record.
pub(super) fn files<'a>(path: &'a str, text: &'a [u8]) -> Option<(&'a str, impl Iterator<Item = &'a [u8]>)> {
    let name = list_of(path)?;
    let sums = path.ends_with(".md5sums");
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    // A line of sums is the sum, two spaces, and the path.
    let path = move |line: &'a [u8]| if sums { line.get(34..) } else { Some(line) };
    Some((name, lines.filter_map(path)))
}

/// The installed packages.
pub(super) fn stanzas(text: &[u8]) -> Vec<Stanza> {
    let text = String::from_utf8_lossy(text);
    text.split("\n\n").filter_map(stanza).collect()
}

fn stanza(text: &str) -> Option<Stanza> {
    let mut stanza = Stanza::default();
    for line in text.lines() {
        // A line that continues the one before begins with a space.
        let Some((key, value)) = line.split_once(':').filter(|_| !line.starts_with(' ')) else { continue };
        let value = value.trim();
        match key {
            "Package" => stanza.name = value.to_owned(),
            "Version" => stanza.version = value.to_owned(),
            "Section" => stanza.section = value.to_owned(),
            "Depends" | "Pre-Depends" => stanza.depends.extend(relations(value)),
            "Recommends" => stanza.recommends = relations(value),
            "Provides" => stanza.provides = relations(value).into_iter().flatten().collect(),
            "Status" if !value.ends_with(" installed") => return None,
            _ => {}
        }
    }
    Some(stanza).filter(|stanza| !stanza.name.is_empty())
}

/// The names in `a (>= 1)
///
/// b:any, c`.
fn relations(value: &str) -> Vec<Vec<String>> {
    let name = |one: &str| {
        let one = one.trim().split([' ', '(', '[', ':']).next().unwrap_or_default();
        Some(one.to_owned()).filter(|name| !name.is_empty())
    };
    value.split(',').map(|any| any.split('|').filter_map(name).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_what_is_installed_and_what_it_needs() {
        let text = "Package: a\nStatus: install ok installed\nSection: devel\nVersion: 1:2\nDepends: b (>= 1) | c:any, d\n\
            Recommends: e\nProvides: f (= 1)\nDescription: x\n Package: no\n\nPackage: g\nStatus: deinstall ok config-files\n";
        let found = stanzas(text.as_bytes());
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].name, &*found[0].version, &*found[0].section), ("a", "1:2", "devel"));
        assert_eq!(found[0].depends, [vec!["b", "c"], vec!["d"]]);
        assert_eq!((&found[0].recommends, &found[0].provides), (&vec![vec!["e".into()]], &vec!["f".into()]));
    }

    #[test]
    fn files_are_those_of_a_list_or_of_sums() {
        let of = |path, text: &'static str| {
            files(path, text.as_bytes()).map(|(name, files)| (name, files.map(<[u8]>::to_vec).collect()))
        };
        let usr: Vec<Vec<u8>> = vec![b"/usr".to_vec()];
        assert_eq!(of("var/lib/dpkg/info/libc6:amd64.list", "/usr\n"), Some(("libc6", usr)));
        let sums = "d41d8cd98f00b204e9800998ecf8427e  usr/x\nshort\n";
        assert_eq!(of("var/lib/dpkg/status.d/tz.md5sums", sums), Some(("tz", vec![b"usr/x".to_vec()])));
        assert_eq!(of("var/lib/dpkg/info/a/b.list", ""), None);
        assert_eq!(of("var/lib/dpkg/info/a.postinst", ""), None);
    }
}

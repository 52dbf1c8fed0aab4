//! Checks that records are in order, and that each comes after the record of its directory and of its hard link's
//! target. Readers would refuse a layer without one of these, or invent a directory.

use libtree::root::split;
use libwire::changes::{Change, Kind};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The kind of file that a record makes.
#[derive(Clone, Copy, PartialEq)]
enum Made {
    Dir,
    Other,
    Gone,
}

/// The paths of a stream up to the current record.
#[derive(Default)]
pub(crate) struct Places {
    /// The path of the last record. The root's is empty, because the root comes before everything in it.
    last: Option<Vec<u8>>,
    /// The records whose directories may still get entries. Each path is a prefix of `last`, and this is its length,
    /// ascending.
    open: Vec<(usize, Made)>,
    links: Names,
}

impl Places {
    /// Adds the next record, or returns the error in its place.
    pub(crate) fn take(&mut self, change: &Change) -> Result<(), String> {
        let (path, made) = match change {
            Change::Put(put) if matches!(put.kind, Kind::Dir { .. }) => (&put.path, Made::Dir),
            Change::Put(put) => (&put.path, Made::Other),
            Change::Delete { path } => (path, Made::Gone),
        };
        let shown = path.display();
        let path = if path.as_bytes() == b"." { &[] } else { path.as_bytes() };
        if self.last.as_deref().is_some_and(|last| path <= last) {
            return Err("its path does not come after the one before; sort the records by path bytes".into());
        }
        if path.is_empty() && made != Made::Dir {
            return Err("the root of a layer is a directory".into());
        }
        self.close(path);
        self.check_directory(path, made).map_err(|what| format!("{shown} is in {what}"))?;
        if let Change::Put(put) = change
            && let Kind::Hardlink { target } = &put.kind
            && !self.links.have(&target.0)
        {
            return Err(format!(
                "{shown} is a hard link to {}, which has no record before it; keep that record, or make this one the file",
                String::from_utf8_lossy(&target.0)
            ));
        }
        if !path.is_empty() {
            self.open.push((path.len(), made));
        }
        if made == Made::Other {
            self.links.add(path);
        }
        self.last = Some(path.to_vec());
        Ok(())
    }

    /// Drops directories that cannot get entries at `path` or later. Everything in `dir/…` sorts before `dir`
    /// followed by `0`, the byte after the slash.
    fn close(&mut self, path: &[u8]) {
        let last = self.last.as_deref().unwrap_or_default();
        while let Some(&(length, _)) = self.open.last()
            && !(path.starts_with(&last[..length]) && path[length] <= b'/')
        {
            self.open.pop();
        }
    }

    /// Names the directory of `path` if it has no record. A deletion needs none, because the lower layer has its
    /// directory.
    fn check_directory(&self, path: &[u8], made: Made) -> Result<(), String> {
        let dir = split(path).0;
        let above = self.open.iter().rev().find(|(length, _)| path[*length] == b'/');
        let name = |length: usize| String::from_utf8_lossy(&path[..length]).into_owned();
        match above {
            Some(&(length, Made::Other)) => {
                Err(format!("{}, which is not a directory in this layer", name(length)))
            }
            Some(&(length, Made::Gone)) => Err(format!("{}, which this layer deletes", name(length))),
            Some(&(length, Made::Dir)) if length == dir.len() => Ok(()),
            _ if dir.is_empty() || made == Made::Gone => Ok(()),
            _ => Err(format!(
                "{}, which has no record before it; keep the directory's record, or drop everything in it",
                name(dir.len())
            )),
        }
    }
}

/// Names, each as a hash of 8 bytes. Two names with the same hash, which are very rare, are confused.
#[derive(Default)]
struct Names {
    sorted: Vec<u64>,
    new: Vec<u64>,
}

/// Up to this number, names are searched one by one.
const FEW: usize = 1 << 12;

impl Names {
    fn add(&mut self, name: &[u8]) {
        self.new.push(hash(name));
    }

    fn have(&mut self, name: &[u8]) -> bool {
        if self.new.len() > FEW {
            self.sorted.append(&mut self.new);
            // Names in order cost it little.
            self.sorted.sort();
        }
        let hash = hash(name);
        self.sorted.binary_search(&hash).is_ok() || self.new.contains(&hash)
    }
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(records: &[&str]) -> Result<(), String> {
        let mut places = Places::default();
        records.iter().try_for_each(|record| {
            let (kind, path, rest) = match record.split(' ').collect::<Vec<_>>()[..] {
                ["dir", path] => ("put", path, r#","kind":"dir""#.to_owned()),
                ["file", path] => ("put", path, r#","kind":"file","size":0"#.to_owned()),
                ["link", path, to] => ("put", path, format!(r#","kind":"hardlink","target":"{to}""#)),
                [.., path] => ("delete", path, String::new()),
                [] => unreachable!(),
            };
            let meta = r#""mode":"0644","uid":0,"gid":0,"mtime":0"#;
            let line = format!(r#"{{"type":"{kind}","path":"{path}",{meta}{rest}}}"#);
            places.take(&serde_json::from_str(&line).unwrap())
        })
    }

    #[test]
    fn a_directory_is_before_what_is_in_it_whatever_sorts_between() {
        let sorted = [
            "dir a",
            "dir a-b",
            "file a-b/x",
            "file a.c",
            "dir a/b",
            "file a/b!",
            "file a/b/c",
            "file a/c",
            "file b",
        ];
        assert_eq!(taken(&sorted), Ok(()));
        assert_eq!(taken(&["dir .", "file -x", "delete gone", "delete lower/gone"]), Ok(()));
        for (dropped, record, dir) in
            [("dir a", "a/b", "a"), ("dir a-b", "a-b/x", "a-b"), ("dir a/b", "a/b/c", "a/b")]
        {
            let kept: Vec<&str> = sorted.into_iter().filter(|record| *record != dropped).collect();
            let error = taken(&kept).unwrap_err();
            assert!(error.starts_with(&format!("{record} is in {dir}, which has no record")), "{error}");
        }
    }

    #[test]
    fn nothing_is_in_what_is_no_directory_or_deleted() {
        for records in [
            ["file a", "file a/b"],
            ["delete a", "file a/b"],
            ["file a", "delete a/b/c"],
            ["delete a", "delete a/b"],
        ] {
            assert!(taken(&records).unwrap_err().contains(" is in a, which "), "{records:?}");
        }
    }

    #[test]
    fn a_hard_link_comes_after_the_file_it_is_to() {
        assert_eq!(taken(&["file a", "link b a", "link c b"]), Ok(()));
        for records in
            [&["link b a"][..], &["dir a", "link b a"], &["delete a", "link b a"], &["link a b", "file b"]]
        {
            assert!(taken(records).unwrap_err().contains(" is a hard link to "), "{records:?}");
        }
    }

    #[test]
    fn many_names_are_remembered() {
        let mut names = Names::default();
        for number in 0..3 * FEW as u32 {
            names.add(&number.to_le_bytes());
            assert!(
                number % 1000 > 0 || names.have(&number.to_le_bytes()) && names.have(&0u32.to_le_bytes())
            );
        }
        assert!(!names.have(b"another"));
    }
}

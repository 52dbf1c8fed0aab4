//! The name of a repository: a URL, followed by `#ref:subdir` or a query. No part of it can become an option or a
//! second argument of git.

use super::{Kind, decode, host, redact};

/// A repository, with its reference, subdirectory and options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// The URL for git.
    pub remote: String,
    /// Branch, tag, full reference or commit; by default the repository's `HEAD`.
    pub reference: Option<String>,
    /// The subdirectory.
    pub subdir: Option<String>,
    /// The start of the commit's id.
    pub checksum: Option<String>,
    /// Whether `.git` is kept, if the query says so.
    pub keep: Option<bool>,
    /// Whether submodules are left out.
    pub bare: bool,
    /// Whether files get the time of the checkout instead of the commit's.
    pub fresh: bool,
    /// Whether the checksum is the commit to fetch, wherever the reference points.
    pub trusted: bool,
}

impl Repository {
    /// Parses `text`, which is of [`Kind::Repository`].
    ///
    /// # Errors
    /// The reason, without user, password and query.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rest, fragment) = text.split_once('#').map_or((text, None), |(rest, part)| (rest, Some(part)));
        let (remote, query) = rest.split_once('?').map_or((rest, None), |(rest, part)| (rest, Some(part)));
        let mut found = Self { remote: remote.to_owned(), ..Self::default() };
        if let Some(fragment) = fragment {
            let (reference, subdir) = fragment.split_once(':').unwrap_or((fragment, ""));
            found.reference = filled(reference);
            found.subdir = clean(subdir);
        }
        for pair in query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            found.set(name, &decode(value)).map_err(|what| found.refuse(&what))?;
        }
        found.subdir = found.subdir.filter(|path| !path.is_empty());
        found.check()?;
        Ok(found)
    }

    /// Whether `.git` is kept, if the caller `asked` for it or not. A subdirectory never has one.
    pub fn keeps_git_dir(&self, asked: bool) -> bool {
        (asked || self.keep == Some(true)) && self.subdir.is_none()
    }

    /// Requires a commit, in addition to the one that the text may require.
    ///
    /// # Errors
    /// The two differ, or `commit` is not a commit.
    pub fn require(&mut self, commit: &str) -> Result<(), String> {
        match &self.checksum {
            Some(other) if !other.eq_ignore_ascii_case(commit) => {
                let remote = redact(&self.remote);
                Err(format!("{remote}: two checksums are asked for; leave one"))
            }
            _ => {
                self.checksum = Some(commit.to_ascii_lowercase());
                self.check()
            }
        }
    }

    fn refuse(&self, what: &str) -> String {
        format!("{}: {what}", redact(&self.remote))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let full = |kind: &str| match value.strip_prefix("refs/") {
            Some(_) => value.to_owned(),
            None => format!("refs/{kind}/{value}"),
        };
        match name {
            "keep-git-dir" => self.keep = Some(truth(name, value)?),
            "submodules" => self.bare = !truth(name, value)?,
            "fetch-by-commit" => self.trusted = truth(name, value)?,
            _ if value.is_empty() => return Err(format!("{name}= has no value; write one or leave it out")),
            "ref" => once(name, &mut self.reference, value.to_owned())?,
            "tag" => once(name, &mut self.reference, full("tags"))?,
            "branch" => once(name, &mut self.reference, full("heads"))?,
            "subdir" => once(name, &mut self.subdir, clean(value).unwrap_or_default())?,
            "checksum" | "commit" => once(name, &mut self.checksum, value.to_ascii_lowercase())?,
            "mtime" if matches!(value, "commit" | "checkout") => self.fresh = value == "checkout",
            "mtime" => return Err(format!("mtime={value} is neither checkout nor commit")),
            other => {
                let known = "ref, tag, branch, subdir, checksum, commit, keep-git-dir, submodules, mtime and fetch-by-commit";
                return Err(format!("unexpected query {other:?}; there are {known}"));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let refuse = |what: &str| Err(self.refuse(what));
        if Kind::of(&self.remote) != Kind::Repository {
            return refuse("this is not the URL of a repository");
        }
        if self.remote.contains(|c: char| c.is_whitespace() || c.is_control())
            || self.remote.starts_with('-')
            || self.remote.contains("://-")
            || host(&self.remote).starts_with('-')
        {
            return refuse("the URL has a blank, or a user or host that begins with -");
        }
        let parts = |path: &str| path.split('/').any(|part| part == "..");
        match (&self.reference, &self.subdir, &self.checksum) {
            (Some(name), _, _) if is_odd(name) => {
                refuse("the reference can't be a branch, a tag or a commit")
            }
            (_, Some(path), _) if path.starts_with('-') || parts(path) || path.contains(char::is_control) => {
                refuse("the subdirectory has to be below the repository's root, without ..")
            }
            (_, _, Some(commit))
                if !(7..=64).contains(&commit.len()) || !commit.bytes().all(|b| b.is_ascii_hexdigit()) =>
            {
                refuse("the checksum of a repository is a commit: at least 7 hex digits")
            }
            _ if self.trusted && !self.checksum.as_deref().is_some_and(is_commit) => {
                refuse("fetch-by-commit needs checksum= with the whole commit")
            }
            _ => Ok(()),
        }
    }
}

/// Whether git refuses such a reference, or could misread it.
pub fn is_odd(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\+".contains(c);
    name.starts_with('-') || name.contains(odd) || name.contains("..") || name.contains("@{")
}

/// Whether `text` is the full id of a commit.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn filled(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// Sets a value that the fragment and the query may both have, but not with different values.
fn once(name: &str, slot: &mut Option<String>, value: String) -> Result<(), String> {
    match slot.replace(value) {
        Some(old) if slot.as_ref() != Some(&old) => {
            Err(format!("{name}= conflicts with {old:?}, which is asked for too; leave one"))
        }
        _ => Ok(()),
    }
}

/// Reads a boolean as Go does. Without a value it is true.
fn truth(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{name}={value} is neither true nor false")),
    }
}

/// A path without empty components and `.`. `None` if nothing is left.
fn clean(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    filled(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_and_a_query_say_the_same() {
        let wanted = Repository {
            remote: "https://h/x.git".into(),
            reference: Some("v1".into()),
            subdir: Some("a/b".into()),
            ..Repository::default()
        };
        assert_eq!(Repository::parse("https://h/x.git#v1:a/b").unwrap(), wanted);
        assert_eq!(Repository::parse("https://h/x.git?ref=v1&subdir=a/b").unwrap(), wanted);
        let all = Repository::parse("git@h:x?tag=v1&commit=abcdef0&keep-git-dir=1").unwrap();
        assert_eq!((all.reference.as_deref(), all.keep), (Some("refs/tags/v1"), Some(true)));
        assert_eq!(Repository::parse("git://h/x#:d").unwrap().reference, None);
        let both = Repository::parse("git://h/x?ref=a%2Fb&subdir=/d/./e/#a/b:d/e").unwrap();
        assert_eq!((both.reference.as_deref(), both.subdir.as_deref()), (Some("a/b"), Some("d/e")));
        assert_eq!(Repository::parse("git://h/x#:/").unwrap().subdir, None);
        let rest = Repository::parse("git://h/x?submodules=0&mtime=checkout&keep-git-dir").unwrap();
        assert_eq!((rest.bare, rest.fresh, rest.keep, rest.trusted), (true, true, Some(true), false));
        let commit = "0123456789012345678901234567890123456789";
        assert!(Repository::parse(&format!("git://h/x?fetch-by-commit&commit={commit}")).unwrap().trusted);
    }

    #[test]
    fn nothing_in_it_becomes_an_option_or_leads_out() {
        for bad in [
            "git://-oProxyCommand=x/y",
            "ssh://-oProxyCommand=x@h/y",
            "--upload-pack@h:x",
            "ssh://u@-h/x",
            "git://h/x#--upload-pack=x",
            "git://h/x#a b",
            "git://h/x#a:../b",
            "git://h/x#:-x",
            "git://h/x#+a",
            "git://h/x#a..b",
            "git://h/x?nope=1",
            "git://h/x?ref=a&tag=b",
            "git://h/x?tag=a&branch=a",
            "git://h/x?checksum=xyz",
            "git://h/x?submodules=some",
            "git://h/x?mtime=now",
            "git://h/x?ref=",
            "git://h/x?ref=a#b",
            "git://h/x?subdir=..%2Fa",
            "git://h/x?fetch-by-commit&checksum=abcdef0",
            "git://h/x y",
        ] {
            let got = Repository::parse(bad);
            assert!(got.is_err(), "{bad}: {got:?}");
        }
    }
}

//! The lock of a Dockerfile, in the format of stagepipe-lock(5): the meaning of its source names at the time of
//! writing. This is grammar only; nothing here looks a name up.

use crate::digest::Digest;
use crate::reference::Reference;
use crate::remote::{Kind, Repository, is_commit, without_credentials};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

/// The first line.
const HEADER: &str = "# stagepipe lock 1: written by image-build --lock; commit it";
/// The start of the first line in every version.
const START: &str = "# stagepipe lock ";
/// The largest size of a lock in bytes.
pub const MAX_LOCK: u64 = 4 << 20;
/// The longest line in bytes.
const MAX_LINE: usize = 8 << 10;

/// A source by the name that is looked up. Two spellings of one name are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A repository, followed by `#` and its reference, if it has one.
    Git(String),
    /// The URL of a file.
    Http(String),
    /// An image, with its registry and its tag.
    Image(String),
}

/// The digest or the commit that a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The digest of an image, an index or a file.
    Digest(Digest),
    /// A commit.
    Commit(String),
}

/// A lock: what each name stands for. Its display is the text of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock(BTreeMap<Source, Locked>);

/// The pin of a name, and the line it is on.
#[derive(Clone, Debug)]
struct Locked {
    pin: Pin,
    line: usize,
}

/// Equal pins are equal, even on different lines.
impl PartialEq for Locked {
    fn eq(&self, other: &Self) -> bool {
        self.pin == other.pin
    }
}

impl Eq for Locked {}

/// The reason that a text is not a lock.
#[derive(Debug, PartialEq, Eq)]
pub struct BadLock {
    /// The number of the line.
    pub line: usize,
    /// The error in that line.
    pub what: String,
}

impl Source {
    /// The source for an image. `None` if its name has a digest, because that needs no lock.
    pub fn image(reference: &Reference) -> Option<Self> {
        let pinned = reference.digest().is_some() || reference.as_digest().is_some();
        (!pinned).then(|| Self::Image(reference.to_string()))
    }

    /// The source for the file at `url`, which the Dockerfile has as `written`. It has no user and password. A query
    /// with a variable may be secret too, so its digest replaces it.
    pub fn file(url: &str, written: &str) -> Self {
        let bare = without_credentials(url);
        let name = match bare.split_once('?') {
            Some((rest, query)) if !written.contains(&format!("?{query}")) => {
                format!("{rest}?{}", Digest::of(query.as_bytes()))
            }
            _ => bare,
        };
        Self::Http(one_word(&name))
    }

    /// The source for a repository. `None` if it names a whole commit or has a checksum.
    pub fn repository(repository: &Repository) -> Option<Self> {
        let reference = repository.reference.as_deref();
        let pinned = repository.checksum.is_some() || reference.is_some_and(is_commit);
        let remote = without_credentials(&repository.remote);
        let name = reference.map_or(remote.clone(), |reference| format!("{remote}#{reference}"));
        (!pinned).then(|| Self::Git(one_word(&name)))
    }

    /// The source that a user names by `text`, spelled as in a lock or as in a Dockerfile.
    ///
    /// # Errors
    /// The reason that a lock has no line for such a name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pinned = || format!("{text} says itself what it is, so it has no line in a lock");
        let reference = Reference::parse(text);
        // A name with a digest looks like a repository's user@host:path.
        if reference.as_ref().is_ok_and(|reference| reference.digest().is_some()) {
            return Err(pinned());
        }
        match Kind::of(text) {
            Kind::Path => Self::image(&reference.map_err(|error| error.to_string())?).ok_or_else(pinned),
            Kind::File => Ok(Self::file(text, text)),
            Kind::Repository => Self::repository(&Repository::parse(text)?).ok_or_else(pinned),
        }
    }

    /// The name without its kind.
    pub fn name(&self) -> &str {
        let (Self::Git(name) | Self::Http(name) | Self::Image(name)) = self;
        name
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Git(_) => "git",
            Self::Http(_) => "http",
            Self::Image(_) => "image",
        }
    }
}

/// `name` without blanks and control characters, escaped as in a URL.
fn one_word(name: &str) -> String {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    let escaped = |c: char| c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    name.chars().map(|c| if odd(c) { escaped(c) } else { c.to_string() }).collect()
}

impl Pin {
    fn parse(source: &Source, text: &str) -> Option<Self> {
        match source {
            Source::Git(_) => {
                let (kind, commit) = text.split_once(':')?;
                let length = if kind == "sha1" { 40 } else { 64 };
                let fits = matches!(kind, "sha1" | "sha256") && commit.len() == length && is_commit(commit);
                fits.then(|| Self::Commit(commit.to_owned()))
            }
            Source::Http(_) | Source::Image(_) => text.parse().ok().map(Self::Digest),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Commit(commit) if commit.len() == 64 => write!(f, "sha256:{commit}"),
            Self::Commit(commit) => write!(f, "sha1:{commit}"),
        }
    }
}

impl Lock {
    /// Reads the text of a lock.
    ///
    /// # Errors
    /// The first invalid line.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadLock> {
        let bad = |line: usize, what: String| BadLock { line, what };
        let mut lock = Self::default();
        for (number, bytes) in (1..).zip(bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|&b| b == b'\n')) {
            if bytes.len() > MAX_LINE {
                return Err(bad(number, format!("the line has more than {MAX_LINE} bytes")));
            }
            let line = std::str::from_utf8(bytes).map_err(|_| bad(number, "the line is not UTF-8".into()))?;
            // An editor or git may have changed the line endings.
            let line = line.strip_suffix('\r').unwrap_or(line);
            match number {
                1 => header(line).map_err(|what| bad(1, what))?,
                _ => lock.read_line(line, number).map_err(|what| bad(number, what))?,
            }
        }
        Ok(lock)
    }

    fn read_line(&mut self, line: &str, number: usize) -> Result<(), String> {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let &[kind, name, pin] = &words[..] else {
            return Err("the line is not KIND NAME DIGEST".into());
        };
        let source = match kind {
            "git" => Source::Git(name.to_owned()),
            "http" => Source::Http(name.to_owned()),
            "image" => Source::Image(name.to_owned()),
            _ => return Err(format!("{kind:?} is not git, http or image")),
        };
        if Source::parse(name).as_ref() != Ok(&source) {
            return Err(format!("{name:?} is not the full name of a source of kind {kind}"));
        }
        let form =
            if kind == "git" { "sha1: and the 40 digits of a commit" } else { "sha256: and 64 digits" };
        let pin = Pin::parse(&source, pin).ok_or_else(|| format!("{pin:?} is not {form}"))?;
        match self.0.entry(source) {
            Entry::Occupied(other) => Err(format!("{name} is in line {} already", other.get().line)),
            Entry::Vacant(place) => {
                place.insert(Locked { pin, line: number });
                Ok(())
            }
        }
    }

    /// The pin of a source, and its line, which is 0 if the pin was not read from a file.
    pub fn get(&self, source: &Source) -> Option<(&Pin, usize)> {
        self.0.get(source).map(|locked| (&locked.pin, locked.line))
    }

    /// Sets the pin of a source, and returns the old one.
    ///
    /// # Errors
    /// The line would be too long to read again.
    pub fn set(&mut self, source: Source, pin: Pin) -> Result<Option<Pin>, String> {
        if source.name().len() > MAX_LINE - 128 {
            return Err(format!("a name of {} bytes is too long for a lock", source.name().len()));
        }
        Ok(self.0.insert(source, Locked { pin, line: 0 }).map(|old| old.pin))
    }

    /// Its sources, in order.
    pub fn sources(&self) -> impl Iterator<Item = (&Source, &Pin)> {
        self.0.iter().map(|(source, locked)| (source, &locked.pin))
    }
}

/// Whether a text begins like a lock of any version.
pub fn looks_like_lock(bytes: &[u8]) -> bool {
    bytes.starts_with(START.as_bytes())
}

fn header(line: &str) -> Result<(), String> {
    let version =
        line.strip_prefix(START).map(|rest| rest.split_once(':').map_or(rest, |(number, _)| number));
    match version {
        Some("1") => Ok(()),
        Some(other) if !other.is_empty() && other.bytes().all(|b| b.is_ascii_digit()) => Err(format!(
            "the lock has version {other}, but this program reads only version 1; use a newer one"
        )),
        _ => Err(format!("the first line of a lock begins with {:?}", format!("{START}1"))),
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        self.sources()
            .try_for_each(|(source, pin)| writeln!(f, "{:5}  {}  {pin}", source.kind(), source.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rest: &str) -> Result<Lock, BadLock> {
        Lock::parse(format!("{HEADER}\n{rest}").as_bytes())
    }

    #[test]
    fn a_lock_is_read_as_it_was_written_whatever_the_order_of_its_lines() {
        let (digest, commit) = (Digest::of(b"x"), "0123456789012345678901234567890123456789");
        let mut lock = Lock::default();
        for (name, pin) in [
            ("debian:12", Pin::Digest(digest)),
            ("https://u:p@h/a b?c=d", Pin::Digest(digest)),
            ("https://u:p@h/a.git#v1:dir", Pin::Commit(commit.into())),
            ("git@h:x", Pin::Commit(format!("{commit}{}", &commit[..24]))),
        ] {
            lock.set(Source::parse(name).unwrap(), pin).unwrap();
        }
        let text = lock.to_string();
        let rows: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            rows,
            [
                &format!("git    git@h:x  sha256:{commit}{}", &commit[..24]),
                &format!("git    https://h/a.git#v1  sha1:{commit}"),
                &format!("http   https://h/a%20b?c=d  {digest}"),
                &format!("image  docker.io/library/debian:12  {digest}"),
            ]
        );
        assert_eq!(Lock::parse(text.as_bytes()), Ok(lock.clone()));
        let turned: Vec<&str> = rows.iter().rev().copied().collect();
        assert_eq!(lines(&turned.join("\r\n")), Ok(lock));
        assert_eq!(lines(""), Ok(Lock::default()));
    }

    #[test]
    fn a_query_that_is_not_in_the_dockerfile_is_not_written() {
        let name = |url, written| Source::file(url, written).name().to_owned();
        assert_eq!(name("https://h/x?v=1", "'https://h/x?v=1'"), "https://h/x?v=1");
        let hidden = name("https://h/x?token=hunter2", "https://h/x?token=$T");
        assert_eq!(hidden, format!("https://h/x?{}", Digest::of(b"token=hunter2")));
        assert_eq!(Source::parse(&hidden).unwrap().name(), hidden);
    }

    #[test]
    fn what_says_itself_what_it_is_has_no_line() {
        let digest = Digest::of(b"x");
        let commit = "0123456789012345678901234567890123456789";
        for text in [
            format!("debian@{digest}"),
            format!("debian:12@{digest}"),
            digest.to_string(),
            format!("git://h/x#{commit}"),
            "git://h/x?checksum=0123456".to_owned(),
        ] {
            assert!(Source::parse(&text).unwrap_err().contains("no line"), "{text}");
        }
    }

    #[test]
    fn a_damaged_lock_is_refused_with_its_line() {
        let digest = Digest::of(b"x");
        for (rest, line, said) in [
            (format!("image  docker.io/library/a:1  {digest}\n\n"), 3, "KIND NAME DIGEST"),
            ("# mine\n".into(), 2, "KIND NAME DIGEST"),
            ("<<<<<<< HEAD\n".into(), 2, "KIND NAME DIGEST"),
            (format!("image  a:1  {digest}\n"), 2, "full name"),
            (format!("image  docker.io/library/a:1@{digest}  {digest}\n"), 2, "full name"),
            (format!("http  https://u:p@h/x  {digest}\n"), 2, "full name"),
            (format!("git  https://h/x  {digest}\n"), 2, "full name"),
            (format!("file  https://h/x  {digest}\n"), 2, "not git, http or image"),
            ("http  https://h/x  sha256:12\n".into(), 2, "64 digits"),
            (format!("git  git://h/x  sha1:{}\n", digest.hex()), 2, "40 digits"),
            (format!("image\tdocker.io/library/a:1\t{digest}"), 2, "KIND NAME DIGEST"),
            (format!("http  https://h/x  {digest}\nhttp  https://h/x  {digest}\n"), 3, "in line 2 already"),
            (format!("http  https://h/{}  {digest}\n", "x".repeat(MAX_LINE)), 2, "more than"),
        ] {
            let bad = lines(&rest).unwrap_err();
            assert!(bad.line == line && bad.what.contains(said), "{rest}: {bad:?}");
        }
        assert_eq!(Lock::parse(b"\xff").unwrap_err().line, 1);
        for text in ["", "image", "# stagepipe lock", "# stagepipe lock x: y"] {
            assert!(Lock::parse(text.as_bytes()).unwrap_err().what.contains("begins with"), "{text}");
        }
        assert!(Lock::parse(b"# stagepipe lock 2").unwrap_err().what.contains("version 2"));
    }
}

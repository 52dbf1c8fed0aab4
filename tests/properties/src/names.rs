//! Names from outside: image references, URLs, repositories, users of an image.

use crate::choices::Choices;
use libfetch::file_name;
use libfetch::git::Repository;
use libtree::{Owners, Root};
use libwire::lock::{Lock, Pin, Source};
use libwire::remote::{Kind, redact, without_credentials};
use libwire::{Digest, Reference, WirePath};

const PIECES: [&str; 40] = [
    "a",
    "b.c",
    "/",
    ":",
    "@",
    "#",
    "?",
    "&",
    "=",
    "://",
    "http",
    "https://",
    "git://",
    "ssh://",
    "git@",
    "host",
    ".git",
    "-",
    "--x",
    "..",
    "%2f",
    "%2e",
    "%00",
    "é",
    " ",
    "\n",
    "ref",
    "subdir",
    "checksum",
    "keep-git-dir",
    "localhost",
    "[::1]",
    "5000",
    "A",
    "_",
    "__",
    "sha256:",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "%",
    "\\",
];
const SECRET: &str = "hunter2";

/// A name from pieces.
pub fn name(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    name_text(choices.text(16, &PIECES).as_bytes());
    let path = choices.text(8, &PIECES);
    let scheme = choices.pick(&["http", "https", "git", "ssh"]);
    let user = choices.pick(&["", "u", "u:v", "a@b", ":"]);
    let url = format!("{scheme}://{user}:{SECRET}@host/{path}");
    for shown in [redact(&url), without_credentials(&url)] {
        assert!(!shown.contains(SECRET), "{url:?} is shown as {shown:?}");
    }
}

/// A lock from pieces: one that is read is written and read again as the same, and its names hold no secret.
pub fn lock(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    let commit = "0123456789012345678901234567890123456789";
    let digest = format!("sha256:{}", Digest::of(bytes).hex());
    let commit = format!("sha1:{commit}");
    let mut text = "# stagepipe lock 1\n".to_owned();
    let (mut written, names) =
        (Lock::default(), ["http://u:hunter2@h/", "git://h/x.git#", "h/a:", "ssh://git@h/", ""]);
    for _ in 0..choices.below(6) {
        let name = format!("{}{}", choices.pick(&names), choices.text(4, &PIECES));
        let kind = choices.pick(&["git", "http", "image", "x"]);
        text +=
            &format!("{kind}  {name}  {}\n", choices.pick(&[digest.as_str(), commit.as_str(), "sha256:1"]));
        let Ok(source) = Source::parse(&name) else { continue };
        assert!(!source.name().contains(SECRET), "{name:?} is locked as {source:?}");
        assert_eq!(Source::parse(source.name()).as_ref(), Ok(&source), "{name:?}");
        let pin = match source {
            Source::Git(_) => Pin::Commit(commit["sha1:".len()..].to_owned()),
            Source::Http(_) | Source::Image(_) => Pin::Digest(Digest::of(bytes)),
        };
        written.set(source, pin).expect("the name is short");
    }
    assert_eq!(Lock::parse(written.to_string().as_bytes()), Ok(written));
    lock_text(text.as_bytes());
}

/// Any text is a lock or refused in one of its lines, and what is read is written as the same.
pub fn lock_text(bytes: &[u8]) {
    match Lock::parse(bytes) {
        Ok(lock) => assert_eq!(Lock::parse(lock.to_string().as_bytes()), Ok(lock)),
        Err(bad) => assert!((1..=bytes.split(|&b| b == b'\n').count()).contains(&bad.line), "{bad:?}"),
    }
}

/// Any text is such a name or refused, and what is taken is safe where it is used.
pub fn name_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(reference) = Reference::parse(&text) {
        assert_eq!(Reference::parse(&reference.to_string()).as_ref(), Ok(&reference), "{text:?}");
        assert_eq!(Reference::parse(&reference.familiar()).as_ref(), Ok(&reference), "{text:?}");
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    if let Ok(path) = WirePath::new(bytes) {
        let up = path.as_bytes().split(|&b| b == b'/').any(|part| part == b"..");
        assert!(!up && !path.as_bytes().starts_with(b"/"), "{text:?}");
    }
    if let Some(name) = file_name(&text) {
        assert!(!matches!(&name[..], "" | "." | ".."), "{text:?} gives {name:?}");
        assert!(!name.contains('/') && !name.contains(char::is_control), "{text:?} gives {name:?}");
    }
    let once = redact(&text);
    assert_eq!(redact(&once), once, "{text:?}");
    if Kind::of(&text) == Kind::Repository
        && let Ok(found) = Repository::parse(&text)
    {
        is_safe_for_git(&found, &text);
    }
}

/// What git is given can't be one of its options, a second argument, or a path that leaves the tree.
fn is_safe_for_git(found: &Repository, text: &str) {
    let bad = |c: char| c.is_control() || c.is_whitespace();
    assert!(!found.remote.starts_with('-') && !found.remote.contains(bad), "{text:?}: {found:?}");
    for word in [&found.reference, &found.checksum].into_iter().flatten() {
        assert!(!word.is_empty() && !word.starts_with('-') && !word.contains(bad), "{text:?}: {found:?}");
    }
    if let Some(dir) = &found.subdir {
        let up = dir.split('/').any(|part| part == "..");
        assert!(!up && !dir.starts_with(['/', '-']) && !dir.contains('\0'), "{text:?}: {found:?}");
    }
}

/// passwd and group of any text: nobody is found that no line has.
pub fn users(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    let fields = [
        "a",
        "root",
        "x",
        ":",
        ":",
        ":",
        "0",
        "7",
        "\n",
        "\n",
        ",",
        "4294967295",
        "99999999999",
        "é",
        " ",
        "\r",
        "+",
    ];
    let (passwd, group) = (choices.text(60, &fields), choices.text(60, &fields));
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("etc")).expect("a directory");
    for (name, text) in [("passwd", &passwd), ("group", &group)] {
        std::fs::write(dir.path().join("etc").join(name), text).expect("a file");
    }
    let root = Root::open(dir.path(), Owners::Real).expect("the directory opens");
    for _ in 0..4 {
        let spec = choices.text(4, &["a", "root", "7", "0", ":", "é", "+", "", "-1", "4294967295"]);
        let (user, group) = spec.split_once(':').unwrap_or((&spec, ""));
        let Ok(found) = libsandbox::ids::lookup(&root, &spec) else { continue };
        let number = user.parse::<u32>().ok().or(user.is_empty().then_some(0));
        let line = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| {
            fields.len() > 5
                && fields[2].parse() == Ok(found.uid)
                && (fields[0] == user || number == Some(found.uid))
        });
        assert!(number == Some(found.uid) || line.is_some(), "{spec:?} is {found:?} in {passwd:?}");
        assert!(found.uid != u32::MAX && found.gid != u32::MAX, "{spec:?} is {found:?}");
        assert!(found.groups.contains(&found.gid), "{spec:?} is {found:?}");
        assert!(group.is_empty() || found.groups == [found.gid], "{spec:?} is {found:?}");
    }
}

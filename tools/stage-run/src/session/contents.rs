//! The contents that steps of this run read, so that a miss can name the path that changed. Their listings
//! are kept in the store for the builds to come, unless nothing may be written.

use crate::session::Session;
use crate::tree::Tree;
use libcopy::{Difference, Listing, Selection};
use libwire::WirePath;
use std::collections::BTreeMap;

/// By digest, what was read.
pub type Contents = BTreeMap<String, Seen>;

/// A content and where it was.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The tree in words.
    tree: String,
    /// Whether it is a directory of the caller's.
    local: bool,
    roots: Vec<Vec<u8>>,
    /// When it may not be kept in the store.
    listing: Option<Vec<u8>>,
}

/// Notes what was selected in `tree`.
pub fn note(session: &Session, tree: &Tree, selection: &Selection) {
    let listing = match session.options.dry_run {
        true => Some(selection.listing()),
        false => {
            session.store.keep_listing(selection.digest(), || selection.listing());
            None
        }
    };
    let seen = Seen { tree: tree.name.clone(), local: tree.local, roots: selection.roots(), listing };
    session.contents.borrow_mut().insert(selection.digest().to_owned(), seen);
}

/// The first path in which the content `now` differs from `was`, and the difference in words.
pub fn difference(session: &Session, was: &str, now: &str) -> Option<(Option<WirePath>, String)> {
    let contents = session.contents.borrow();
    let seen = contents.get(now)?;
    let kept = |digest: &str| session.store.listing(digest);
    let new = Listing::parse(&seen.listing.clone().or_else(|| kept(now))?)?;
    let Some(old) = kept(was).as_deref().and_then(Listing::parse) else {
        return Some((None, format!("what it takes from {} changed", seen.tree)));
    };
    let (source, path, how, count) = new.first_difference(&old)?;
    let root = seen.roots.get(source).map(Vec::as_slice).unwrap_or_default();
    let whole = match (root, path) {
        (root, b"") => root.to_vec(),
        (b"", path) => path.to_vec(),
        (root, path) => [root, b"/", path].concat(),
    };
    let mut text = words(seen, &whole, &how);
    if count > 1 {
        text += &format!(" (and {} more)", count - 1);
    }
    Some((WirePath::new(whole).ok(), text))
}

fn words(seen: &Seen, path: &[u8], how: &Difference) -> String {
    let shown = String::from_utf8_lossy(path);
    if let Some(document) = shown.strip_prefix("<<") {
        return format!("here-document {document} changed");
    }
    let slash = if seen.local { "" } else { "/" };
    let place = match path.is_empty() {
        true => seen.tree.clone(),
        false => format!("{slash}{shown} of {}", seen.tree),
    };
    match how {
        Difference::New => format!("{place} is new"),
        Difference::Gone => format!("{place} is gone"),
        Difference::Kind => format!("{place} is of another kind"),
        Difference::Mode(was, now) => format!("mode of {place}: {was:04o} → {now:04o}"),
        Difference::Owner(was, now) => {
            format!("owner of {place}: {}:{} → {}:{}", was.0, was.1, now.0, now.1)
        }
        Difference::Content => format!("file {place} changed"),
    }
}

//! The contents that steps of this run read, so that a miss can name the path that changed. Their listings
//! are kept in the store for the builds to come, unless nothing may be written there.

use libcopy::{Difference, Listing, Selection};
use libstore::Store;
use libwire::WirePath;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The contents, by digest.
pub struct Contents {
    store: Store,
    dry_run: bool,
    contents: RefCell<BTreeMap<String, Content>>,
}

/// Where a content was.
struct Content {
    /// The tree in words.
    tree: String,
    /// Whether the tree is a directory of the caller's.
    local: bool,
    roots: Vec<Vec<u8>>,
    /// The listing, if it may not be kept in the store.
    listing: Option<Vec<u8>>,
}

/// A change of a content.
pub struct Change {
    /// The first path that changed, if it is known.
    pub path: Option<WirePath>,
    /// The change in words.
    pub text: String,
}

impl Contents {
    /// Keeps listings in `store`, unless this is a dry run.
    pub fn new(store: Store, dry_run: bool) -> Self {
        Self { store, dry_run, contents: RefCell::default() }
    }

    /// Notes what was selected in the tree that is called `tree`. `local`: it is a directory of the caller's.
    pub fn note(&self, tree: &str, local: bool, selection: &Selection) {
        let listing = match self.dry_run {
            true => Some(selection.listing()),
            false => {
                self.store.keep_listing(selection.digest(), || selection.listing());
                None
            }
        };
        let content = Content { tree: tree.to_owned(), local, roots: selection.roots(), listing };
        self.contents.borrow_mut().insert(selection.digest().to_owned(), content);
    }

    /// The change from the content `was` to `now`, which was noted.
    pub fn change(&self, was: &str, now: &str) -> Option<Change> {
        let contents = self.contents.borrow();
        let content = contents.get(now)?;
        let new = Listing::parse(&content.listing.clone().or_else(|| self.store.listing(now))?)?;
        let Some(old) = self.store.listing(was).as_deref().and_then(Listing::parse) else {
            return Some(Change { path: None, text: format!("what it takes from {} changed", content.tree) });
        };
        let (source, path, how, count) = new.first_difference(&old)?;
        let root = content.roots.get(source).map(Vec::as_slice).unwrap_or_default();
        let whole = match (root, path) {
            (root, b"") => root.to_vec(),
            (b"", path) => path.to_vec(),
            (root, path) => [root, b"/", path].concat(),
        };
        let mut text = words(content, &whole, &how);
        if count > 1 {
            text += &format!(" (and {} more)", count - 1);
        }
        Some(Change { path: WirePath::new(whole).ok(), text })
    }
}

/// The difference at `path` in words.
fn words(content: &Content, path: &[u8], how: &Difference) -> String {
    let shown = String::from_utf8_lossy(path);
    if let Some(document) = shown.strip_prefix("<<") {
        return format!("here-document {document} changed");
    }
    let slash = if content.local { "" } else { "/" };
    let place = match path.is_empty() {
        true => content.tree.clone(),
        false => format!("{slash}{shown} of {}", content.tree),
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

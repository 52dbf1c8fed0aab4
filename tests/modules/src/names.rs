//! Follows a path to the module that defines what it names, through every re-export on the way.

use crate::source::Module;
use crate::uses::{self, Use};
use std::collections::BTreeMap;
use syn::Item;

/// The modules of a crate and the names in them.
pub struct Names {
    index: BTreeMap<Vec<String>, usize>,
    scopes: Vec<Scope>,
}

/// The names that one module has.
struct Scope {
    uses: Vec<Use>,
    /// The names of the items that it defines itself.
    own: Vec<String>,
}

/// The end of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The module that defines what is named.
    pub module: usize,
    /// Whether the path leads through a re-export of the crate's root.
    pub through_root: bool,
}

/// How many re-exports may lead to one another.
const MAX_STEPS: usize = 16;

impl Names {
    /// Notes what the modules define and use.
    pub fn new(modules: &[Module]) -> Self {
        let index = modules.iter().enumerate().map(|(at, module)| (module.path.clone(), at)).collect();
        let scope = |module: &Module| Scope {
            uses: uses::of(&module.items),
            own: module.items.iter().filter_map(defined).collect(),
        };
        Self { index, scopes: modules.iter().map(scope).collect() }
    }

    /// The paths that a module names.
    pub fn uses(&self, module: usize) -> &[Use] {
        &self.scopes[module].uses
    }

    /// Where a path leads that is written in the module `path`, if it stays in the crate.
    pub fn find(&self, path: &[String], named: &Use) -> Option<Found> {
        let start = [path, &named.inside].concat();
        let path = self.absolute(start, &named.words).or_else(|| self.imported(path, named))?;
        self.follow(&path, MAX_STEPS)
    }

    /// The same for a path that begins with a name which the module imports.
    fn imported(&self, path: &[String], named: &Use) -> Option<Vec<String>> {
        let (first, rest) = named.words.split_first().filter(|_| named.alias.is_none())?;
        Some([self.handed_on(*self.index.get(path)?, path, first)?, rest.to_vec()].concat())
    }

    /// The path from the crate's root on, if it leads into the crate.
    fn absolute(&self, mut start: Vec<String>, words: &[String]) -> Option<Vec<String>> {
        let mut words = words;
        match words.first()?.as_str() {
            "crate" => (start, words) = (Vec::new(), &words[1..]),
            "self" => words = &words[1..],
            "super" => {
                while words.first().is_some_and(|word| word == "super") {
                    start.pop()?;
                    words = &words[1..];
                }
            }
            child => {
                self.index.get(&[&start[..], &[child.to_owned()]].concat())?;
            }
        }
        start.extend_from_slice(words);
        Some(start)
    }

    fn follow(&self, path: &[String], steps: usize) -> Option<Found> {
        let depth = (0..=path.len()).rev().find(|&depth| self.index.contains_key(&path[..depth]))?;
        let (above, rest) = path.split_at(depth);
        let found = Found { module: *self.index.get(above)?, through_root: false };
        let Some((name, rest)) = rest.split_first().filter(|_| steps > 0) else { return Some(found) };
        match self.handed_on(found.module, above, name) {
            Some(on) => {
                let end = self.follow(&[&on[..], rest].concat(), steps - 1)?;
                Some(Found { through_root: end.through_root || above.is_empty(), ..end })
            }
            None => Some(found),
        }
    }

    /// Where the module `at`, whose path is `path`, has a name from that it does not define.
    fn handed_on(&self, at: usize, path: &[String], name: &String) -> Option<Vec<String>> {
        let scope = &self.scopes[at];
        if scope.own.contains(name) {
            return None;
        }
        scope.uses.iter().filter(|import| import.inside.is_empty()).find_map(|import| {
            let alias = &import.alias.as_ref()?.name;
            let mut to = self.absolute(path.to_vec(), &import.words)?;
            if alias == "*" {
                to.pop();
                let module = self.index.get(&to)?;
                to.push(name.clone());
                return self.scopes[*module].own.contains(name).then_some(to);
            }
            (alias == name).then_some(to)
        })
    }
}

/// The name that an item defines.
fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

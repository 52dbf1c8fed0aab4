//! The paths that a file names: in `use`s, in code and in what macros are given.

use crate::source::{attributes, is_test};
use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};
use syn::{ImplItemFn, Item, ItemMod, ItemUse, Macro, UseTree, VisRestricted, Visibility};

/// A path as it is written.
#[derive(Debug, PartialEq)]
pub struct Use {
    /// The modules within the file that it is written in.
    pub inside: Vec<String>,
    /// Its words. The last one is `*` where everything is meant.
    pub words: Vec<String>,
    /// The name by which it is known from there on, if it is imported.
    pub alias: Option<Alias>,
}

/// The name that an import gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// `*` where everything is imported.
    pub name: String,
    /// Whether it is there for others: `pub use`.
    pub public: bool,
}

/// The paths that items name.
pub fn of(items: &[Item]) -> Vec<Use> {
    let mut visitor = Visitor::default();
    items.iter().for_each(|item| visitor.visit_item(item));
    visitor.uses
}

#[derive(Default)]
struct Visitor {
    inside: Vec<String>,
    uses: Vec<Use>,
}

impl Visitor {
    fn add(&mut self, words: Vec<String>, alias: Option<Alias>) {
        self.uses.push(Use { inside: self.inside.clone(), words, alias });
    }

    /// Adds what a `use` imports below the words `before`.
    fn import(&mut self, before: &[String], tree: &UseTree, public: bool) {
        let with = |word: &dyn ToString| [before, &[word.to_string()]].concat();
        let alias = |name: &dyn ToString| Some(Alias { name: name.to_string(), public });
        match tree {
            UseTree::Path(path) => self.import(&with(&path.ident), &path.tree, public),
            UseTree::Name(name) if name.ident == "self" => {
                self.add(before.to_vec(), alias(before.last().unwrap_or(&String::new())));
            }
            UseTree::Name(name) => self.add(with(&name.ident), alias(&name.ident)),
            UseTree::Rename(name) => self.add(with(&name.ident), alias(&name.rename)),
            UseTree::Glob(_) => self.add(with(&"*"), alias(&"*")),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(before, tree, public)),
        }
    }

    /// Adds the paths among the tokens of a macro, which need not be an expression.
    fn scan(&mut self, mut cursor: Cursor) {
        while !cursor.eof() {
            if let Some((word, mut rest)) = cursor.ident() {
                let mut words = vec![word.to_string()];
                while let Some((word, after)) = colons(rest).and_then(Cursor::ident) {
                    words.push(word.to_string());
                    rest = after;
                }
                self.add(words, None);
                cursor = rest;
            } else if let Some((inside, .., rest)) = cursor.any_group() {
                self.scan(inside);
                cursor = rest;
            } else if let Some((_, rest)) = cursor.token_tree() {
                cursor = rest;
            }
        }
    }
}

/// The tokens after the `::` at the cursor.
fn colons(cursor: Cursor) -> Option<Cursor> {
    let (first, rest) = cursor.punct()?;
    let (second, rest) = rest.punct()?;
    (first.as_char() == ':' && second.as_char() == ':').then_some(rest)
}

impl Visit<'_> for Visitor {
    fn visit_item(&mut self, item: &Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &ItemMod) {
        self.inside.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.inside.pop();
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        self.import(&[], &item.tree, !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_vis_restricted(&mut self, _: &VisRestricted) {
        // `pub(in path)` names who may use an item, and uses nothing.
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), None);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &Macro) {
        visit::visit_macro(self, call);
        self.scan(TokenBuffer::new2(call.tokens.clone()).begin());
    }
}

//! The graph of a crate's modules: circles, detours by the root, and the text that shows it.

use crate::circles::{Arrows, circles, floors};
use crate::names::Names;
use crate::source::{self, Files, Module};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// A crate's modules and the arrows between them.
///
/// A module and those below it are one room with inner walls: between them there is no arrow. Only the crate's root,
/// which is above all, is a room like the others. A re-export of what is below is no arrow.
pub struct Drawing {
    modules: Vec<Module>,
    arrows: Arrows,
    detours: BTreeMap<usize, BTreeSet<String>>,
}

impl Drawing {
    /// Draws the crate whose root is the file `root`.
    pub fn of_file(root: &Path) -> Result<Self, String> {
        Self::new(root, &|path: &Path| std::fs::read_to_string(path).ok())
    }

    /// Draws the crate whose root is `root` among `files`.
    pub fn new(root: &Path, files: &impl Files) -> Result<Self, String> {
        let modules = source::read(root, files)?;
        let names = Names::new(&modules);
        let mut arrows = vec![BTreeMap::new(); modules.len()];
        let mut detours: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (from, module) in modules.iter().enumerate() {
            for named in names.uses(from) {
                let Some(found) = names.find(&module.path, named) else { continue };
                let words = || named.words.join("::");
                // A name that is imported so is found as often as it is used.
                let is_path =
                    named.words.first().is_some_and(|word| matches!(word.as_str(), "crate" | "super"));
                if found.through_root && is_path && from != 0 {
                    detours.entry(from).or_default().insert(words());
                }
                let to = &modules[found.module].path;
                let is_import = named.alias.as_ref().is_some_and(|alias| alias.public);
                let is_one_room = from != 0 && found.module != 0 && are_kin(to, &module.path);
                if found.module != from && !(is_import && to.starts_with(&module.path)) && !is_one_room {
                    arrows[from].entry(found.module).or_insert_with(words);
                }
            }
        }
        Ok(Self { modules, arrows, detours })
    }

    /// The modules of each circle.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let names = |circle: Vec<usize>| circle.into_iter().map(|at| self.name(at)).collect();
        circles(&self.arrows).into_iter().map(names).collect()
    }

    /// The arrows within a circle, a line each, with a path that draws it.
    pub fn arrows_of(&self, circle: &[String]) -> String {
        let mut text = String::new();
        for (from, arrows) in
            self.arrows.iter().enumerate().filter(|(at, _)| circle.contains(&self.name(*at)))
        {
            for (to, path) in arrows.iter().filter(|(to, _)| circle.contains(&self.name(**to))) {
                let _ = writeln!(text, "  {} -> {}: {path}", self.name(from), self.name(*to));
            }
        }
        text
    }

    /// Each module that takes another module's items from the crate's root, and the paths by which it takes
    /// them.
    pub fn detours(&self) -> Vec<String> {
        let line = |(at, paths): (&usize, &BTreeSet<String>)| {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            format!("{}: {}", self.name(*at), paths.join(", "))
        };
        self.detours.iter().map(line).collect()
    }

    /// How many lines it has.
    pub fn lines(&self) -> usize {
        self.modules.iter().map(|module| module.lines).sum()
    }

    /// The modules floor by floor, the topmost first: its lines, and the modules that it stands on.
    pub fn text(&self) -> String {
        let floors = floors(&self.arrows);
        let mut order: Vec<usize> = (0..self.modules.len()).collect();
        order.sort_by_key(|&at| (std::cmp::Reverse(floors[at]), self.name(at)));
        let mut text = String::new();
        for at in order {
            let below: Vec<String> = self.arrows[at].keys().map(|&to| self.name(to)).collect();
            let (floor, lines, name) = (floors[at], self.modules[at].lines, self.name(at));
            let line = format!("{floor:>2} {lines:>5} {name:<28} {}", below.join(" "));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }

    fn name(&self, at: usize) -> String {
        match &self.modules[at].path[..] {
            [] => "crate".to_owned(),
            path => path.join("::"),
        }
    }
}

/// Whether one of two modules is the other or below it.
fn are_kin(one: &[String], other: &[String]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

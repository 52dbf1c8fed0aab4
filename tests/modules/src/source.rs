//! Finds the files of a crate by their `mod` lines, and parses them. Unit tests are left out.

use std::path::{Path, PathBuf};
use syn::{Attribute, Item};

/// A file of a crate.
pub struct Module {
    /// Where it is in the crate; the root's is empty.
    pub path: Vec<String>,
    /// The items of it, without its unit tests.
    pub items: Vec<Item>,
    /// Its length, with its unit tests.
    pub lines: usize,
}

/// Gives a file's text, if there is such a file.
pub trait Files: Fn(&Path) -> Option<String> {}
impl<F: Fn(&Path) -> Option<String>> Files for F {}

/// Reads the modules of the crate whose root is the file `root`.
pub fn read(root: &Path, files: &impl Files) -> Result<Vec<Module>, String> {
    let mut modules = Vec::new();
    let directory = root.parent().unwrap_or(Path::new(""));
    add(Vec::new(), root, directory, files, &mut modules)?;
    Ok(modules)
}

/// Adds the module that is in `file`, and those it declares, which are in `directory`.
fn add(
    path: Vec<String>,
    file: &Path,
    directory: &Path,
    files: &impl Files,
    modules: &mut Vec<Module>,
) -> Result<(), String> {
    let failed = |what: &str| format!("{}: {what}", file.display());
    let text = files(file).ok_or_else(|| failed("cannot be read"))?;
    let parsed = syn::parse_file(&text).map_err(|error| failed(&error.to_string()))?;
    let items: Vec<Item> = parsed.items.into_iter().filter(|item| !is_test(attributes(item))).collect();
    let children: Vec<String> = items.iter().filter_map(declared).collect();
    modules.push(Module { path: path.clone(), items, lines: text.lines().count() });
    for name in children {
        let below = directory.join(&name);
        let places: [PathBuf; 2] = [directory.join(format!("{name}.rs")), below.join("mod.rs")];
        let place = places.iter().find(|place| files(place).is_some());
        let place = place.ok_or_else(|| failed(&format!("mod {name}: there is no such file")))?;
        add([path.clone(), vec![name]].concat(), place, &below, files, modules)?;
    }
    Ok(())
}

/// The module in a file of its own that an item declares.
fn declared(item: &Item) -> Option<String> {
    match item {
        Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
        _ => None,
    }
}

/// Whether something is there for unit tests alone.
pub fn is_test(attributes: &[Attribute]) -> bool {
    let is_test = |path: syn::Path| path.is_ident("test");
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(is_test)
    })
}

/// The attributes of an item.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

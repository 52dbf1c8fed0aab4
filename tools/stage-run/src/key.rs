//! A step's cache key: named ingredients, kept so that a miss can be explained.
//!
//! An ingredient may have several values, as a command has words. Each value after the first has a number in its
//! name, as `command 2`, so that no name comes twice; the key is made of the names without these numbers.

use libwire::Digest;
use libwire::record::Ingredient;
use std::collections::BTreeMap;

/// Changes when the same ingredients would no longer give the same result.
const VERSION: &str = "3";

/// The ingredients of one step's key, in order.
#[derive(Clone, Debug)]
pub struct Key {
    operation: String,
    /// The tree below the step, if it stands on one.
    parent: Option<String>,
    platform: Option<String>,
    /// Each with a name of its own.
    ingredients: Vec<Ingredient>,
    names: Names,
    /// How long each name is without its number.
    plain: Vec<usize>,
}

impl Key {
    /// Begins a key for an `operation` under an id map.
    pub fn new(operation: &str, isolation: libsandbox::Isolation) -> Self {
        let mut key = Self {
            operation: operation.to_owned(),
            parent: None,
            platform: None,
            ingredients: Vec::new(),
            names: Names::default(),
            plain: Vec::new(),
        };
        key.add("version", VERSION);
        key.add("operation", operation);
        key.add("isolation", isolation.name());
        key
    }

    /// Adds the exact tree below the step.
    pub fn add_parents(&mut self, parents: &[String]) {
        let value = match parents {
            [] => "none".to_owned(),
            parents => Digest::of(parents.join("\n").as_bytes()).to_string(),
        };
        self.parent = Some(value.clone());
        self.add("parent", value);
    }

    /// Adds the platform that the step is for.
    pub fn add_platform(&mut self, platform: String) {
        self.platform = Some(platform.clone());
        self.add("platform", platform);
    }

    /// Adds SOURCE_DATE_EPOCH, if it is set. It decides the times of what a step makes itself.
    pub fn add_epoch(&mut self, epoch: Option<i64>) {
        if let Some(epoch) = epoch {
            self.add("epoch", epoch.to_string());
        }
    }

    /// Adds an ingredient.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.plain.push(name.len());
        self.ingredients.push(Ingredient { name: self.names.next(&name), value: value.into() });
    }

    /// The operation.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The tree below the step, as it is in the key.
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// The platform, if it is in the key.
    pub fn platform(&self) -> Option<&str> {
        self.platform.as_deref()
    }

    /// The key. Each name and value has its length before it, so that no two lists give one text.
    pub fn digest(&self) -> Digest {
        let mut text = Vec::new();
        for (Ingredient { name, value }, &plain) in self.ingredients.iter().zip(&self.plain) {
            for part in [&name[..plain], value] {
                text.extend_from_slice(part.len().to_string().as_bytes());
                text.push(b':');
                text.extend_from_slice(part.as_bytes());
            }
        }
        Digest::of(&text)
    }

    /// The ingredients.
    pub fn ingredients(&self) -> &[Ingredient] {
        &self.ingredients
    }
}

/// The digest of the content that an ingredient names, if it names one. A mount's also has other words.
pub fn content(ingredient: &Ingredient) -> Option<&str> {
    ingredient.value.split(' ').find(|word| word.starts_with("blake3:"))
}

/// How often a name came.
#[derive(Clone, Debug, Default)]
struct Names(BTreeMap<String, usize>);

impl Names {
    /// The name, with a number when it came before.
    fn next(&mut self, name: &str) -> String {
        let count = self.0.entry(name.to_owned()).or_default();
        *count += 1;
        if *count == 1 { name.to_owned() } else { format!("{name} {count}") }
    }
}

/// The ingredients of a record, with a number in each name that repeats: an older stage-run wrote none.
pub fn numbered(mut ingredients: Vec<Ingredient>) -> Vec<Ingredient> {
    let mut names = Names::default();
    for one in &mut ingredients {
        one.name = names.next(&one.name);
    }
    ingredients
}

#[cfg(test)]
mod tests {
    use super::*;
    use libsandbox::Isolation;

    #[test]
    fn a_key_changes_with_every_ingredient_and_its_order() {
        let key = |parts: &[(&str, &str)]| {
            let mut key = Key::new("run", Isolation::Root);
            parts.iter().for_each(|(name, value)| key.add(*name, *value));
            key.digest()
        };
        let lists = [
            &[("a", "1"), ("b", "2")][..],
            &[("b", "2"), ("a", "1")],
            &[("a", "1")],
            &[("a", "12")],
            &[("a1", "2")],
            &[("a", "1b"), ("", "2")],
        ];
        for (at, list) in lists.iter().enumerate() {
            assert_eq!(key(list), key(list));
            assert!(lists[..at].iter().all(|other| key(other) != key(list)), "{list:?}");
        }
    }

    #[test]
    fn no_name_comes_twice_and_the_key_is_what_it_was() {
        let mut key = Key::new("run", Isolation::Root);
        ["sh", "-c", "make"].iter().for_each(|word| key.add("command", *word));
        let names: Vec<_> = key.ingredients().iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names[3..], ["command", "command 2", "command 3"]);
        let old = "7:version1:39:operation3:run9:isolation4:root7:command2:sh7:command2:-c7:command4:make";
        assert_eq!(key.digest(), Digest::of(old.as_bytes()));
        let repeated =
            |name: &&str| Ingredient { name: name.split(' ').next().unwrap().into(), value: String::new() };
        let apart = numbered(names.iter().map(repeated).collect());
        assert_eq!(apart.iter().map(|one| &one.name).collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
        assert_eq!(numbered(key.ingredients().to_vec()), key.ingredients());
    }

    #[test]
    fn the_whole_chain_below_counts() {
        let key = |parents: &[&str]| {
            let mut key = Key::new("run", Isolation::Root);
            key.add_parents(&parents.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
            key.digest()
        };
        assert_ne!(key(&["a", "c"]), key(&["b", "c"]));
        assert_ne!(key(&["c"]), key(&[]));
    }
}

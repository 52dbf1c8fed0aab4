//! A step's cache key: named ingredients, kept so that a miss can be explained.

use libwire::Digest;
use libwire::record::Ingredient;

/// Changes when the same ingredients would no longer give the same result.
const VERSION: &str = "3";

/// The ingredients of one step's key, in order.
#[derive(Clone, Debug)]
pub struct Key(Vec<Ingredient>);

impl Key {
    /// Begins a key for an `operation` under an id map.
    pub fn new(operation: &str, isolation: libsandbox::Isolation) -> Self {
        let mut key = Self(Vec::new());
        key.add("version", VERSION);
        key.add("operation", operation);
        key.add("isolation", isolation.name());
        key
    }

    /// The exact tree below the step.
    pub fn parents(&mut self, parents: &[String]) {
        let value = match parents {
            [] => "none".to_owned(),
            parents => Digest::of(parents.join("\n").as_bytes()).to_string(),
        };
        self.add("parent", value);
    }

    /// Adds an ingredient.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push(Ingredient { name: name.into(), value: value.into() });
    }

    /// The value of the first ingredient of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|one| one.name == name).map(|one| one.value.as_str())
    }

    /// The key. Names and values are told apart by their lengths, so that no two lists give one text.
    pub fn digest(&self) -> Digest {
        let mut text = Vec::new();
        for Ingredient { name, value } in &self.0 {
            for part in [name, value] {
                text.extend_from_slice(part.len().to_string().as_bytes());
                text.push(b':');
                text.extend_from_slice(part.as_bytes());
            }
        }
        Digest::of(&text)
    }

    /// The ingredients.
    pub fn ingredients(&self) -> &[Ingredient] {
        &self.0
    }
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
    fn the_whole_chain_below_counts() {
        let key = |parents: &[&str]| {
            let mut key = Key::new("run", Isolation::Root);
            key.parents(&parents.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
            key.digest()
        };
        assert_ne!(key(&["a", "c"]), key(&["b", "c"]));
        assert_ne!(key(&["c"]), key(&[]));
    }
}

//! The variables that an instruction sees: the image's environment and the stage's build arguments, in one
//! ordered list. It expands nothing.

use serde::{Deserialize, Serialize};

/// Variables in the order of their latest setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(Vec<(String, String)>);

impl Scope {
    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Sets `name`, which moves it to the end.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(key, _)| key != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Sets every `NAME=value` of an image's environment.
    pub fn set_all(&mut self, env: &[String]) {
        for entry in env {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            self.set(name, value);
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// Sets `name` in an image's environment: in its place if it is there, else at the end.
pub fn set_env(env: &mut Vec<String>, name: &str, value: &str) {
    let entry = format!("{name}={value}");
    let same = |old: &&mut String| old.split_once('=').map_or(old.as_str(), |(key, _)| key) == name;
    match env.iter_mut().find(same) {
        Some(old) => *old = entry,
        None => env.push(entry),
    }
}

/// Whether an image's environment has `name`.
pub fn has_env(env: &[String], name: &str) -> bool {
    env.iter().any(|entry| entry.split_once('=').map_or(entry.as_str(), |(key, _)| key) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_set_again_moves_to_the_end_of_the_scope_but_not_of_the_image() {
        let mut scope = Scope::default();
        scope.set_all(&["A=1".into(), "B=2".into(), "A=3".into()]);
        assert_eq!(scope.iter().collect::<Vec<_>>(), [("B", "2"), ("A", "3")]);
        let mut env = vec!["A=1".to_owned(), "B=2".into()];
        set_env(&mut env, "A", "x=y");
        set_env(&mut env, "C", "");
        assert_eq!(env, ["A=x=y", "B=2", "C="]);
        assert!(has_env(&env, "C") && !has_env(&env, "x"));
    }
}

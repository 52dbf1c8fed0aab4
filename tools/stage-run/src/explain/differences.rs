//! The first difference between two lists of ingredients, and the words for it.

use libwire::record::Ingredient;

/// The longest value shown whole, in characters.
const SHOWN: usize = 60;

/// An ingredient that is not the same in two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    /// The ingredient of the old list, if it is there.
    pub was: Option<&'a Ingredient>,
    /// The ingredient of the new list, if it is there.
    pub now: Option<&'a Ingredient>,
}

impl<'a> Difference<'a> {
    /// The first difference of the list `now` from `was`. No name comes twice in a list.
    pub fn first(was: &'a [Ingredient], now: &'a [Ingredient]) -> Option<Self> {
        let same = was.iter().zip(now).take_while(|(was, now)| was == now).count();
        let named = |list: &'a [Ingredient], name: &str| list.iter().find(|one| one.name == name);
        match (was.get(same), now.get(same)) {
            (None, None) => None,
            (Some(old), None) => Some(Self { was: Some(old), now: None }),
            (Some(old), Some(new)) if named(was, &new.name).is_some() && named(now, &old.name).is_none() => {
                Some(Self { was: Some(old), now: None })
            }
            (_, Some(new)) => Some(Self { was: named(was, &new.name), now: Some(new) }),
        }
    }

    /// The ingredient's name.
    pub fn name(&self) -> &'a str {
        self.now.or(self.was).map_or("", |one| &one.name)
    }
}

/// A difference in words. `args` are the names of build arguments.
pub fn words(difference: &Difference, args: &[String]) -> String {
    let (was, now) =
        (difference.was.map(|one| one.value.as_str()), difference.now.map(|one| one.value.as_str()));
    let name = unnumbered(difference.name());
    let (what, shown) = described(name, now, args);
    match (was, now, shown) {
        (Some(was), Some(now), _) if was == now => format!("{what}: its place among the others changed"),
        (Some(was), Some(now), true) => format!("{what}: {}", pair(was, now)),
        (Some(_), Some(_), false) => format!("{what} changed"),
        (None, Some(now), true) if !now.is_empty() => format!("{what} is new: {}", cut(now, 0)),
        (None, _, _) => format!("{what} is new"),
        (Some(was), None, true) if !was.is_empty() => format!("{what} is gone; it was {}", cut(was, 0)),
        (Some(_), None, _) => format!("{what} is gone"),
    }
}

/// An ingredient in words, and whether its values may be shown. `now` is the new value.
fn described(name: &str, now: Option<&str>, args: &[String]) -> (String, bool) {
    match name.split_once(' ') {
        Some(("env", name)) if args.iter().any(|arg| arg == name) => {
            (format!("build argument {name}"), !secret(name))
        }
        Some(("env", name)) => (format!("variable {name}"), !secret(name)),
        Some(("mount", mount)) => (format!("--mount of {}", mount_words(mount)), false),
        Some(("ulimit", name)) => (format!("--ulimit {name}"), true),
        _ if name == "content" => ("what it copies".into(), now.is_some_and(|now| now.starts_with("git:"))),
        _ => named(name),
    }
}

/// The name of a value that is one of several, without its number.
fn unnumbered(name: &str) -> &str {
    match name.rsplit_once(' ') {
        Some((plain, number))
            if number.parse::<usize>().is_ok() && (plain.ends_with(' ') || !plain.contains(' ')) =>
        {
            plain
        }
        _ => name,
    }
}

/// An ingredient as the author of a Dockerfile knows it, and whether its value tells them something.
fn named(name: &str) -> (String, bool) {
    let (what, shown) = match name {
        "version" => ("what stage-run makes of the same step", false),
        "isolation" => ("--isolation", true),
        "directory" => ("working directory", true),
        "shm" => ("--shm-size", true),
        "host" => ("--add-host", true),
        "script" => ("the here-document", true),
        "source" => ("source", true),
        "fetched" => ("name of the download", true),
        "time" => ("time of the download", true),
        "target" | "path" => ("destination", true),
        "epoch" => ("SOURCE_DATE_EPOCH", true),
        "machine" => ("the machine it runs on", true),
        "platform" | "network" | "link" | "chown" | "chmod" | "parents" | "exclude" | "unpack" => {
            return (format!("--{name}"), true);
        }
        other => (other, true),
    };
    (what.to_owned(), shown)
}

/// `KIND TARGET`.
fn mount_words(mount: &str) -> String {
    match mount.split_once(' ') {
        Some((kind, "")) => format!("type {kind}"),
        Some((kind, target)) => format!("type {kind} at {target}"),
        None => mount.to_owned(),
    }
}

/// Whether a variable's value is better not shown.
fn secret(name: &str) -> bool {
    libdockerfile::names_secret(name)
}

/// Two values, each from where they begin to differ if they are long.
fn pair(was: &str, now: &str) -> String {
    let same = was.chars().zip(now.chars()).take_while(|(was, now)| was == now).count();
    let long = was.chars().count().max(now.chars().count()) > SHOWN;
    let from = if long { same.saturating_sub(SHOWN / 4) } else { 0 };
    format!("{} → {}", cut(was, from), cut(now, from))
}

/// A value from character `from` on, quoted, with what is left out marked.
fn cut(text: &str, from: usize) -> String {
    let before = if from > 0 { "…" } else { "" };
    let after = if text.chars().count() > from + SHOWN { "…" } else { "" };
    let shown: String = text.chars().skip(from).take(SHOWN).collect();
    format!("\"{before}{shown}{after}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<Ingredient> {
        let one = |part: &str| {
            let (name, value) = part.split_once('=').unwrap();
            Ingredient { name: name.into(), value: value.into() }
        };
        text.split(';').filter(|part| !part.is_empty()).map(one).collect()
    }

    fn tell(was: &str, now: &str) -> String {
        words(&Difference::first(&list(was), &list(now)).unwrap(), &["V".to_owned(), "API_TOKEN".to_owned()])
    }

    #[test]
    fn the_first_difference_is_told_in_the_words_of_the_dockerfile() {
        let was = "command=make;env A=1;env V=1;directory=/;user=";
        let change = |from: &str, to: &str| tell(was, &was.replace(from, to));
        assert_eq!(change("make", "make -j"), "command: \"make\" → \"make -j\"");
        assert_eq!(change("V=1", "V=2"), "build argument V: \"1\" → \"2\"");
        assert_eq!(change("env A=1;", "env A=1;env B=x;"), "variable B is new: \"x\"");
        assert_eq!(change("env A=1;", ""), "variable A is gone; it was \"1\"");
        assert_eq!(
            change("env A=1;env V=1", "env V=1;env A=1"),
            "build argument V: its place among the others changed"
        );
        assert_eq!(change("user=", "user=;mount tmpfs /m=None"), "--mount of type tmpfs at /m is new");
        assert_eq!(tell("source=a;target=/x", "source=a;source 2=b;target=/x"), "source is new: \"b\"");
        assert_eq!(tell("command=sh;command 2=a", "command=sh;command 2=b"), "command: \"a\" → \"b\"");
        assert_eq!(
            tell("mount secret =a", "mount secret =a;mount secret  2=b"),
            "--mount of type secret is new"
        );
        assert_eq!(Difference::first(&list(was), &list(was)), None);
    }

    #[test]
    fn a_secret_looking_value_is_not_shown() {
        let text = tell("env API_TOKEN=one", "env API_TOKEN=two");
        assert_eq!(text, "build argument API_TOKEN changed");
    }

    #[test]
    fn long_values_are_shown_from_where_they_differ() {
        let same = "x".repeat(500);
        let text = tell(&format!("command={same}1"), &format!("command={same}2"));
        let tail = "x".repeat(15);
        assert_eq!(text, format!("command: \"…{tail}1\" → \"…{tail}2\""));
    }
}

//! The parts of a command that empty caches which are mounted now. They would fail there, or delete files that the
//! next build needs. Text in, text out; `None` if such a part cannot be removed.

use libshell::list;
use libshell::managers::{Emptying, MANAGERS};

/// `command` without parts that empty `dirs`, the caches of the tool that runs as one of `commands`. Empty if nothing
/// is left.
pub(super) fn without_emptying(command: &str, commands: &[&str], dirs: &[String]) -> Option<String> {
    if !empties(command, commands, dirs) {
        return Some(command.to_owned());
    }
    let parts = list::parts(command)?;
    let mut left = Vec::with_capacity(parts.len());
    for part in parts {
        if cleans(part, commands, dirs) {
            continue;
        }
        if list::program(part) == "rm" {
            left.extend(with_other_paths(part, dirs)?);
        } else {
            left.push(part.to_owned());
        }
    }
    let left = left.join(" && ");
    (!empties(&left, commands, dirs)).then_some(left)
}

/// Whether any part of a text, which may be more than a list of commands, empties them.
fn empties(text: &str, commands: &[&str], dirs: &[String]) -> bool {
    let removes = list::mentions(text, &["rm"]) && text.split_whitespace().any(|word| is_in(word, dirs));
    removes || text.split(['&', ';', '|', '(', ')', '{', '}']).any(|part| cleans(part, commands, dirs))
}

/// Whether a command is the tool's own command for emptying its cache.
fn cleans(part: &str, commands: &[&str], dirs: &[String]) -> bool {
    let program = list::program(part);
    let name = program.rsplit('/').next().unwrap_or(program);
    let words: Vec<&str> = part.split_whitespace().skip_while(|word| *word != program).skip(1).collect();
    let command = words.iter().find(|word| !word.starts_with('-'));
    let is = |emptying: &Emptying| {
        emptying.programs.contains(&name)
            && command == emptying.words.first()
            && emptying.words.iter().all(|word| words.contains(word))
            && dirs.iter().any(|dir| dir.ends_with(emptying.dir))
    };
    commands.contains(&name) && MANAGERS.iter().flat_map(|manager| manager.emptying).any(is)
}

/// A `rm` without the paths in these directories, or `None` if it had no others. The outer `None` means that it has
/// quotes, in which a word may end.
fn with_other_paths(part: &str, dirs: &[String]) -> Option<Option<String>> {
    let words: Vec<&str> = part.split_whitespace().collect();
    let left: Vec<&str> = words.iter().copied().filter(|word| !is_in(word, dirs)).collect();
    if left.len() == words.len() {
        return Some(Some(part.to_owned()));
    }
    if part.contains(['"', '\'', '\\', '`', '>']) {
        return None;
    }
    let paths = left.iter().any(|word| !word.starts_with('-') && *word != "rm");
    Some(paths.then(|| left.join(" ")))
}

/// Whether a word is a path in one of these directories, or above one of them.
fn is_in(word: &str, dirs: &[String]) -> bool {
    let word = word.trim_matches(['"', '\'', ';']).trim_end_matches(['*', '/']);
    let within = |path: &str, dir: &str| {
        path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    word.starts_with('/') && dirs.iter().any(|dir| within(dir, word) || within(word, dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(command: &str) -> Option<String> {
        let dirs = ["/var/cache/apt".to_owned(), "/var/lib/apt/lists".to_owned()];
        without_emptying(command, &["apt-get", "apt"], &dirs)
    }

    #[test]
    fn what_empties_the_mounted_directory_is_left_out() {
        for (command, wanted) in [
            ("apt-get update && rm -rf /var/lib/apt/lists/*", Some("apt-get update")),
            ("a && rm -rf /var && b", Some("a && b")),
            ("a && rm -rf /tmp/x", Some("a && rm -rf /tmp/x")),
            ("a && rm -rf /var/lib/apt/lists.old", Some("a && rm -rf /var/lib/apt/lists.old")),
            ("a; rm -rf /var/lib/apt/lists", None),
            ("rm -rf /var/lib/apt", Some("")),
        ] {
            assert_eq!(left(command).as_deref(), wanted, "{command}");
        }
    }

    #[test]
    fn what_else_is_removed_still_is() {
        assert_eq!(
            left("a && rm -rf /src /var/lib/apt/lists/* /tmp/* && b").as_deref(),
            Some("a && rm -rf /src /tmp/* && b")
        );
        assert_eq!(left("a && rm -rf \"/x y\" /var/lib/apt/lists/*"), None, "words within quotes");
        assert_eq!(left("rm /var/lib/apt/lists/* 2>/dev/null"), None);
    }

    #[test]
    fn a_tools_own_way_to_empty_its_cache_is_left_out() {
        for (command, wanted) in [
            ("apt-get purge -y gcc && apt-get clean", Some("apt-get purge -y gcc")),
            ("apt-get -y clean && /usr/bin/apt autoclean", Some("")),
            ("apt-get update; apt-get clean", None),
            ("apt-get install -y clean", Some("apt-get install -y clean")),
            ("apt-get --fix-broken install -y gcc", Some("apt-get --fix-broken install -y gcc")),
            ("apt-get update && make clean", Some("apt-get update && make clean")),
            ("apt-get update && npm cache clean --force", Some("apt-get update && npm cache clean --force")),
        ] {
            assert_eq!(left(command).as_deref(), wanted, "{command}");
        }
        let lists = |command| without_emptying(command, &["apt-get"], &["/var/lib/apt/lists".into()]);
        assert_eq!(
            lists("apt-get update && apt-get clean").as_deref(),
            Some("apt-get update && apt-get clean"),
            "packages would stay in the layer where only the lists are mounted"
        );
        let npm = |command| without_emptying(command, &["npm"], &["/root/.npm/_cacache".into()]);
        assert_eq!(npm("npm ci && npm cache clean --force").as_deref(), Some("npm ci"));
        assert_eq!(npm("npm run clean").as_deref(), Some("npm run clean"));
    }
}

//! Paths in an image, as words: WORKDIR's, and the cleaning of others. It looks at no tree.

/// The working directory after `WORKDIR path` in `current`. An absolute path stays as it is written, an empty one
/// changes nothing, any other is joined and cleaned.
pub fn join(current: &str, path: &str) -> String {
    let written = if path.is_empty() { current } else { path };
    if written.starts_with('/') {
        return written.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in current.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `path` without superfluous slashes, `.` and `..`, relative or not, as Go's path.Clean.
pub fn clean(path: &str) -> String {
    if path.starts_with('/') {
        return join("", path.trim_start_matches('/'));
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_stays_as_written_and_a_relative_one_is_cleaned() {
        for (current, path, joined) in [
            ("/", "a", "/a"),
            ("/a", "b/../c/", "/a/c"),
            ("/a", "/p//q/", "/p//q/"),
            ("", "../x", "/x"),
            ("/a//b", "", "/a//b"),
        ] {
            assert_eq!(join(current, path), joined);
        }
    }

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, cleaned) in
            [("a/./b//", "a/b"), ("../a/..", ".."), ("a/..", "."), ("/a/../..//b", "/b"), ("/", "/")]
        {
            assert_eq!(clean(path), cleaned);
        }
    }
}

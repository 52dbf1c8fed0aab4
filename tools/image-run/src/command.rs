//! Decides which command a container runs, and in which environment, from the image's config and the command line. It
//! reads nothing else.

use libwire::image::ContainerConfig;
use std::ffi::{OsStr, OsString};

/// The PATH of a command if the image has none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// ENTRYPOINT and CMD, joined as in docker: a command replaces CMD; an entrypoint replaces both, and an empty one
/// removes both. `None` if nothing is left.
pub fn argv(
    config: &ContainerConfig,
    entrypoint: Option<&OsString>,
    command: &[OsString],
) -> Option<Vec<OsString>> {
    let words = |words: &Option<Vec<String>>| -> Vec<OsString> {
        words.iter().flatten().map(OsString::from).collect()
    };
    let mut argv = match entrypoint {
        Some(word) if word.is_empty() => Vec::new(),
        Some(word) => vec![word.clone()],
        None => words(&config.entrypoint),
    };
    match (command, entrypoint) {
        ([], None) => argv.extend(words(&config.cmd)),
        (command, _) => argv.extend_from_slice(command),
    }
    (!argv.is_empty()).then_some(argv)
}

/// The image's variables, replaced by those of `extra`. A PATH and the host's name are always set.
pub fn environment(
    config: &ContainerConfig,
    hostname: &str,
    extra: &[(OsString, OsString)],
) -> Vec<(OsString, OsString)> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (OsString::from(name), OsString::from(value))
    };
    let mut env: Vec<(OsString, OsString)> = vec![("HOSTNAME".into(), hostname.into())];
    for (name, value) in config.env.iter().map(pair).chain(extra.iter().cloned()) {
        match env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => env.push((name, value)),
        }
    }
    if !env.iter().any(|(name, _)| name == OsStr::new("PATH")) {
        env.insert(0, ("PATH".into(), PATH.into()));
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ContainerConfig {
        ContainerConfig {
            entrypoint: Some(vec!["/init".into(), "-q".into()]),
            cmd: Some(vec!["serve".into()]),
            env: vec!["A=1".into(), "B=x=y".into()],
            ..Default::default()
        }
    }

    #[test]
    fn a_command_replaces_cmd_and_an_entrypoint_both() {
        let argv = |entrypoint: Option<&str>, command: &[&str]| {
            let command: Vec<OsString> = command.iter().map(OsString::from).collect();
            argv(&config(), entrypoint.map(OsString::from).as_ref(), &command)
                .map(|words| words.join(OsStr::new(" ")).into_string().unwrap())
        };
        assert_eq!(argv(None, &[]).unwrap(), "/init -q serve");
        assert_eq!(argv(None, &["sh", "-c"]).unwrap(), "/init -q sh -c");
        assert_eq!(argv(Some("/bin/sh"), &[]).unwrap(), "/bin/sh");
        assert_eq!(argv(Some("/bin/sh"), &["-c", "id"]).unwrap(), "/bin/sh -c id");
        assert_eq!(argv(Some(""), &["id"]).unwrap(), "id");
        assert_eq!(argv(Some(""), &[]), None);
    }

    #[test]
    fn the_line_wins_over_the_image_and_path_is_always_there() {
        let text = |extra: &[(&str, &str)]| -> String {
            let extra: Vec<_> = extra.iter().map(|(name, value)| (name.into(), value.into())).collect();
            let env = environment(&config(), "box", &extra);
            let pair =
                |(name, value): &(OsString, OsString)| format!("{}={}", name.display(), value.display());
            env.iter().map(pair).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(text(&[("A", "2"), ("C", "3")]), format!("PATH={PATH} HOSTNAME=box A=2 B=x=y C=3"));
        assert_eq!(text(&[("HOSTNAME", "y")]), format!("PATH={PATH} HOSTNAME=y A=1 B=x=y"));
    }
}

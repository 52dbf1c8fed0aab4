//! The front end that a Dockerfile names by `# syntax=`. None but this parser is run; one that may read the file otherwise is
//! warned of.

use crate::options::Options;
use libdockerfile::lines::Directives;
use libwire::Reference;

/// The build argument that takes the place of the directive.
const BUILD_ARG: &str = "BUILDKIT_SYNTAX";

/// The warning about a front end that is none of docker's own, at whatever registry.
pub(crate) fn foreign(directives: &Directives, options: &Options) -> Option<String> {
    let given = options.build_args.get(BUILD_ARG).filter(|value| !value.is_empty());
    let (place, value) = match (given, &directives.syntax) {
        (Some(value), _) => (format!("--build-arg {BUILD_ARG}"), value),
        (None, Some(value)) => (format!("{}:{}: # syntax", options.name, directives.syntax_line), value),
        (None, None) => return None,
    };
    // Words for the front end may follow its name.
    let image = value.split_whitespace().next().unwrap_or_default();
    let what = "this front end is not run; the file is read as docker/dockerfile reads it";
    (!is_own(image)).then(|| format!("{place}={image}: {what}"))
}

fn is_own(image: &str) -> bool {
    let own = |path: &str| {
        ["docker/dockerfile", "docker/dockerfile-upstream"]
            .iter()
            .any(|own| path.strip_suffix(own).is_some_and(|above| above.is_empty() || above.ends_with('/')))
    };
    image == "dockerfile.v0" || Reference::parse(image).is_ok_and(|image| own(image.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_ends_of_docker_are_this_one() {
        for own in [
            "docker/dockerfile",
            "docker/dockerfile:1.7-labs",
            "docker.io/docker/dockerfile:1",
            "docker/dockerfile-upstream:master",
            "registry.example:5000/mirror/docker/dockerfile@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "dockerfile.v0",
        ] {
            assert!(is_own(own), "{own}");
        }
        for foreign in ["tonistiigi/dockerfile", "r2d4/mocker", "x/notdocker/dockerfile", "", "UPPER"] {
            assert!(!is_own(foreign), "{foreign}");
        }
    }
}

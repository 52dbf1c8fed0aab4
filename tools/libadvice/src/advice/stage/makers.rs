//! The instruction that made each layer above the base, and whether it only runs a package manager, so that files of
//! no package were made by packages' scripts.

use crate::advice::image::Image;
use crate::advice::run_text;
use libshell::list;

/// Commands whose files all come from packages or their scripts.
const MANAGERS: &[&str] =
    &["apt-get", "apt", "aptitude", "dpkg-reconfigure", "apk", "update-ca-certificates", "ldconfig"];
/// Commands that may occur beside them.
const BESIDE: &[&str] = &["rm", "set", "export", "true", ":"];

const LOCALES: &str = "/usr/lib/locale/";
const ALTERNATIVES: &str = "/etc/alternatives/";

/// The instruction that made a layer.
pub(super) struct Made<'a> {
    /// The text as written.
    pub(super) text: &'a str,
    /// Whether it is a RUN.
    pub(super) run: bool,
    /// Whether it is a WORKDIR.
    pub(super) workdir: bool,
    /// Whether it installed or removed packages.
    pub(super) installs: bool,
    /// Whether it only runs a package manager.
    pub(super) pure: bool,
}

/// The instructions that made the layers from `base` on.
pub(super) fn made<'a>(image: &Image<'a>, base: u16) -> Option<Vec<Made<'a>>> {
    let of = |layer: usize| {
        let text = image.maker(layer)?.1.text.as_str();
        let run = word(text) == "RUN";
        let number = layer as u16;
        let moved =
            |package: &libimage::packages::Package| package.layer == number || package.gone == Some(number);
        Some(Made {
            text,
            run,
            workdir: word(text) == "WORKDIR",
            installs: run && image.ledger.packages.all().iter().any(moved),
            pure: run && is_pure(text),
        })
    };
    (usize::from(base)..image.ledger.layers.len()).map(of).collect()
}

/// An instruction's name.
pub(super) fn word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_uppercase()
}

fn is_pure(text: &str) -> bool {
    let Some(run) = run_text::parse(text) else { return false };
    let writes = |part: &str| {
        part.contains('|') || part.replace(">/dev/null", "").replace("> /dev/null", "").contains('>')
    };
    let mut manages = false;
    let mut is_known = |part: &&str| {
        let program = list::program(part);
        manages |= MANAGERS.contains(&program);
        (MANAGERS.contains(&program) || BESIDE.contains(&program)) && !writes(part)
    };
    let mut lists = run.command.split(';').map(str::trim).filter(|list| !list.is_empty());
    lists.all(|list| list::parts(list).is_some_and(|parts| parts.iter().all(&mut is_known))) && manages
}

impl Made<'_> {
    /// Whether the author, and not a package manager, changed a path of the base in a RUN.
    pub(super) fn is_authors(&self, path: &str) -> bool {
        self.run && !self.pure && (!self.installs || self.mentions(path))
    }

    /// Whether the author had the RUN make a path that packages' scripts usually make: locales and alternatives.
    pub(super) fn sets_up(&self, path: &str) -> bool {
        let runs = |commands: &[&str]| self.run && list::mentions(self.text, commands);
        match path.strip_prefix(ALTERNATIVES) {
            Some(name) => runs(&["update-alternatives"]) && list::mentions(self.text, &[name]),
            None => path.starts_with(LOCALES) && runs(&["locale-gen", "localedef", "dpkg-reconfigure"]),
        }
    }

    /// Whether the instruction's text has a path, or a directory above it that is not a common one.
    pub(super) fn mentions(&self, path: &str) -> bool {
        let mut path = path.trim_end_matches('/');
        let mut first = true;
        while first || path.matches('/').count() > 2 {
            if names(self.text, path) {
                return true;
            }
            first = false;
            path = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        }
        false
    }
}

/// Whether a text has a path as a whole, not only as the start of a longer one.
fn names(text: &str, path: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
    !path.is_empty() && text.match_indices(path).any(|(at, _)| !text[at + path.len()..].starts_with(goes_on))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_pure_when_it_only_runs_a_package_manager() {
        for text in [
            "RUN apt-get update && apt-get install -y gcc >/dev/null && rm -rf /x",
            "RUN set -ex; apk add gcc",
        ] {
            assert!(is_pure(text), "{text}");
        }
        for text in [
            "RUN apt-get install gcc && make",
            "RUN apt-get update | tee /log",
            "RUN set -e; rm /etc/site",
            "RUN apt-get x >f",
            "RUN <<E",
        ] {
            assert!(!is_pure(text), "{text}");
        }
    }

    #[test]
    fn a_path_is_mentioned_by_itself_or_its_own_directory() {
        let made = |text| Made { text, run: true, workdir: false, installs: true, pure: false };
        assert!(made("RUN x && sed -i s/a/b/ /etc/app.conf").mentions("/etc/app.conf"));
        assert!(made("RUN mkdir /var/www/x;").mentions("/var/www/x/y/z"));
        assert!(!made("RUN ls /etc").mentions("/etc/app.conf"));
        assert!(!made("RUN ls /etc/app.conf.d").mentions("/etc/app.conf"));
    }
}

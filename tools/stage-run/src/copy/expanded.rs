//! COPY and ADD with their words expanded: sources, destination, owner, and the history string.

use crate::error::StepError;
use crate::state::State;
use crate::words::Words;
use libwire::plan::{Copy, Stage};
use libwire::remote::{Kind, without_credentials};

/// A COPY or ADD of a plan, and where it is.
#[derive(Clone, Copy)]
pub struct CopyInstruction<'a> {
    /// The instruction.
    pub copy: &'a Copy,
    /// ADD, and not COPY.
    pub add: bool,
    /// Whether nothing of the build will look at the tree any more.
    pub last: bool,
    /// The line it is on, for warnings.
    pub line: u32,
}

/// A COPY or ADD, expanded.
#[derive(Debug, PartialEq, Eq)]
pub struct ExpandedCopy {
    /// Source paths as the Dockerfile means them.
    pub sources: Vec<String>,
    /// Files whose text is in the Dockerfile: name and text.
    pub documents: Vec<(String, String)>,
    /// The destination as it is written.
    pub dest: String,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`.
    pub chmod: Option<String>,
    /// `--checksum`.
    pub checksum: Option<String>,
}

impl ExpandedCopy {
    /// Expands the words of `copy`.
    pub fn new(stage: &Stage, state: &State, copy: &Copy) -> Result<Self, StepError> {
        let words = Words::new(stage.escape, &state.scope);
        let mut documents = Vec::new();
        for heredoc in &copy.heredocs {
            let text = match heredoc.expand {
                true => words.body(&heredoc.text())?,
                false => heredoc.text().into_owned(),
            };
            documents.push((heredoc.name.clone(), text));
        }
        let flag = |text: &Option<String>| -> Result<Option<String>, StepError> {
            Ok(words.optional(text.as_deref())?.filter(|text| !text.is_empty()))
        };
        Ok(Self {
            sources: words.each(&copy.sources)?,
            documents,
            dest: words.one(&copy.dest)?,
            chown: flag(&copy.chown)?,
            chmod: flag(&copy.chmod)?,
            checksum: flag(&copy.checksum)?,
        })
    }

    /// The destination in the image. Its last slash stays: it says that it is a directory.
    pub fn target(&self, state: &State) -> String {
        let path = state.absolute(&self.dest);
        let directory =
            self.dest.is_empty() || self.dest.ends_with('/') || self.dest.ends_with("/.") || self.dest == ".";
        let clean = crate::paths::join("/", path.trim_start_matches('/'));
        match directory && clean != "/" {
            true => clean + "/",
            false => clean,
        }
    }

    /// The history entry. BuildKit shows neither `--from`, `--link` nor `--exclude`.
    pub fn created_by(&self, instruction: &str, parents: bool) -> String {
        let mut words = vec![instruction.to_owned()];
        words.extend(parents.then(|| "--parents".to_owned()));
        words.extend(self.chown.iter().map(|chown| format!("--chown={chown}")));
        words.extend(self.chmod.iter().map(|chmod| format!("--chmod={chmod}")));
        words.extend(self.sources.iter().map(|source| shown(source)));
        words.extend(self.documents.iter().map(|(name, _)| format!("<<{name}")));
        words.extend([self.dest.clone(), "# buildkit".into()]);
        words.join(" ")
    }
}

/// A source as history may show it: an image is given away, and its history with it.
fn shown(source: &str) -> String {
    match Kind::of(source) {
        Kind::Path => source.to_owned(),
        Kind::File | Kind::Repository => without_credentials(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(dest: &str) -> ExpandedCopy {
        ExpandedCopy {
            sources: vec!["a".into(), "b*".into()],
            documents: vec![("EOF".into(), "x\n".into())],
            dest: dest.into(),
            chown: Some("1:2".into()),
            chmod: Some("u=rwX".into()),
            checksum: None,
        }
    }

    #[test]
    fn history_has_the_flags_buildkit_shows() {
        assert_eq!(
            copied("/d/").created_by("COPY", true),
            "COPY --parents --chown=1:2 --chmod=u=rwX a b* <<EOF /d/ # buildkit"
        );
    }

    #[test]
    fn history_has_no_password() {
        let sources = vec!["https://u:p@h/x?q".into(), "git@h:x".into(), "a://u:p@b".into()];
        let text = ExpandedCopy { sources, documents: Vec::new(), ..copied("/d/") }.created_by("ADD", false);
        assert_eq!(text, "ADD --chown=1:2 --chmod=u=rwX https://h/x?q git@h:x a://u:p@b /d/ # buildkit");
    }

    #[test]
    fn the_destination_is_below_the_working_directory_and_keeps_its_slash() {
        let mut state = State::default();
        state.config.config.working_dir = "/srv/app".into();
        for (dest, target) in [
            ("x", "/srv/app/x"),
            ("./x/", "/srv/app/x/"),
            ("../side", "/srv/side"),
            (".", "/srv/app/"),
            ("", "/srv/app/"),
            ("/", "/"),
            ("/a/../b/.", "/b/"),
        ] {
            assert_eq!(copied(dest).target(&state), target, "{dest:?}");
        }
        assert_eq!(copied(".").target(&State::default()), "/");
    }
}

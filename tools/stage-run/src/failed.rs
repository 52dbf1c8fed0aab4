//! Why a RUN failed, as far as its status, the end of its output and the tree it left tell.

use crate::binary;
use libsandbox::Outcome;
use libtree::Root;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::Read;

/// A command that failed.
pub struct Failed<'a> {
    /// Its words.
    pub argv: &'a [String],
    /// Whether they are a shell's, which ran text.
    pub shell: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The last lines of its output.
    pub last: &'a [String],
    /// Who it ran as.
    pub user: &'a str,
    /// Its working directory.
    pub cwd: &'a str,
    /// What it left, when that can be looked at.
    pub root: Option<&'a Root>,
}

/// A reason with what to do about it, and the word of the command it is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Reason {
    /// `what; what to do`
    pub text: String,
    /// The word.
    pub token: String,
}

impl Failed<'_> {
    /// The reason, if there is a likely one.
    pub fn reason(&self) -> Option<Reason> {
        if self.shell && self.argv.last().is_some_and(|text| df_parse::is_broken_array(text)) {
            let text = "it begins like a JSON array and is none, so a shell got it as it stands; \
                        put each word in \" and commas between them";
            return Some(Reason { text: text.into(), token: String::new() });
        }
        if let Some(reason) = self.not_started() {
            return Some(reason);
        }
        match (self.outcome.status, self.outcome.signal) {
            (_, Some(9)) => {
                let text = "something killed it, perhaps because memory ran out; look at dmesg";
                Some(Reason { text: text.into(), token: String::new() })
            }
            (127, None) if self.shell && self.last.len() == 1 && self.shell_is_absent() => Some(Reason {
                text: format!(
                    "the image has no {}, which this form of RUN needs; begin FROM an image that has one",
                    self.argv[0]
                ),
                token: String::new(),
            }),
            (127, None) => self.named(&[": not found in the image", ": command not found", ": not found"], Self::absent),
            (126, None) => self.named(&[": Permission denied"], |_, name| {
                Some(format!("{name} is no program this user may execute; RUN chmod +x {name}, or COPY it with --chmod=755"))
            }),
            _ => None,
        }
    }

    /// The reason about a file that the kernel does not start: one that a line of the output says so of, or a
    /// program for another machine, which some shells take for a script.
    fn not_started(&self) -> Option<Reason> {
        if self.outcome.signal.is_some() || ![2, 126, 127].contains(&self.outcome.status) {
            return None;
        }
        self.last.iter().rev().find_map(|line| {
            let told = line.contains("Exec format error");
            line.split(": ").find_map(|name| {
                let bytes = self.program(name).filter(|_| told || name.contains('/'))?;
                let text = match told {
                    true => binary::refused(name, &bytes),
                    false => binary::foreign(name, &bytes)?,
                };
                Some(Reason { text, token: name.to_owned() })
            })
        })
    }

    /// The beginning of a program: the file of a path, or one of a usual directory.
    fn program(&self, name: &str) -> Option<Vec<u8>> {
        match name.contains('/') {
            true => self.bytes(name),
            false => ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
                .iter()
                .find_map(|directory| self.bytes(&format!("{directory}/{name}"))),
        }
    }

    /// The reason about the program a line of the output names before one of `endings`, the last such line.
    fn named(&self, endings: &[&str], why: impl Fn(&Self, &str) -> Option<String>) -> Option<Reason> {
        let line = self.last.iter().rev().find_map(|line| program(line, endings));
        let name = line.or_else(|| self.argv.first().filter(|_| !self.shell).cloned())?;
        why(self, &name).map(|text| Reason { text, token: name })
    }

    fn absent(&self, name: &str) -> Option<String> {
        if !name.contains('/') {
            return Some(self.absent_command(name));
        }
        if self.root.is_none() {
            return Some(format!(
                "{name} is not in the image, or what its first line asks for is not; look for both"
            ));
        }
        let Some(begin) = self.begin(name) else {
            return Some(format!("{name} is not in the image; COPY it there first, or correct its path"));
        };
        let interpreter = begin.strip_prefix("#!").and_then(|rest| rest.split('\n').next());
        match interpreter.map(|rest| (rest.ends_with('\r'), rest.split_whitespace().next().unwrap_or(""))) {
            Some((true, _)) => Some(format!(
                "{name} is there, but has the line ends of Windows (CR LF); convert it, for instance with dos2unix"
            )),
            Some((false, program)) => Some(format!(
                "{name} is there, but its first line asks for {program}, which is not; install that"
            )),
            None => Some(format!(
                "{name} is there, but not what loads it; it was built for another system or C library"
            )),
        }
    }

    fn absent_command(&self, name: &str) -> String {
        let root = ["", "root", "0"].contains(&self.user.split(':').next().unwrap_or_default());
        match name {
            "sudo" if root => "sudo is not in the image; leave it out, RUN is root already".into(),
            "source" => {
                "the shell has no source; write . instead, or SHELL [\"/bin/bash\", \"-c\"] above".into()
            }
            _ if !self.shell && self.argv.len() == 1 && name.contains(' ') => {
                format!(
                    "{name:?} is taken for one word; write each word of the command as a string of its own"
                )
            }
            _ if !self.shell && name.contains('$') => {
                format!("{name:?} is taken as it is, the JSON form expands no variables; leave the [ ] out")
            }
            _ => format!("{name} is not in the image; install it in an earlier RUN, or correct its name"),
        }
    }

    fn shell_is_absent(&self) -> bool {
        let found = program(&self.last[0], &[": not found in the image"]);
        found.is_some() && found.as_ref() == self.argv.first()
    }

    /// The beginning of a file of the tree, as text.
    fn begin(&self, name: &str) -> Option<String> {
        self.bytes(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The beginning of a file of the tree.
    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let path = if name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", self.cwd) };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = self.root?.open_at(path.as_bytes(), flags, 0).ok()?;
        let mut bytes = Vec::new();
        File::from(fd).take(256).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// The program's name in `sh: line 1: NAME: not found`.
fn program(line: &str, endings: &[&str]) -> Option<String> {
    if let Some((_, rest)) = line.split_once("env: ")
        && let Some(name) = rest.rsplit(['\'', '\u{2018}', '\u{2019}']).nth(1)
    {
        return Some(name.to_owned());
    }
    let before = endings.iter().find_map(|ending| line.trim_end().strip_suffix(ending))?;
    let name = before.rsplit(": ").next().unwrap_or(before);
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use libtree::Owners;

    fn reason(argv: &[&str], status: u8, last: &str, root: Option<&Root>) -> Option<Reason> {
        let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
        let last: Vec<String> = last.lines().map(str::to_owned).collect();
        let shell = argv.len() == 3 && argv[1] == "-c";
        let outcome = Outcome { status, signal: None };
        Failed { argv: &argv, shell, outcome, last: &last, user: "", cwd: "/w", root }.reason()
    }

    #[test]
    fn a_program_that_is_not_there_is_named_however_the_shell_says_it() {
        for line in [
            "/bin/sh: gcc: not found",
            "/bin/sh: 1: gcc: not found",
            "/bin/bash: line 1: gcc: command not found",
            "env: can't execute 'gcc': No such file or directory",
            "env: \u{2018}gcc\u{2019}: No such file or directory",
        ] {
            let reason = reason(&["/bin/sh", "-c", "gcc x.c"], 127, &format!("begin\n{line}"), None).unwrap();
            assert_eq!(reason.token, "gcc", "{line}");
            assert!(reason.text.starts_with("gcc is not in the image; "), "{}", reason.text);
        }
    }

    #[test]
    fn only_what_the_status_says_is_explained() {
        assert_eq!(reason(&["/bin/sh", "-c", "x || exit 1"], 1, "/bin/sh: x: not found", None), None);
        assert_eq!(reason(&["/bin/sh", "-c", "exit 127"], 127, "hello", None), None);
        assert_eq!(reason(&["/bin/sh", "-c", "[ -f /x ]"], 1, "", None), None);
    }

    #[test]
    fn a_shell_that_is_not_there_is_told_from_a_command() {
        let reason = reason(&["/bin/sh", "-c", "a"], 127, "/bin/sh: not found in the image", None).unwrap();
        assert!(reason.text.starts_with("the image has no /bin/sh, "), "{}", reason.text);
    }

    #[test]
    fn the_exec_form_needs_no_output() {
        let text = |argv: &[&str]| reason(argv, 127, "", None).unwrap().text;
        assert!(text(&["gcc", "x.c"]).starts_with("gcc is not in the image"));
        assert!(text(&["gcc x.c"]).contains("one word"));
        assert!(text(&["$CC"]).contains("expands no variables"));
    }

    #[test]
    fn a_file_that_is_not_started_is_looked_into() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("usr/bin")).unwrap();
        std::fs::write(dir.path().join("usr/bin/bare"), "echo hi\n").unwrap();
        std::fs::write(dir.path().join("exe"), "MZ").unwrap();
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        let text =
            |argv: &[&str], status, line: &str| reason(argv, status, line, Some(&root)).map(|told| told.text);
        let shell = ["/bin/sh", "-c", "/exe"];
        for (argv, status, line, wanted) in [
            (&["/exe"][..], 126, "/exe: Exec format error", "for Windows"),
            (&["bare"], 126, "bare: Exec format error", "begin it with #!/bin/sh"),
            (
                &shell,
                126,
                "/bin/bash: line 1: /exe: cannot execute binary file: Exec format error",
                "for Windows",
            ),
            // Some shells take it for a script.
            (&shell, 127, "/exe: line 1: MZ: not found", "for Windows"),
            (&shell, 2, "/exe: 1: Syntax error: \"(\" unexpected", "for Windows"),
        ] {
            assert!(text(argv, status, line).is_some_and(|text| text.contains(wanted)), "{line}");
        }
        let denied = text(&shell, 126, "/bin/sh: /bare: Permission denied").unwrap();
        assert!(denied.contains("chmod +x /bare"), "{denied}");
        assert_eq!(text(&shell, 1, "/exe: 1: MZ: not found"), None);
    }

    #[test]
    fn a_script_that_is_there_is_told_from_one_that_is_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("w")).unwrap();
        for (name, text) in [("crlf", "#!/bin/sh\r\n"), ("bash", "#!/bin/bash -e\n"), ("elf", "\x7fELF")] {
            std::fs::write(dir.path().join("w").join(name), text).unwrap();
        }
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        let text = |name: &str| {
            let line = format!("/bin/sh: {name}: not found");
            reason(&["/bin/sh", "-c", name], 127, &line, Some(&root)).unwrap().text
        };
        assert!(text("./crlf").contains("Windows"));
        assert!(text("/w/bash").contains("asks for /bin/bash"));
        assert!(text("./elf").contains("another system"));
        assert!(text("./none").contains("COPY it there first"));
    }
}

//! Why a RUN failed, as far as its status, the end of its output and the tree it left tell.

use crate::binary;
use libsandbox::Outcome;
use libtree::{Root, xattr};
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
    /// Where it looks for programs.
    pub path: &'a str,
    /// How it would get a raw socket, unless it may have one.
    pub raw_sockets: Option<&'a str>,
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
            (127, None) => {
                self.named(&[": not found in the image", ": command not found", ": not found"], Self::absent)
            }
            (126, None) => {
                let refused = self.named(&[": Operation not permitted"], Self::asks_for_raw_sockets);
                refused.or_else(|| self.named(&[": Permission denied"], Self::not_executable))
            }
            _ => self.refused_raw_socket(),
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

    /// The beginning of a program.
    fn program(&self, name: &str) -> Option<Vec<u8>> {
        self.places(name).iter().find_map(|path| self.bytes(path))
    }

    /// Where a program is looked for.
    fn places(&self, name: &str) -> Vec<String> {
        match name.contains('/') {
            true => vec![name.to_owned()],
            false => self.path.split(':').map(|dir| format!("{dir}/{name}")).collect(),
        }
    }

    fn not_executable(&self, name: &str) -> Option<String> {
        Some(format!(
            "{name} is no program this user may execute; RUN chmod +x {name}, or COPY it with --chmod=755"
        ))
    }

    /// A program whose file has a capability that can't be given is not executed at all.
    fn asks_for_raw_sockets(&self, name: &str) -> Option<String> {
        let remedy = self.raw_sockets?;
        let asks = self
            .places(name)
            .iter()
            .any(|path| self.capability(path).is_some_and(|value| has_net_raw(&value)));
        asks.then(|| format!("the file of {name} asks for CAP_NET_RAW, for raw sockets; {remedy}"))
    }

    fn refused_raw_socket(&self) -> Option<Reason> {
        let last = &self.last[self.last.len().saturating_sub(4)..];
        let remedy = self.raw_sockets.filter(|_| tells_of_raw_socket(last))?;
        let text = format!("it was refused a raw socket, for which CAP_NET_RAW is needed; {remedy}");
        Some(Reason { text, token: String::new() })
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

    /// A file of the tree.
    fn open(&self, path: &str) -> Option<File> {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.cwd) };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        self.root?.open_at(path.as_bytes(), flags, 0).ok().map(File::from)
    }

    /// The capabilities of a file of the tree.
    fn capability(&self, path: &str) -> Option<Vec<u8>> {
        xattr::get_of(self.open(path)?, xattr::CAPABILITY).ok()?
    }

    /// The beginning of a file of the tree.
    fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(path)?.take(256).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The same as text.
    fn begin(&self, path: &str) -> Option<String> {
        self.bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Whether the value of a file's capabilities (capabilities(7)) permits CAP_NET_RAW.
fn has_net_raw(value: &[u8]) -> bool {
    const NET_RAW: u8 = 13;
    value.get(4..8).is_some_and(|permitted| permitted[usize::from(NET_RAW / 8)] & (1 << (NET_RAW % 8)) != 0)
}

/// Whether a program says in its last lines that it could not open a raw or packet socket. Other sockets, and files
/// that are called so, are refused in other words.
fn tells_of_raw_socket(last: &[String]) -> bool {
    const PINGS: [&str; 5] = ["ping:", "ping6:", "arping:", "traceroute:", "traceroute6:"];
    let lines: Vec<String> = last.iter().map(|line| line.to_lowercase()).collect();
    let python = lines.iter().any(|line| line.contains("_socket.socket.__init__"));
    lines.iter().any(|line| {
        let refused = line.contains("operation not permitted");
        let socket = ["socket(af_", "sockraw", "raw socket"].iter().any(|word| line.contains(word))
            || [": socket: operation", "(socket: operation"].iter().any(|words| line.contains(words))
            || line.starts_with("socket: operation");
        line.contains("cap_net_raw")
            || (refused && (socket || (python && line.starts_with("permissionerror"))))
            || (line.contains("(are you root?)") && PINGS.iter().any(|name| line.starts_with(name)))
    })
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
        Failed {
            argv: &argv,
            shell,
            outcome,
            last: &last,
            user: "",
            cwd: "/w",
            path: "/none:/w",
            raw_sockets: Some("help"),
            root,
        }
        .reason()
    }

    #[test]
    fn a_raw_socket_that_was_refused_is_told_from_other_refusals() {
        let text = |last: &str| reason(&["/bin/sh", "-c", "x"], 1, last, None).map(|reason| reason.text);
        for last in [
            "ping: socktype: SOCK_RAW\nping: socket: Operation not permitted\nping: => missing cap_net_raw+p capability or setuid?",
            "PING 127.0.0.1 (127.0.0.1): 56 data bytes\nping: permission denied (are you root?)",
            "arping: socket(AF_PACKET,2,0): Operation not permitted",
            "tcpdump: any: You don't have permission to capture on that device\n(socket: Operation not permitted)",
            "Couldn't open a raw socket. Error: Operation not permitted (1)",
            "    _socket.socket.__init__(self, family, type, proto, fileno)\nPermissionError: [Errno 1] Operation not permitted",
        ] {
            assert!(text(last).unwrap().ends_with("CAP_NET_RAW is needed; help"), "{last}");
        }
        for last in [
            "chown: /run/x.socket: Operation not permitted",
            "connect to socket: Permission denied",
            "mount: permission denied (are you root?)",
            "PermissionError: [Errno 1] Operation not permitted: '/x'",
            "ping: bad address 'x'",
        ] {
            assert_eq!(text(last), None, "{last}");
        }
    }

    #[test]
    fn a_program_that_asks_for_a_capability_is_told_by_its_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("w")).unwrap();
        for name in ["ping", "other"] {
            std::fs::write(dir.path().join("w").join(name), "").unwrap();
        }
        let root = Root::open(dir.path(), Owners::Real).unwrap();
        // Effective, and CAP_NET_RAW permitted: as setcap(8) writes cap_net_raw+ep.
        let value = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        if xattr::set(root.open_dir(b"w").unwrap(), b"ping", xattr::CAPABILITY, &value).is_err() {
            return;
        }
        let text = |name: &str| {
            let line = format!("/bin/sh: 1: {name}: Operation not permitted");
            reason(&["/bin/sh", "-c", name], 126, &line, Some(&root)).map(|reason| reason.text)
        };
        for name in ["ping", "/w/ping"] {
            let wanted = format!("the file of {name} asks for CAP_NET_RAW, for raw sockets; help");
            assert_eq!(text(name), Some(wanted));
        }
        assert_eq!(text("other"), None);
        let exec = reason(&["ping"], 126, "ping: Operation not permitted", Some(&root)).unwrap();
        assert!(exec.text.starts_with("the file of ping asks for CAP_NET_RAW"), "{}", exec.text);
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
        std::fs::create_dir(dir.path().join("w")).unwrap();
        std::fs::write(dir.path().join("w/bare"), "echo hi\n").unwrap();
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

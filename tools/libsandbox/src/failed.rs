//! Finds the reason why a command failed, by its status, the end of its output and the tree that it left.

use crate::binary;
use crate::isolation::Isolation;
use crate::job::{Job, Outcome};
use crate::overlay::{Overlay, mount_overlay};
use crate::subids::more_ids;
use libtree::{Root, xattr};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::Read;

/// The message of pid 1, after the command's name, that the command does not exist.
pub(crate) const ABSENT: &str = ": not found in the image";
/// The message that a file exists, but not its interpreter or loader.
pub(crate) const CANT_BEGIN: &str = ": what it needs to begin is not in the image";

/// A read-only view of the tree that a job's command left; `None` if it can't be read.
pub fn left_tree(job: &Job, isolation: Isolation) -> Option<Root> {
    let layers = [&job.lowers[..], std::slice::from_ref(&job.upper)].concat();
    let merged = mount_overlay(&Overlay { lowers: &layers, upper: None }, isolation).ok()?;
    Some(Root::from_fd(merged, isolation.owners()))
}

/// A command that failed.
pub struct Failed<'a> {
    /// Its words.
    pub argv: &'a [String],
    /// Whether they are those of a shell that ran text.
    pub shell: bool,
    /// Its end.
    pub outcome: Outcome,
    /// The last lines of its output.
    pub last: &'a [String],
    /// Its user.
    pub user: &'a str,
    /// Its working directory.
    pub cwd: &'a str,
    /// Its PATH.
    pub path: &'a str,
    /// The way to get a raw socket, unless it may have one.
    pub raw_sockets: Option<&'a str>,
    /// The isolation under which it ran.
    pub isolation: Isolation,
    /// The tree that it left, if that can be read.
    pub root: Option<&'a Root>,
}

/// A reason with its remedy, and the word of the command that it is about.
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
        if let Some(reason) = self.not_started() {
            return Some(reason);
        }
        let reason = |text: &str| Some(Reason { text: text.into(), token: String::new() });
        match (self.outcome.status, self.outcome.signal) {
            _ if self.outcome.timed_out => reason("it took longer than --timeout allows; give it more time"),
            _ if self.outcome.out_of_memory => {
                reason("it, or something that it started, was killed for memory; give it more by --memory")
            }
            (_, Some(9)) => reason("something killed it, perhaps because memory ran out; look at dmesg"),
            (127, None) if self.shell && self.last.len() == 1 && self.shell_is_absent() => Some(Reason {
                text: format!(
                    "the image has no {}, which runs this form of a command; begin FROM an image that has one",
                    self.argv[0]
                ),
                token: String::new(),
            }),
            (127, None) => {
                self.named(&[ABSENT, CANT_BEGIN, ": command not found", ": not found"], Self::absent)
            }
            (126, None) => {
                let refused = self.named(&[": Operation not permitted"], Self::asks_for_raw_sockets);
                refused.or_else(|| self.named(&[": Permission denied"], Self::not_executable))
            }
            _ => self.refused_owner().or_else(|| self.refused_raw_socket()),
        }
    }

    /// The reason about a file that the kernel does not start: a file that the output names, or a program for another
    /// machine, which some shells run as a script.
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

    /// The paths at which a program is looked for.
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

    /// The reason about a program that was not executed because its file has a capability that the command can't have.
    fn asks_for_raw_sockets(&self, name: &str) -> Option<String> {
        let remedy = self.raw_sockets?;
        let asks = self
            .places(name)
            .iter()
            .any(|path| self.capability(path).is_some_and(|value| has_net_raw(&value)));
        asks.then(|| format!("the file of {name} asks for CAP_NET_RAW, for raw sockets; {remedy}"))
    }

    /// The reason if only one id exists, and a file or a process should get another, as in many packages.
    fn refused_owner(&self) -> Option<Reason> {
        let lacks = self.isolation == Isolation::Single && self.last.iter().any(|line| tells_of_owner(line));
        let text =
            || format!("only the user's own id exists here, and others were asked for; {}", more_ids());
        lacks.then(|| Reason { text: text(), token: String::new() })
    }

    fn refused_raw_socket(&self) -> Option<Reason> {
        let last = &self.last[self.last.len().saturating_sub(4)..];
        let remedy = self.raw_sockets.filter(|_| tells_of_raw_socket(last))?;
        let text = format!("it was refused a raw socket, for which CAP_NET_RAW is needed; {remedy}");
        Some(Reason { text, token: String::new() })
    }

    /// The reason about the program that the last line of the output with one of `endings` names before it.
    fn named(&self, endings: &[&str], why: impl Fn(&Self, &str) -> Option<String>) -> Option<Reason> {
        let name = self.last.iter().rev().find_map(|line| program(line, endings))?;
        why(self, &name).map(|text| Reason { text, token: name })
    }

    fn absent(&self, name: &str) -> Option<String> {
        if !name.contains('/') || (self.is_one_word(name) && self.begin(name).is_none()) {
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

    /// Whether a whole command was given as one word.
    fn is_one_word(&self, name: &str) -> bool {
        !self.shell && self.argv.len() == 1 && name.contains(' ')
    }

    fn absent_command(&self, name: &str) -> String {
        let root = ["", "root", "0"].contains(&self.user.split(':').next().unwrap_or_default());
        match name {
            "sudo" if root => "sudo is not in the image; leave it out, this user is root already".into(),
            "source" => {
                "the shell has no source; write . instead, or SHELL [\"/bin/bash\", \"-c\"] above".into()
            }
            _ if self.is_one_word(name) => {
                format!("{name:?} is taken for one word; give each word of the command as one of its own")
            }
            _ if !self.shell && name.contains('$') => {
                format!(
                    "{name:?} is taken as it is, for no shell expands it; leave the [ ] out, or run sh -c"
                )
            }
            _ => format!("{name} is not in the image; install it in an earlier RUN, or correct its name"),
        }
    }

    fn shell_is_absent(&self) -> bool {
        let found = program(&self.last[0], &[ABSENT]);
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

    /// The beginning of a file of the tree, as text.
    fn begin(&self, path: &str) -> Option<String> {
        self.bytes(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Whether the value of a file's capabilities (capabilities(7)) permits CAP_NET_RAW.
fn has_net_raw(value: &[u8]) -> bool {
    const NET_RAW: u8 = 13;
    value.get(4..8).is_some_and(|permitted| permitted[usize::from(NET_RAW / 8)] & (1 << (NET_RAW % 8)) != 0)
}

/// Whether a program says that it could not give a file or itself another owner.
fn tells_of_owner(line: &str) -> bool {
    let line = line.to_lowercase();
    let asks = |words: &[&str]| words.iter().any(|word| line.contains(word));
    let process = ["setgroups", "setegid", "seteuid", "setresuid", "setresgid", "setuid", "setgid"];
    (line.contains("invalid argument") && (asks(&["chown", "chgrp", "owner"]) || asks(&process)))
        || (line.contains("operation not permitted") && line.contains("setgroups"))
}

/// Whether a program says in its last lines that it could not open a raw or packet socket. The errors of other sockets,
/// and of files with such names, have other words.
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
mod tests;

//! A parsed Dockerfile as text again: one instruction a line, each in one spelling, without text that has no meaning.
//! Parsing that text gives the same file, except for places. It reads no text and checks nothing.

use crate::dockerfile::Dockerfile;
use crate::instruction::{From, Parsed};
use crate::lines::Line;
use crate::mount::ParsedMount;
use crate::words::name_and_rest;
use libwire::plan::{ArgDecl, Command, Copy, Heredoc, Mount, MountKind, Op, Pair};
use std::fmt;

/// The canonical text. Lines are not folded, so a line that was joined from shorter ones can be longer than 65535
/// bytes.
impl fmt::Display for Dockerfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directives = &self.directives;
        let escape = self.directives.escape.map(String::from);
        let known = [("syntax", &directives.syntax), ("escape", &escape), ("check", &directives.check)];
        for (key, value) in known {
            if let Some(value) = value {
                writeln!(f, "# {key}={value}")?;
            }
        }
        // The directives end here. Later lines are comments, even if they look like directives.
        writeln!(f, "#")?;
        let printer = Printer { escape: self.escape() };
        for item in &self.globals {
            printer.item(f, &item.line, &item.parsed)?;
        }
        for stage in &self.stages {
            printer.line(f, &stage.line, &printer.from(&stage.from))?;
            for item in &stage.items {
                printer.item(f, &item.line, &item.parsed)?;
            }
        }
        Ok(())
    }
}

struct Printer {
    escape: char,
}

impl Printer {
    fn item(&self, f: &mut fmt::Formatter<'_>, line: &Line, parsed: &Parsed) -> fmt::Result {
        match parsed {
            Parsed::From(from) => self.line(f, line, &self.from(from)),
            Parsed::Op { op, from, mounts, legacy } => {
                let text = match op {
                    // Words that announce here-documents, also among flags, stay as written.
                    Op::Run { .. } | Op::Copy(_) | Op::Add(_) if !line.heredocs.is_empty() => {
                        let (name, rest) = name_and_rest(&line.text);
                        format!("{} {rest}", name.to_uppercase())
                    }
                    Op::Run { .. } => self.run(op, mounts),
                    Op::Copy(copy) => self.copy("COPY", copy, from.as_deref()),
                    Op::Add(copy) => self.copy("ADD", copy, from.as_deref()),
                    op => self.plain(op, *legacy),
                };
                self.line(f, line, &text)
            }
        }
    }

    /// Writes comments, the text, and the bodies of its here-documents.
    fn line(&self, f: &mut fmt::Formatter<'_>, line: &Line, text: &str) -> fmt::Result {
        for comment in &line.comments {
            writeln!(f, "# {comment}")?;
        }
        // An escape at the end would continue the line, and an escaped blank would be trimmed. Neither happens before
        // a blank of another kind.
        let escapes = text.chars().rev().take_while(|&c| c == self.escape).count();
        let end = match (escapes, text.ends_with(char::is_whitespace)) {
            (1, _) => "\u{b}".to_owned(),
            (_, true) => format!("{}\u{b}", self.escape),
            _ => String::new(),
        };
        writeln!(f, "{text}{end}")?;
        // The bodies of a trigger are part of its text.
        if !text.starts_with("ONBUILD ") {
            for Heredoc { body, name, .. } in &line.heredocs {
                writeln!(f, "{body}{name}")?;
            }
        }
        Ok(())
    }

    fn from(&self, from: &From) -> String {
        let mut text = "FROM".to_owned() + &self.flag("platform", from.platform.as_deref());
        text += &rest(&from.image);
        if let Some((name, keyword)) = &from.name {
            text += &format!(" {keyword} {name}");
        }
        text
    }

    fn run(&self, op: &Op, mounts: &[ParsedMount]) -> String {
        let Op::Run { command, network, security, .. } = op else { return String::new() };
        let mut text = "RUN".to_owned();
        for mount in mounts {
            text += &self.flag("mount", Some(&csv(mount)));
        }
        text += &self.flag("network", network.as_deref());
        text += &self.flag("security", security.as_deref());
        text + &rest(&self::command(command))
    }

    fn copy(&self, name: &str, copy: &Copy, from: Option<&str>) -> String {
        let mut text = name.to_owned() + &self.flag("from", from);
        for (flag, value) in [("chown", &copy.chown), ("chmod", &copy.chmod), ("checksum", &copy.checksum)] {
            text += &self.flag(flag, value.as_deref());
        }
        for pattern in &copy.exclude {
            text += &self.flag("exclude", Some(pattern));
        }
        for (flag, on) in
            [("link", copy.link), ("parents", copy.parents), ("keep-git-dir", copy.keep_git_dir)]
        {
            text += &if on { format!(" --{flag}") } else { String::new() };
        }
        text += &self.flag("unpack", copy.unpack.map(|on| on.to_string()).as_deref());
        let words: Vec<_> = copy.sources.iter().chain([&copy.dest]).collect();
        text + " " + &json(&words)
    }

    fn plain(&self, op: &Op, legacy: bool) -> String {
        match op {
            Op::Env { pairs } => "ENV".to_owned() + &self::pairs(pairs, legacy),
            Op::Label { pairs } => "LABEL".to_owned() + &self::pairs(pairs, legacy),
            Op::Arg { args } => {
                let word = |arg: &ArgDecl| match &arg.default {
                    Some(default) => format!("{}={default}", arg.name),
                    None => arg.name.clone(),
                };
                "ARG".to_owned() + &rest(&args.iter().map(word).collect::<Vec<_>>().join(" "))
            }
            Op::Workdir { path } => "WORKDIR".to_owned() + &rest(path),
            Op::User { user } => "USER".to_owned() + &rest(user),
            Op::Expose { ports } => "EXPOSE".to_owned() + &rest(&ports.join(" ")),
            Op::Volume { paths } => format!("VOLUME {}", json(paths)),
            Op::Cmd { command } => "CMD".to_owned() + &rest(&self::command(command)),
            Op::Entrypoint { command } => "ENTRYPOINT".to_owned() + &rest(&self::command(command)),
            Op::Shell { shell } => format!("SHELL {}", json(shell)),
            Op::Stopsignal { signal } => "STOPSIGNAL".to_owned() + &rest(signal),
            Op::Maintainer { name } => "MAINTAINER".to_owned() + &rest(name),
            Op::Onbuild { trigger, .. } => format!("ONBUILD {trigger}"),
            Op::Healthcheck { test: None, .. } => "HEALTHCHECK NONE".into(),
            Op::Healthcheck {
                test: Some(test),
                interval,
                timeout,
                start_period,
                start_interval,
                retries,
            } => {
                let times = [
                    ("interval", interval),
                    ("timeout", timeout),
                    ("start-period", start_period),
                    ("start-interval", start_interval),
                ];
                let set = times.iter().filter(|(_, nanos)| **nanos != 0);
                let flags: String = set.map(|(flag, nanos)| format!(" --{flag}={nanos}ns")).collect();
                let retries = if *retries == 0 { String::new() } else { format!(" --retries={retries}") };
                format!("HEALTHCHECK{flags}{retries} CMD {}", self::command(test))
            }
            // These have flags and are handled above.
            Op::Run { .. } | Op::Copy(_) | Op::Add(_) => String::new(),
        }
    }

    /// Writes a flag, with its value in quotes if necessary: the search for here-documents knows quotes, but not
    /// every escape character.
    fn flag(&self, name: &str, value: Option<&str>) -> String {
        let Some(value) = value else { return String::new() };
        let special = |c: char| c.is_whitespace() || ['\'', '"', '\\', self.escape].contains(&c);
        if !value.contains(special) {
            return format!(" --{name}={value}");
        }
        let quoted = |c| match c {
            '\'' => "'\"'\"'".to_owned(),
            c if c == self.escape => [c, c].iter().collect(),
            c => c.to_string(),
        };
        format!(" --{name}='{}'", value.chars().map(quoted).collect::<String>())
    }
}

/// The text after name and flags, written so that it is not read as a flag.
fn rest(text: &str) -> String {
    match text {
        "" => String::new(),
        text if text.starts_with("--") => format!(" -- {text}"),
        text => format!(" {text}"),
    }
}

fn json<T: AsRef<str>>(words: &[T]) -> String {
    serde_json::Value::from_iter(words.iter().map(AsRef::as_ref)).to_string()
}

fn command(command: &Command) -> String {
    match command {
        Command::Shell(text) => text.clone(),
        Command::Exec(words) => json(words),
    }
}

fn pairs(pairs: &[Pair], legacy: bool) -> String {
    let between = if legacy { ' ' } else { '=' };
    let words: Vec<_> = pairs.iter().map(|Pair { key, value }| format!("{key}{between}{value}")).collect();
    rest(&words.join(" "))
}

/// A mount as a list of keys.
fn csv(ParsedMount { mount, from }: &ParsedMount) -> String {
    if let Some(words) = &mount.words {
        return words.clone();
    }
    let Mount { target, source, id, sharing, mode, uid, gid, size, env, .. } = mount;
    let kind = match mount.kind {
        MountKind::Bind => "bind",
        MountKind::Cache => "cache",
        MountKind::Tmpfs => "tmpfs",
        MountKind::Secret => "secret",
        MountKind::Ssh => "ssh",
    };
    let mut fields = vec![format!("type={kind}")];
    let keys = [
        ("from", from),
        ("source", source),
        ("target", target),
        ("id", id),
        ("sharing", sharing),
        ("mode", mode),
        ("uid", uid),
        ("gid", gid),
        ("size", size),
        ("env", env),
    ];
    let set =
        keys.into_iter().filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}={value}")));
    fields.extend(set);
    if mount.readonly != (mount.kind == MountKind::Bind) {
        fields.push(format!("readonly={}", mount.readonly));
    }
    if mount.required {
        fields.push("required".into());
    }
    let quoted = |field: &String| match field.contains([',', '"']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.clone(),
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_spelling_is_printed_for_all() {
        let odd = "# Escape = `\n\n # why\nfrom a as B\n\trun --network='none' --mount=rw,\"type=cache\" `\n\
                   # a comment\n  x\nrun --network=none  <<-E\n\ty\n\tE\nCOPY --link=true a\tb /c\n\
                   HEALTHCHECK --interval=1.5s cmd [ \"a\" ]\nENV A b c\nUSER -- --a `";
        let printed = "# escape=`\n#\n# why\nFROM a as B\nRUN --mount=type=cache,target=. --network=none x\n\
                       RUN --network=none  <<-E\n\ty\nE\nCOPY --link [\"a\",\"b\",\"/c\"]\n\
                       HEALTHCHECK --interval=1500000000ns CMD [\"a\"]\nENV A b c\nUSER -- --a\n";
        assert_eq!(crate::parse(odd).unwrap().to_string(), printed);
        assert_eq!(crate::parse(printed).unwrap().to_string(), printed);
    }
}

//! Parses the text of an instruction.

mod onbuild;

use crate::duration;
use crate::error::{Kind, ParseError};
use crate::lines::{Line, heredoc};
use crate::mount::{self, ParsedMount};
use crate::words::{
    FlagKind, Flags, NotJson, array_or_words, blank_words, command, json_array, name_and_rest, not_strings,
    pairs, quoted_words,
};
use libcli::did_you_mean;
use libwire::plan::{ArgDecl, Command, Copy, Heredoc, Op};

/// The instructions, for suggestions and for the linter.
pub(crate) const NAMES: [&str; 18] = [
    "FROM",
    "RUN",
    "CMD",
    "LABEL",
    "MAINTAINER",
    "EXPOSE",
    "ENV",
    "ADD",
    "COPY",
    "ENTRYPOINT",
    "VOLUME",
    "USER",
    "WORKDIR",
    "ARG",
    "ONBUILD",
    "STOPSIGNAL",
    "HEALTHCHECK",
    "SHELL",
];

/// A parsed instruction, before stage names are resolved.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// FROM.
    From(From),
    /// Any other instruction. References to stages and images are still words.
    Op {
        /// The instruction, without what `from` and `mounts` refer to.
        op: Op,
        /// The value of COPY's `--from`.
        from: Option<String>,
        /// RUN's mounts.
        mounts: Vec<ParsedMount>,
        /// Whether it is written `key value`, without `=`.
        legacy: bool,
    },
}

/// FROM's words.
#[derive(Clone, Debug, PartialEq)]
pub struct From {
    /// The image or stage, unexpanded.
    pub image: String,
    /// `AS name` as written, and the keyword.
    pub name: Option<(String, String)>,
    /// `--platform`.
    pub platform: Option<String>,
}

fn plain(op: Op) -> Result<Parsed, ParseError> {
    Ok(Parsed::Op { op, from: None, mounts: Vec::new(), legacy: false })
}

/// Parses one instruction.
pub fn parse(line: &Line, escape: char) -> Result<Parsed, ParseError> {
    let (name, rest) = name_and_rest(&line.text);
    let upper = name.to_uppercase();
    match upper.as_str() {
        "FROM" => from(rest, escape),
        "RUN" => run(rest, &line.heredocs, escape),
        "COPY" => copy(rest, &line.heredocs, escape, false),
        "ADD" => copy(rest, &line.heredocs, escape, true),
        "ENV" => {
            let rest = no_flags("ENV", rest, escape)?;
            let (pairs, legacy) = pairs("ENV", rest, escape)?;
            Ok(Parsed::Op { op: Op::Env { pairs }, from: None, mounts: Vec::new(), legacy })
        }
        "LABEL" => {
            let rest = no_flags("LABEL", rest, escape)?;
            let (pairs, legacy) = pairs("LABEL", rest, escape)?;
            Ok(Parsed::Op { op: Op::Label { pairs }, from: None, mounts: Vec::new(), legacy })
        }
        "ARG" => arg(rest, escape),
        "WORKDIR" => plain(Op::Workdir { path: one("WORKDIR", no_flags("WORKDIR", rest, escape)?)? }),
        "USER" => plain(Op::User { user: one("USER", no_flags("USER", rest, escape)?)? }),
        "STOPSIGNAL" => plain(Op::Stopsignal { signal: one("STOPSIGNAL", Flags::skip(rest, escape))? }),
        "MAINTAINER" => {
            plain(Op::Maintainer { name: one("MAINTAINER", no_flags("MAINTAINER", rest, escape)?)? })
        }
        "EXPOSE" => {
            let ports = blank_words(no_flags("EXPOSE", rest, escape)?);
            plain(Op::Expose { ports: at_least_one("EXPOSE", ports)? })
        }
        "VOLUME" => {
            let words = array_or_words(no_flags("VOLUME", rest, escape)?)?;
            let paths: Vec<_> = words.iter().map(|path| path.trim().to_owned()).collect();
            let paths = at_least_one("VOLUME", paths)?;
            match paths.iter().any(String::is_empty) {
                true => Err(ParseError::new("VOLUME specified can not be an empty string")),
                false => plain(Op::Volume { paths }),
            }
        }
        "CMD" => plain(Op::Cmd { command: command(no_flags("CMD", rest, escape)?)? }),
        "ENTRYPOINT" => plain(Op::Entrypoint { command: command(no_flags("ENTRYPOINT", rest, escape)?)? }),
        "SHELL" => match json_array(no_flags("SHELL", rest, escape)?) {
            Ok(shell) => plain(Op::Shell { shell: at_least_one("SHELL", shell)? }),
            Err(NotJson::NotStrings(value)) => Err(not_strings(&value)),
            Err(NotJson::Text) if rest.is_empty() => {
                at_least_one("SHELL", Vec::new()).and_then(|shell| plain(Op::Shell { shell }))
            }
            Err(NotJson::Text) => {
                let what =
                    "SHELL requires the arguments to be in JSON form, such as SHELL [\"/bin/sh\", \"-c\"]";
                Err(ParseError::new(what).token(rest))
            }
        },
        "HEALTHCHECK" => healthcheck(rest, escape),
        "ONBUILD" => onbuild::parse(rest, line, escape),
        _ => Err(unknown(line, None)),
    }
}

/// Whether the line begins with an instruction's name.
pub(crate) fn is_known(line: &Line) -> bool {
    NAMES.contains(&name_and_rest(&line.text).0.to_uppercase().as_str())
}

/// The error for any other line, below the instruction `previous`.
pub(crate) fn unknown(line: &Line, previous: Option<&Line>) -> ParseError {
    let above = previous.map(|above| (above.text_end, above.text.clone()));
    ParseError::of(Kind::Stray { above }).token(name_and_rest(&line.text).0)
}

pub(crate) fn no_flags<'a>(name: &str, rest: &'a str, escape: char) -> Result<&'a str, ParseError> {
    Flags::take(name, rest, escape, &[]).map(|(_, rest)| rest)
}

fn missing_argument(instruction: &str, exactly: bool) -> ParseError {
    ParseError::of(Kind::MissingArgument { instruction: instruction.to_owned(), exactly })
}

fn one(name: &str, rest: &str) -> Result<String, ParseError> {
    match rest.is_empty() {
        true => Err(missing_argument(name, true)),
        false => Ok(rest.to_owned()),
    }
}

fn at_least_one(name: &str, words: Vec<String>) -> Result<Vec<String>, ParseError> {
    match words.is_empty() {
        true => Err(missing_argument(name, false)),
        false => Ok(words),
    }
}

fn from(rest: &str, escape: char) -> Result<Parsed, ParseError> {
    let (flags, rest) = Flags::take("FROM", rest, escape, &[("platform", FlagKind::Value)])?;
    let words = blank_words(rest);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let (image, name) = match words[..] {
        [image] => (image, None),
        [image, keyword, name] if keyword.eq_ignore_ascii_case("as") => {
            if !is_stage_name(&name.to_lowercase()) {
                let what = format!(
                    "invalid name for build stage: {name:?}, name can't start with a number or contain symbols; begin with a letter, then letters, digits, - _ and ."
                );
                return Err(ParseError::new(what).token(name));
            }
            (image, Some((name.to_owned(), keyword.to_owned())))
        }
        _ => {
            return Err(ParseError::of(Kind::WordsOfFrom).token(rest));
        }
    };
    Ok(Parsed::From(From { image: image.to_owned(), name, platform: flags.value("platform") }))
}

pub(crate) fn is_stage_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
}

fn run(rest: &str, heredocs: &[Heredoc], escape: char) -> Result<Parsed, ParseError> {
    let known = [
        ("mount", FlagKind::List),
        ("network", FlagKind::Value),
        ("security", FlagKind::Value),
        ("device", FlagKind::List),
    ];
    let (flags, rest) = Flags::take("RUN", rest, escape, &known)?;
    if let Some(device) = flags.list("device").first() {
        let what = format!("RUN --device={device} is not built yet; build without devices");
        return Err(ParseError::new(what).token("--device"));
    }
    let network = closed(&flags, "network", &["default", "none", "host"])?;
    let security = closed(&flags, "security", &["sandbox", "insecure"])?;
    let mount = |text: &String| mount::parse(text).unwrap_or_else(|_| mount::unread(text));
    let mounts = flags.list("mount").iter().map(mount).collect();
    let op = Op::Run {
        command: command(rest)?,
        heredocs: heredocs.to_vec(),
        mounts: Vec::new(),
        network,
        security,
    };
    Ok(Parsed::Op { op, from: None, mounts, legacy: false })
}

fn closed(flags: &Flags, name: &str, known: &[&str]) -> Result<Option<String>, ParseError> {
    let Some(value) = flags.value(name) else { return Ok(None) };
    match known.contains(&value.as_str()) {
        true => Ok(Some(value)),
        false => {
            let hint = did_you_mean(&value, known.iter().copied());
            let what = format!("invalid value {value:?} for --{name}{hint}; it may be {}", known.join(", "));
            Err(ParseError::new(what).token(value))
        }
    }
}

fn copy(rest: &str, heredocs: &[Heredoc], escape: char, add: bool) -> Result<Parsed, ParseError> {
    let name = if add { "ADD" } else { "COPY" };
    let mut known = vec![
        ("chown", FlagKind::Value),
        ("chmod", FlagKind::Value),
        ("link", FlagKind::Switch),
        ("exclude", FlagKind::List),
    ];
    known.extend_from_slice(match add {
        true => {
            &[("checksum", FlagKind::Value), ("keep-git-dir", FlagKind::Switch), ("unpack", FlagKind::Switch)]
        }
        false => &[("from", FlagKind::Value), ("parents", FlagKind::Switch)][..],
    });
    let (flags, rest) = Flags::take(name, rest, escape, &known)?;
    let mut words = array_or_words(rest)?;
    let Some(dest) = words.pop().filter(|_| !words.is_empty()) else {
        let what = format!(
            "{name} requires at least two arguments, but only one was provided. Destination could not be determined"
        );
        let what = match rest {
            "" => format!("{name} requires at least two arguments; write {name} SOURCE DESTINATION"),
            source => format!("{what}; write {name} {source} . to keep its name"),
        };
        return Err(ParseError::new(what).token(rest));
    };
    if heredoc(&dest).is_some() {
        let what = format!("{name} cannot accept a heredoc as a destination");
        return Err(ParseError::new(what).token(dest));
    }
    if !heredocs.is_empty() {
        words.retain(|word| heredoc(word).is_none());
    }
    let copy = Copy {
        sources: words,
        heredocs: heredocs.to_vec(),
        dest,
        from: None,
        chown: flags.value("chown"),
        chmod: flags.value("chmod"),
        link: flags.switch("link").unwrap_or(false),
        parents: flags.switch("parents").unwrap_or(false),
        exclude: flags.list("exclude"),
        checksum: flags.value("checksum"),
        keep_git_dir: flags.switch("keep-git-dir").unwrap_or(false),
        unpack: flags.switch("unpack"),
    };
    let from = flags.value("from");
    let op = if add { Op::Add(copy) } else { Op::Copy(copy) };
    Ok(Parsed::Op { op, from, mounts: Vec::new(), legacy: false })
}

fn arg(rest: &str, escape: char) -> Result<Parsed, ParseError> {
    let words = at_least_one("ARG", quoted_words(Flags::skip(rest, escape), escape))?;
    let decl = |word: &String| {
        let (name, default) =
            word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        match name.is_empty() {
            true => {
                let what = "ARG names can not be blank; write ARG NAME=value, without blanks around =";
                Err(ParseError::new(what).token(word.clone()))
            }
            false => Ok(ArgDecl { name: name.to_owned(), default: default.map(str::to_owned) }),
        }
    };
    plain(Op::Arg { args: words.iter().map(decl).collect::<Result<_, _>>()? })
}

fn healthcheck(rest: &str, escape: char) -> Result<Parsed, ParseError> {
    let (kind, words) = name_and_rest(Flags::skip(rest, escape));
    match kind.to_uppercase().as_str() {
        "" => return Err(missing_argument("HEALTHCHECK", false)),
        "NONE" if words.is_empty() => return plain(no_healthcheck()),
        "NONE" => return Err(ParseError::new("HEALTHCHECK NONE takes no arguments").token(words)),
        "CMD" => {}
        _ => {
            let hint = did_you_mean(kind, ["CMD", "NONE"]);
            let what = format!("unknown type {kind:?} in HEALTHCHECK{hint}; use CMD or NONE");
            return Err(ParseError::new(what).token(kind));
        }
    }
    let names = ["interval", "timeout", "start-period", "start-interval", "retries"];
    let known = names.map(|name| (name, FlagKind::Value));
    let (flags, _) = Flags::take("HEALTHCHECK", rest, escape, &known)?;
    let test = command(words)?;
    if matches!(&test, Command::Exec(words) if words.is_empty()) || words.is_empty() {
        return Err(ParseError::new("Missing command after HEALTHCHECK CMD; write it after CMD"));
    }
    let time = |name: &str| match flags.value(name).filter(|value| !value.is_empty()) {
        None => Ok(0),
        Some(value) => duration::healthcheck(name, &value).map_err(|what| ParseError::new(what).token(value)),
    };
    let retries = match flags.value("retries").filter(|value| !value.is_empty()) {
        None => 0,
        Some(value) => match value.parse::<i64>() {
            Ok(retries) if (0..=i64::from(i32::MAX)).contains(&retries) => retries,
            _ => {
                let what = format!("--retries must be a number from 0 on, not {value:?}");
                return Err(ParseError::new(what).token(value));
            }
        },
    };
    plain(Op::Healthcheck {
        interval: time("interval")?,
        timeout: time("timeout")?,
        start_period: time("start-period")?,
        start_interval: time("start-interval")?,
        retries,
        test: Some(test),
    })
}

fn no_healthcheck() -> Op {
    Op::Healthcheck { test: None, interval: 0, timeout: 0, start_period: 0, start_interval: 0, retries: 0 }
}

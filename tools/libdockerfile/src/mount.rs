//! `RUN --mount`: a comma-separated list of keys, each type with its own.

use crate::error::ParseError;
use crate::expand::{Expander, Lookup};
use libcli::did_you_mean;
use libwire::plan::{Mount, MountKind};

/// A mount whose `from` still has to be resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedMount {
    /// The mount without its `from`.
    pub mount: Mount,
    /// The name of a stage, context or image.
    pub from: Option<String>,
}

const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
];
const TYPES: [(&str, MountKind); 5] = [
    ("bind", MountKind::Bind),
    ("cache", MountKind::Cache),
    ("tmpfs", MountKind::Tmpfs),
    ("secret", MountKind::Secret),
    ("ssh", MountKind::Ssh),
];

/// The message for a mount that lacks a target.
pub const NO_TARGET: &str = "the mount has no target; add target=/…";

/// Keys whose values determine how the others are read.
const DECIDING: [&str; 6] = ["type", "readonly", "ro", "readwrite", "rw", "required"];

/// Parses and checks one mount, as far as possible if variables determine its kind.
pub fn parse(text: &str) -> Result<ParsedMount, ParseError> {
    let fields = csv(text)?;
    match fields.iter().any(|field| deciding(field).is_some_and(|(_, value)| value.contains('$'))) {
        true => Ok(unread(text)),
        false => read(&fields),
    }
}

/// A mount that is not parsed: variables determine its kind, or it has an error, which matters only if its stage is
/// built. Its `from` refers to a stage in any case.
pub(crate) fn unread(text: &str) -> ParsedMount {
    let from = fields(text).into_iter().flatten().rev().find_map(|field| {
        let (key, value) = field.split_once('=')?;
        key.eq_ignore_ascii_case("from").then(|| value.to_owned())
    });
    ParsedMount { mount: Mount { words: Some(text.to_owned()), ..empty(MountKind::Bind) }, from }
}

/// Determines the mount of a plan whose `words` have variables, with the values of `get`. Words that determine
/// nothing stay as written.
///
/// # Errors
/// The words, once expanded, are not a valid mount.
pub fn decide(mount: &Mount, escape: char, get: Lookup) -> Result<Mount, ParseError> {
    let Some(text) = &mount.words else { return Ok(mount.clone()) };
    let expander = Expander::new(escape);
    let mut fields = csv(text)?;
    for field in &mut fields {
        if let Some((key, value)) = deciding(field) {
            let value = expander.word(value, get).map_err(|error| ParseError::from(&error))?;
            *field = format!("{key}={value}");
        }
    }
    Ok(Mount { from: mount.from.clone(), ..read(&fields)?.mount })
}

fn csv(text: &str) -> Result<Vec<String>, ParseError> {
    fields(text).ok_or_else(|| ParseError::new(format!("failed to parse csv mount {text:?}")))
}

fn deciding(field: &str) -> Option<(&str, &str)> {
    field.split_once('=').filter(|(key, _)| DECIDING.iter().any(|known| known.eq_ignore_ascii_case(key)))
}

fn read(fields: &[String]) -> Result<ParsedMount, ParseError> {
    let kind = fields.iter().find_map(|field| {
        let (key, value) = field.split_once('=')?;
        key.eq_ignore_ascii_case("type").then(|| value.to_owned())
    });
    let kind = match kind {
        None => MountKind::Bind,
        Some(word) => kind_of(&word)?,
    };
    let mut parsed = ParsedMount { mount: empty(kind), from: None };
    for field in fields {
        set(&mut parsed, field)
            .map_err(|error| if error.token.is_empty() { error.token(field.clone()) } else { error })?;
    }
    check(parsed)
}

fn kind_of(word: &str) -> Result<MountKind, ParseError> {
    let found = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        let hint = did_you_mean(word, TYPES.iter().map(|(name, _)| *name));
        ParseError::new(format!("unsupported mount type {word:?}{hint}")).token(word)
    })
}

fn name_of(kind: MountKind) -> &'static str {
    TYPES.iter().find(|(_, known)| *known == kind).map_or("bind", |(name, _)| name)
}

fn empty(kind: MountKind) -> Mount {
    Mount {
        kind,
        target: None,
        source: None,
        from: None,
        id: None,
        sharing: None,
        readonly: kind == MountKind::Bind,
        required: false,
        mode: None,
        uid: None,
        gid: None,
        size: None,
        env: None,
        words: None,
    }
}

/// The fields of a CSV line. A field in double quotes may have commas, and `""` in it is a quote.
fn fields(text: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut()?;
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    (!quoted).then_some(fields)
}

fn set(parsed: &mut ParsedMount, field: &str) -> Result<(), ParseError> {
    let (key, value) = field.split_once('=').map_or((field, None), |(key, value)| (key, Some(value)));
    let key = key.to_lowercase();
    let kind = parsed.mount.kind;
    let only = |kinds: &[MountKind], key: &str| match kinds.contains(&kind) {
        true => Ok(()),
        false => Err(ParseError::new(format!("{key} not allowed for {:?} type mounts", name_of(kind)))),
    };
    use MountKind::{Cache, Secret, Ssh, Tmpfs};
    if let Some(on) = switch(&key, value)? {
        match key.as_str() {
            "readonly" | "ro" => parsed.mount.readonly = on,
            "readwrite" | "rw" => parsed.mount.readonly = !on,
            _ => {
                only(&[Secret, Ssh], "required")?;
                parsed.mount.required = on;
            }
        }
        return Ok(());
    }
    let Some(value) = value else {
        return Err(unknown_or(&key, format!("invalid field '{field}' must be a key=value pair")));
    };
    let mount = &mut parsed.mount;
    let slot = match key.as_str() {
        "type" => return Ok(()),
        "from" => &mut parsed.from,
        "source" | "src" => &mut mount.source,
        "target" | "dst" | "destination" => &mut mount.target,
        "id" => &mut mount.id,
        "env" => &mut mount.env,
        "sharing" => {
            only(&[Cache], "sharing")?;
            mount.sharing = Some(sharing(value)?);
            return Ok(());
        }
        "size" => {
            only(&[Tmpfs], "size")?;
            if !value.contains('$') && !value.is_empty() {
                libcli::size(value).map_err(|what| ParseError::new(what).token(value))?;
            }
            &mut mount.size
        }
        "mode" => {
            only(&[Cache, Secret, Ssh], "mode")?;
            number(&key, value, 8)?;
            &mut mount.mode
        }
        "uid" | "gid" => {
            only(&[Cache, Secret, Ssh], &key)?;
            number(&key, value, 10)?;
            if key == "uid" { &mut mount.uid } else { &mut mount.gid }
        }
        _ => return Err(unknown_or(&key, format!("unexpected key '{key}' in '{field}'"))),
    };
    *slot = Some(value.to_owned());
    Ok(())
}

/// Refuses a value that cannot be a number. The value of a variable is not known here.
fn number(key: &str, value: &str, radix: u32) -> Result<(), ParseError> {
    if value.contains('$') || u32::from_str_radix(value, radix).is_ok() {
        return Ok(());
    }
    let kind = if radix == 8 { "an octal number such as 0755" } else { "a number" };
    Err(ParseError::new(format!("invalid value {value} for {key}: it must be {kind}")).token(value))
}

fn unknown_or(key: &str, what: String) -> ParseError {
    let hint = if KEYS.contains(&key) { String::new() } else { did_you_mean(key, KEYS) };
    ParseError::new(what + &hint)
}

fn switch(key: &str, value: Option<&str>) -> Result<Option<bool>, ParseError> {
    if !["readonly", "ro", "readwrite", "rw", "required"].contains(&key) {
        return Ok(None);
    }
    match value {
        None | Some("true" | "TRUE" | "True" | "t" | "T" | "1") => Ok(Some(true)),
        Some("false" | "FALSE" | "False" | "f" | "F" | "0") => Ok(Some(false)),
        Some(other) => Err(ParseError::new(format!("invalid value for {key}: {other}; use true or false"))),
    }
}

fn sharing(value: &str) -> Result<String, ParseError> {
    let lower = value.to_lowercase();
    let known = ["shared", "private", "locked"];
    match known.contains(&lower.as_str()) {
        _ if value.contains('$') => Ok(value.to_owned()),
        true => Ok(lower),
        false => {
            let hint = did_you_mean(value, known);
            Err(ParseError::new(format!("unsupported sharing value {value:?}{hint}")))
        }
    }
}

fn check(mut parsed: ParsedMount) -> Result<ParsedMount, ParseError> {
    let mount = &mut parsed.mount;
    let error = |what: &str| Err(ParseError::new(what));
    match mount.kind {
        MountKind::Secret if parsed.from.is_some() => return error("secret mount should not have a from"),
        MountKind::Secret if mount.id.is_some() && mount.source.is_some() => {
            return error("both source and id can't be set for a secret mount");
        }
        MountKind::Secret if [&mount.id, &mount.source, &mount.target].into_iter().all(is_nothing) => {
            return error("invalid secret mount. one of source, target required");
        }
        MountKind::Ssh if mount.source.is_some() => {
            return error("ssh mount does not support source; name the agent with id=");
        }
        MountKind::Secret if mount.source.is_some() => mount.id = mount.source.take(),
        // Like a relative target: the working directory itself.
        MountKind::Bind | MountKind::Cache | MountKind::Tmpfs if mount.target.is_none() => {
            mount.target = Some(".".into());
        }
        MountKind::Bind | MountKind::Cache | MountKind::Tmpfs if is_nothing(&mount.target) => {
            return error(NO_TARGET);
        }
        _ => {}
    }
    // A relative target depends on the working directory, and the value of a variable is not known.
    match mount.target.clone().filter(|target| target.starts_with('/') && !target.contains('$')) {
        Some(absolute) => target(&absolute, "/").map(|_| parsed),
        None => Ok(parsed),
    }
}

/// Whether a key is absent or empty, which means the same.
fn is_nothing(value: &Option<String>) -> bool {
    value.as_deref().is_none_or(str::is_empty)
}

/// The path of a mount's target in the working directory `workdir`. No kernel lets a container cover its own /proc,
/// and a mount on the root would hide the image.
///
/// # Errors
/// The reason that nothing can be mounted there.
pub fn target(text: &str, workdir: &str) -> Result<String, ParseError> {
    let above = if text.starts_with('/') { "" } else { workdir };
    let mut parts: Vec<&str> = Vec::new();
    for part in above.split('/').chain(text.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let why = match (parts.first(), text.starts_with('/')) {
        (None, true) => "the root can't be mounted over; name a directory below",
        (None, false) => {
            "it is the root here, which can't be mounted over; name a directory, or set WORKDIR above"
        }
        (Some(&"proc"), _) => "nothing can be mounted in /proc; choose another directory",
        (Some(_), _) => return Ok(format!("/{}", parts.join("/"))),
    };
    Err(ParseError::new(format!("invalid mount target {text:?}: {why}")).token(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_belong_to_their_types() {
        let what = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(what("type=bind,target=/x,mode=1"), "mode not allowed for \"bind\" type mounts");
        assert!(what("type=bnd,target=/x").contains("did you mean bind?"));
        assert!(what("type=bind,taget=/x").contains("did you mean target?"));
        assert!(what("type=tmpfs,target=/").contains("the root"));
        assert!(what("type=tmpfs,target=/a/../proc/sys").contains("nothing can be mounted in /proc"));
        assert!(parse("type=tmpfs,target=/process").is_ok() && parse("type=tmpfs,target=/dev/shm").is_ok());
        assert!(what("type=cache,target=/c,uid=root").contains("a number"));
        assert!(what("type=ssh,source=x").contains("id="));
        assert_eq!(what("target=/x,required"), "required not allowed for \"bind\" type mounts");
        assert!(what("type=cache,target=/c,sharing=lockd").contains("did you mean locked?"));
    }

    #[test]
    fn without_a_target_it_is_the_working_directory() {
        assert_eq!(parse("type=bind").unwrap().mount.target.as_deref(), Some("."));
        assert_eq!(parse("type=secret,id=a").unwrap().mount.target, None);
    }

    #[test]
    fn a_quoted_field_may_hold_commas() {
        let parsed = parse("type=cache,\"target=/a,b\",ro").unwrap();
        assert_eq!(parsed.mount.target.as_deref(), Some("/a,b"));
        assert!(parsed.mount.readonly);
    }
}

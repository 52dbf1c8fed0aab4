//! The mounts that a command line asks for, in docker's words.

use libcli::{Failure, csv_fields, size};
use libsandbox::{Mount, MountSource};
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

/// A requested mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraMount {
    /// Absolute path in the image.
    pub target: PathBuf,
    /// Its source.
    pub source: ExtraSource,
    /// Whether it can't be written.
    pub readonly: bool,
}

/// The source of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtraSource {
    /// A file or directory of the caller's.
    Host(PathBuf),
    /// An empty directory in memory.
    Memory {
        /// Limit in bytes; none means half the memory.
        size: Option<u64>,
        /// Its mode.
        mode: u32,
        /// Whether no program in it can be executed.
        noexec: bool,
    },
}

/// Mode of a directory in memory, as docker has it.
const MEMORY_MODE: u32 = 0o1777;

/// `--volume SRC:DST[:OPTION,…]`.
pub fn volume(text: &str) -> Result<ExtraMount, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        [_] => {
            return Err(
                "a volume without a name is not kept anywhere; name a directory of this machine, as \
                        ./dir:/data, or use --tmpfs"
                    .into(),
            );
        }
        _ => {
            return Err(
                "it is SRC:DST[:ro]; for a path with a colon use --mount type=bind,source=…,target=…".into(),
            );
        }
    };
    if !source.starts_with(['/', '.']) {
        return Err(format!(
            "{source:?} is the name of a volume, and there are none; a directory is /… or ./…"
        ));
    }
    let mut readonly = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" | "readonly" => readonly = true,
            "rw" => readonly = false,
            // These are the default, or only matter on other systems.
            "z" | "Z" | "cached" | "delegated" | "consistent" | "private" | "rprivate" | "nocopy" => {}
            "shared" | "rshared" | "slave" | "rslave" => return Err(propagation(option)),
            _ => return Err(format!("{option:?} is no option of a volume; there are ro, rw, z and Z")),
        }
    }
    Ok(ExtraMount { target: absolute(target)?, source: ExtraSource::Host(source.into()), readonly })
}

/// `--tmpfs DST[:OPTION,…]`.
pub fn tmpfs(text: &str) -> Result<ExtraMount, String> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let (mut limit, mut mode, mut noexec, mut readonly) = (None, MEMORY_MODE, true, false);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", value)) => limit = Some(size(value)?),
            Some(("mode", value)) => mode = octal(value)?,
            None if matches!(option, "ro" | "rw") => readonly = option == "ro",
            None if matches!(option, "exec" | "noexec") => noexec = option == "noexec",
            // These are the default.
            None if matches!(option, "nosuid" | "nodev") => {}
            None if matches!(option, "suid" | "dev") => {
                return Err(format!(
                    "{option}: no device opens in a mount, and no program has its owner's rights there"
                ));
            }
            _ => {
                return Err(format!(
                    "{option:?} is no option; there are size=, mode=, ro, rw, exec and noexec"
                ));
            }
        }
    }
    let source = ExtraSource::Memory { size: limit, mode, noexec };
    Ok(ExtraMount { target: absolute(target)?, source, readonly })
}

/// `--mount type=bind|tmpfs,KEY=VALUE,…`.
pub fn mount(text: &str) -> Result<ExtraMount, String> {
    let mut keys = Keys::default();
    for field in csv_fields(text)? {
        match field.split_once('=') {
            Some((key, value)) => keys.set(&key.to_ascii_lowercase(), Some(value))?,
            None => keys.set(&field.to_ascii_lowercase(), None)?,
        }
    }
    let target = absolute(keys.target.as_deref().ok_or("a mount needs target=…")?)?;
    Ok(ExtraMount { target, readonly: keys.readonly, source: keys.source()? })
}

/// The values of a `--mount`, by their keys.
#[derive(Default)]
struct Keys {
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    readonly: bool,
    size: Option<u64>,
    mode: Option<u32>,
}

impl Keys {
    fn set(&mut self, key: &str, value: Option<&str>) -> Result<(), String> {
        let needed = || value.ok_or_else(|| format!("{key} needs a value: {key}=…"));
        match key {
            "type" => self.kind = Some(needed()?.to_owned()),
            "source" | "src" => self.source = Some(needed()?.to_owned()),
            "target" | "dst" | "destination" => self.target = Some(needed()?.to_owned()),
            "readonly" | "ro" => self.readonly = switch(key, value)?,
            "tmpfs-size" => self.size = Some(size(needed()?)?),
            "tmpfs-mode" => self.mode = Some(octal(needed()?)?),
            "consistency" => drop(needed()?),
            "bind-propagation" if matches!(needed()?, "private" | "rprivate") => {}
            "bind-propagation" => return Err(propagation(needed()?)),
            "bind-recursive" if matches!(needed()?, "enabled" | "readonly") => {}
            "bind-nonrecursive" if !switch(key, value)? => {}
            "bind-recursive" | "bind-nonrecursive" => {
                let why = "what is mounted below the source always comes along, and is read-only with it";
                return Err(format!("{key}: {why}"));
            }
            _ if key.starts_with("volume-") => {
                return Err(format!("{key}: there are no volumes; use type=bind"));
            }
            _ => return Err(unknown_key(key)),
        }
        Ok(())
    }

    fn source(self) -> Result<ExtraSource, String> {
        match (self.kind.as_deref().unwrap_or("volume"), self.source) {
            ("bind", _) if self.size.is_some() || self.mode.is_some() => {
                Err("tmpfs-size and tmpfs-mode are of type=tmpfs".into())
            }
            ("bind", Some(source)) if !source.is_empty() => Ok(ExtraSource::Host(source.into())),
            ("bind", _) => Err("a mount of type=bind needs source=…".into()),
            ("tmpfs", Some(_)) => Err("a mount of type=tmpfs has no source".into()),
            ("tmpfs", None) => {
                let mode = self.mode.unwrap_or(MEMORY_MODE);
                Ok(ExtraSource::Memory { size: self.size, mode, noexec: true })
            }
            ("volume", _) => {
                Err("there are no volumes, which is the type if none is said; use type=bind".into())
            }
            (other, _) => Err(format!("type={other}: there are only type=bind and type=tmpfs")),
        }
    }
}

fn unknown_key(key: &str) -> String {
    const KEYS: [&str; 9] = [
        "type",
        "source",
        "target",
        "readonly",
        "tmpfs-size",
        "tmpfs-mode",
        "bind-propagation",
        "bind-recursive",
        "consistency",
    ];
    format!("{key:?} is no key of a mount; there are {}", KEYS.join(", "))
}

fn propagation(mode: &str) -> String {
    format!(
        "{mode}: what is mounted later, on either side, is not seen on the other; leave it out, or say rprivate"
    )
}

fn switch(key: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("1" | "true") => Ok(true),
        Some("0" | "false") => Ok(false),
        Some(other) => Err(format!("{key}={other}: it is true or false")),
    }
}

fn octal(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| format!("{text:?} is no mode such as 1777"))
}

fn absolute(target: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(target);
    let names_something = path.components().any(|part| matches!(part, Component::Normal(_)));
    match path.is_absolute() && names_something {
        true => Ok(path),
        false => Err(format!("{target:?}: a target is an absolute path in the image, and not /")),
    }
}

/// The mounts for a sandbox. Each comes after those above its target.
pub fn ready(extra: &[ExtraMount]) -> Result<Vec<Mount>, Failure> {
    let mut sorted: Vec<&ExtraMount> = extra.iter().collect();
    sorted.sort_by_key(|mount| mount.target.components().count());
    for (at, mount) in sorted.iter().enumerate() {
        if sorted[..at].iter().any(|other| other.target == mount.target) {
            let what = format!("two mounts on {}; leave one out", mount.target.display());
            return Err(Failure::usage(what));
        }
    }
    sorted.into_iter().map(one).collect()
}

fn one(mount: &ExtraMount) -> Result<Mount, Failure> {
    let source = match &mount.source {
        ExtraSource::Host(path) => {
            require_source(path)?;
            MountSource::Host(path.clone())
        }
        ExtraSource::Memory { size, mode, noexec } => {
            MountSource::Tmpfs { size: *size, mode: *mode, noexec: *noexec }
        }
    };
    Ok(Mount { target: mount.target.clone(), source, readonly: mount.readonly })
}

fn require_source(path: &Path) -> Result<(), Failure> {
    let name = path.display().to_string();
    let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::failed(&name, format!("is not there to be mounted; make it before: mkdir -p {name}"))
        }
        _ => Failure::failed(&name, error),
    })?;
    match meta.file_type() {
        kind if kind.is_char_device() || kind.is_block_device() => Err(Failure::failed(
            &name,
            "is a device, which opens in no sandbox; mount an empty file to hide one",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(source: &str, target: &str, readonly: bool) -> ExtraMount {
        ExtraMount { target: target.into(), source: ExtraSource::Host(source.into()), readonly }
    }

    fn memory(target: &str, size: Option<u64>, mode: u32, noexec: bool, readonly: bool) -> ExtraMount {
        ExtraMount { target: target.into(), source: ExtraSource::Memory { size, mode, noexec }, readonly }
    }

    #[test]
    fn a_volume_is_a_directory_of_this_machine() {
        assert_eq!(volume("/a:/b").unwrap(), host("/a", "/b", false));
        assert_eq!(volume(".:/b:z,ro").unwrap(), host(".", "/b", true));
        for (text, said) in [
            ("/a", "is not kept"),
            ("data:/b", "name of a volume"),
            ("/a:/b:ro:x", "colon"),
            ("/a:b", "absolute"),
            ("/a:/", "absolute"),
            ("/a:/../.", "absolute"),
            ("/a:/b:rshared", "is not seen"),
            ("/a:/b:rx", "no option"),
        ] {
            let why = volume(text).unwrap_err();
            assert!(why.contains(said), "{text}: {why}");
        }
    }

    #[test]
    fn memory_has_the_options_of_docker() {
        assert_eq!(tmpfs("/t").unwrap(), memory("/t", None, 0o1777, true, false));
        let all = tmpfs("/t:rw,noexec,nosuid,size=64k,mode=700,exec,ro").unwrap();
        assert_eq!(all, memory("/t", Some(64 << 10), 0o700, false, true));
        for text in ["t", "/t:dev", "/t:size=x", "/t:mode=9", "/t:uid=1"] {
            assert!(tmpfs(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mount_has_keys_and_a_type() {
        let bind = mount(r#"type=bind,"src=/a,b:c",dst=/x,readonly,bind-propagation=rprivate"#).unwrap();
        assert_eq!(bind, host("/a,b:c", "/x", true));
        assert_eq!(mount("type=bind,source=/a,target=/x,ro=false").unwrap(), host("/a", "/x", false));
        let tmpfs = mount("type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=0755").unwrap();
        assert_eq!(tmpfs, memory("/t", Some(1 << 20), 0o755, true, false));
        for (text, said) in [
            ("source=/a,target=/x", "use type=bind"),
            ("type=volume,source=a,target=/x", "use type=bind"),
            ("type=npipe,target=/x", "type=npipe"),
            ("type=bind,target=/x", "source="),
            ("type=bind,source=/a", "target="),
            ("type=bind,source,target=/x", "source needs a value"),
            ("type=bind,source=/a,target=/x,ro=maybe", "ro=maybe"),
            ("type=bind,source=/a,target=/x,volume-nocopy", "volume-nocopy"),
            ("type=bind,source=/a,target=/x,bind-recursive=disabled", "bind-recursive"),
            ("type=bind,source=/a,target=/x,bind-propagation=shared", "is not seen"),
            ("type=bind,source=/a,target=/x,tmpfs-size=1m", "type=tmpfs"),
            ("type=tmpfs,source=/a,target=/x", "no source"),
            ("type=bind,source=/a,target=/x,colour=red", "no key"),
        ] {
            let why = mount(text).unwrap_err();
            assert!(why.contains(said), "{text}: {why}");
        }
    }

    #[test]
    fn each_mount_comes_after_those_above_it_and_none_twice() {
        let extra = ["/a/b", "/a", "/c"].map(|target| memory(target, None, 0o755, true, false));
        let order: Vec<_> = ready(&extra).unwrap().into_iter().map(|mount| mount.target).collect();
        assert_eq!(order, ["/a", "/c", "/a/b"].map(PathBuf::from));
        let twice = ["/a", "/a/"].map(|target| memory(target, None, 0o755, true, false));
        assert!(ready(&twice).is_err());
    }
}

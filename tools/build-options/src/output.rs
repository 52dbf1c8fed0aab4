//! Reads `--output`: its type, its destination, and how its layers are packed.

use crate::attributes::{self, Answer};
use crate::check;
use libcli::csv_fields;
use std::ffi::OsStr;

/// The type of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only the image in the store, and perhaps at registries.
    Image,
    /// Not even an image.
    CacheOnly,
    /// An OCI layout in a tar.
    Oci,
    /// A tar for docker load.
    Docker,
    /// An OCI layout in a directory.
    Layout,
    /// The tree as a tar.
    Tar,
    /// The tree in a directory.
    Local,
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its type.
    pub kind: Kind,
    /// Its destination; `-` is standard output, and empty means none.
    pub dest: String,
    /// Names for the image.
    pub names: Vec<String>,
    /// Whether it is pushed.
    pub push: bool,
    /// The compression of its new layers.
    pub compression: Option<String>,
    /// The level of the compression.
    pub level: Option<String>,
    /// Whether no file in a new layer is younger than SOURCE_DATE_EPOCH.
    pub rewrite: bool,
    /// Whether files that the image does not have are removed from the directory.
    pub delete: bool,
}

/// Whether the outputs only ask to fill the cache.
pub fn are_cache_only(outputs: &[Output]) -> bool {
    !outputs.is_empty() && outputs.iter().all(|output| output.kind == Kind::CacheOnly)
}

/// Reads one value of `--output`.
pub fn output(spec: &OsStr) -> Result<Output, String> {
    let spec = spec.to_str().ok_or("it is not UTF-8")?;
    let plain = |kind, dest: &str| Output {
        kind,
        dest: dest.to_owned(),
        names: Vec::new(),
        push: false,
        compression: None,
        level: None,
        rewrite: false,
        delete: false,
    };
    match spec {
        "" => return Err("it is empty".into()),
        "-" => return Ok(plain(Kind::Tar, "-")),
        dir if !dir.contains('=') => return Ok(plain(Kind::Local, dir)),
        _ => {}
    }
    let fields: Vec<String> = csv_fields(spec)?.iter().map(|field| named(field)).collect();
    let last = |name: &str| fields.iter().rev().find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let is_layout = last("tar").map(attributes::plain) == Some("false");
    let mut output = plain(kind(last("type"), is_layout)?, last("dest").unwrap_or_default());
    output.push = last("type") == Some("registry");
    for field in &fields {
        attribute(&mut output, field)?;
    }
    placed(output)
}

/// An attribute with its name as docker reads it: in lower case, without blanks around it.
fn named(field: &str) -> String {
    match field.split_once('=') {
        Some((name, value)) => format!("{}={value}", name.trim().to_lowercase()),
        None => field.to_owned(),
    }
}

fn kind(kind: Option<&str>, is_layout: bool) -> Result<Kind, String> {
    match kind {
        Some("oci" | "docker") if is_layout => Ok(Kind::Layout),
        Some("oci") => Ok(Kind::Oci),
        Some("docker") => Ok(Kind::Docker),
        _ if is_layout => Err("tar=false is for type=oci and type=docker".into()),
        Some("tar") => Ok(Kind::Tar),
        Some("local") => Ok(Kind::Local),
        Some("image" | "registry") => Ok(Kind::Image),
        Some("cacheonly") => Ok(Kind::CacheOnly),
        Some(other) => {
            let known = ["oci", "docker", "tar", "local", "image", "registry", "cacheonly"];
            let hint = libcli::did_you_mean(other, known);
            Err(format!("type '{other}' is none of {}{hint}", known.join(", ")))
        }
        None => Err("it has no type=; write type=local,dest=DIR or another type".into()),
    }
}

fn attribute(output: &mut Output, field: &str) -> Result<(), String> {
    let (name, value) = field.split_once('=').ok_or_else(|| format!("'{field}' is not NAME=VALUE"))?;
    match (name, value) {
        ("type" | "dest", _) => {}
        ("name", names) => {
            for name in names.split(',') {
                check::tag(OsStr::new(name))?;
                output.names.push(name.to_owned());
            }
        }
        ("compression", "estargz") => return switch(output, field, name, value),
        ("compression", "uncompressed") => output.compression = Some("none".into()),
        ("compression", name) => {
            check::compression(OsStr::new(name))?;
            output.compression = Some(name.to_owned());
        }
        ("compression-level", level) => output.level = Some(level.to_owned()),
        _ => return switch(output, field, name, attributes::plain(value)),
    }
    Ok(())
}

/// Reads an attribute that is on or off, or that changes nothing.
fn switch(output: &mut Output, field: &str, name: &str, value: &str) -> Result<(), String> {
    match (name, value) {
        ("tar", "false") => {}
        ("rewrite-timestamp", "true") => output.rewrite = true,
        ("push", "true" | "false") if output.kind == Kind::Image => output.push = value == "true",
        ("push", "true") => {
            return Err("push=true is for type=image; add -o type=registry beside this one".into());
        }
        ("mode", "delete") if output.kind == Kind::Local => output.delete = true,
        _ => match attributes::answer(name, value) {
            Some(Answer::Idle(_)) => {}
            Some(Answer::Refused(what)) => return Err(format!("{field}: {what}")),
            Some(Answer::Works(_)) => {
                return Err(format!("{field}: this type has nothing that it could mean"));
            }
            None => return Err(format!("'{field}' is not known")),
        },
    }
    Ok(())
}

/// The output with its destination, if that suits its type.
fn placed(mut output: Output) -> Result<Output, String> {
    match output.kind {
        Kind::Layout if matches!(output.dest.as_str(), "" | "-") => Err("tar=false needs dest=DIR".into()),
        Kind::Layout => check::new_directory(OsStr::new(&output.dest)).map(|()| output),
        Kind::Local if output.dest.is_empty() => Err("type=local needs dest=DIR".into()),
        Kind::Local if output.dest == "-" => {
            Err("a directory can't be standard output; write dest=DIR".into())
        }
        Kind::CacheOnly if !output.names.is_empty() => Err("type=cacheonly makes no image to name".into()),
        Kind::Image | Kind::CacheOnly if !output.dest.is_empty() => {
            Err(format!("dest={} is for outputs that are files; this type has none", output.dest))
        }
        Kind::Oci | Kind::Docker | Kind::Tar => {
            match output.dest.as_str() {
                "" => output.dest = "-".into(),
                "-" => {}
                path => check::new_file(OsStr::new(path))?,
            }
            Ok(output)
        }
        _ => Ok(output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spec: &str) -> Result<Output, String> {
        output(OsStr::new(spec))
    }

    #[test]
    fn an_output_is_a_directory_standard_output_or_attributes() {
        let place = |spec: &str| of(spec).map(|output| (output.kind, output.dest));
        assert_eq!(place("out"), Ok((Kind::Local, "out".into())));
        assert_eq!(place("-"), Ok((Kind::Tar, "-".into())));
        assert_eq!(place("type=oci"), Ok((Kind::Oci, "-".into())));
        assert_eq!(place("type=docker,dest=x.tar"), Ok((Kind::Docker, "x.tar".into())));
        assert_eq!(place("type=oci,tar=false,dest=d"), Ok((Kind::Layout, "d".into())));
        assert_eq!(place("type=local,\"dest=a,b \"\"c\"\"\""), Ok((Kind::Local, "a,b \"c\"".into())));
        assert_eq!(place("TYPE=oci, dest=x.tar"), Ok((Kind::Oci, "x.tar".into())));
        assert_eq!(place("type=tar,type=image"), Ok((Kind::Image, String::new())), "the last one counts");
    }

    #[test]
    fn what_could_not_be_written_or_is_not_known_is_refused() {
        for spec in [
            "",
            "dest=x",
            "type=oic",
            "type=local",
            "type=oci,tar=false",
            "type=image,dest=x",
            "type=oci,dest=/no/such/directory/x.tar",
            "type=registry,dest=x",
            "type=image,push=maybe",
            "type=oci,frob=1",
            "type=oci,compression=estargz",
            "type=oci,name=a@sha256:0",
            "type=oci,push=true",
            "type=oci,dest",
            "type=oci,\"dest=x",
            "type=oci,de\"st=x",
            "type=oci,\"dest=x\"y",
        ] {
            assert!(of(spec).is_err(), "{spec}");
        }
    }

    #[test]
    fn an_image_is_pushed_where_that_is_said() {
        for (spec, push) in [
            ("type=registry", true),
            ("type=image,push=true,name=r.example/a", true),
            ("type=image,push=false", false),
            ("type=registry,push=false", false),
            ("type=image", false),
            ("type=oci,push=false", false),
        ] {
            assert_eq!(of(spec).map(|output| output.push), Ok(push), "{spec}");
        }
    }

    #[test]
    fn names_may_be_several_in_quotes() {
        assert_eq!(of("type=image,\"name=a:1,b\"").unwrap().names, ["a:1", "b"]);
    }
}

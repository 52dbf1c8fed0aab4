//! Reads secrets, the same in every tool that takes some: the words of `--secret`, and the bytes that they name.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

/// The largest secret, in bytes, as BuildKit's.
const MAX_SECRET: u64 = 500 << 10;

/// The place of a secret's bytes.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// In the environment: its bytes.
    Value(Vec<u8>),
}

impl SecretSource {
    /// An error that names `id`, if the file does not exist.
    pub fn check(&self, id: &str) -> Result<(), String> {
        match self {
            Self::File(path) if !path.exists() => Err(format!(
                "secret {id}: there is no file {}; write src=FILE or env=VARIABLE",
                path.display()
            )),
            _ => Ok(()),
        }
    }

    /// The bytes of the secret `id`.
    pub fn read(&self, id: &str) -> Result<Vec<u8>, String> {
        let path = match self {
            Self::Value(bytes) => return Ok(bytes.clone()),
            Self::File(path) => path,
        };
        let place = format!("secret {id}: {}", path.display());
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| format!("{place}: {error}"))?;
        file.take(MAX_SECRET + 1).read_to_end(&mut bytes).map_err(|error| format!("{place}: {error}"))?;
        match bytes.len() as u64 > MAX_SECRET {
            true => Err(format!("{place}: it is larger than {MAX_SECRET} bytes")),
            false => Ok(bytes),
        }
    }
}

impl std::fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({path:?})"),
            Self::Value(_) => f.write_str("Value(…)"),
        }
    }
}

/// `id=NAME[,src=FILE|,env=VARIABLE][,type=file|env]`. Without both, the variable NAME, or else the file NAME.
pub fn secret(
    text: &str,
    environment: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<(String, SecretSource), String> {
    let (mut id, mut file, mut variable, mut kind) = (None, None, None, None);
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("id", value)) => id = Some(value.to_owned()),
            Some(("src" | "source", value)) => file = Some(value.to_owned()),
            Some(("env", value)) => variable = Some(value.to_owned()),
            Some(("type", value @ ("file" | "env"))) => kind = Some(value.to_owned()),
            _ => return Err(format!("{part:?} is not id=, src=, env= or type=file|env")),
        }
    }
    let id = id.filter(|id| !id.is_empty()).ok_or("it has no id=")?;
    if kind.as_deref() == Some("env") {
        variable = variable.or_else(|| file.take());
    }
    let source = match (file, variable) {
        (Some(_), Some(_)) => return Err("it has both src= and env=".into()),
        (Some(file), None) => SecretSource::File(PathBuf::from(file)),
        (None, Some(name)) => SecretSource::Value(environment(&name).ok_or(format!("${name} is not set"))?),
        (None, None) => match environment(&id).filter(|_| kind.as_deref() != Some("file")) {
            Some(value) => SecretSource::Value(value),
            None => SecretSource::File(PathBuf::from(&id)),
        },
    };
    Ok((id, source))
}

/// The bytes of the secrets for servers, by name.
pub fn secrets_for_servers(
    secrets: &BTreeMap<String, SecretSource>,
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let asked = secrets.iter().filter(|(id, _)| is_for_servers(id));
    asked.map(|(id, source)| Ok((id.clone(), source.read(id)?))).collect()
}

/// Whether a secret is for servers: it has one of BuildKit's names for these.
fn is_for_servers(id: &str) -> bool {
    ["GIT_AUTH_HEADER", "GIT_AUTH_TOKEN", "HTTP_AUTH_HEADER_", "HTTP_AUTH_TOKEN_"]
        .iter()
        .any(|start| id.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_file_or_a_variable() {
        let environment = |name: &str| (name == "SET").then(|| b"v".to_vec());
        let get = |text: &str| secret(text, &environment).map(|(_, source)| source);
        assert!(get("id=a,src=f") == Ok(SecretSource::File("f".into())));
        assert!(get("id=a,env=SET") == Ok(SecretSource::Value(b"v".to_vec())));
        assert!(get("id=SET") == Ok(SecretSource::Value(b"v".to_vec())));
        assert!(get("id=SET,type=file") == Ok(SecretSource::File("SET".into())));
        assert!(
            get("id=a,env=UNSET").is_err() && get("src=f").is_err() && get("id=a,src=f,env=SET").is_err()
        );
        assert!(!format!("{:?}", SecretSource::Value(b"v".to_vec())).contains("118"));
    }
}

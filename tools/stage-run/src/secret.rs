//! Secrets read from where the caller keeps them.

use crate::options::SecretSource;
use std::collections::BTreeMap;
use std::io::Read;

/// The largest secret, in bytes, as BuildKit's.
const MAX_SECRET: u64 = 500 << 10;

/// The bytes of secret `id`.
pub fn read(id: &str, source: &SecretSource) -> Result<Vec<u8>, String> {
    let path = match source {
        SecretSource::Value(bytes) => return Ok(bytes.clone()),
        SecretSource::File(path) => path,
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

/// Those that servers are shown.
pub fn for_servers(secrets: &BTreeMap<String, SecretSource>) -> Result<libfetch::Secrets, String> {
    let asked = secrets.iter().filter(|(id, _)| libfetch::is_for_servers(id));
    asked.map(|(id, source)| Ok((id.clone(), read(id, source)?))).collect()
}

//! Reads a file of configuration, which may be missing and is never large.

use libhttp::FetchError;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads a file, if it exists. `malformed` makes the error that it is too large.
pub(crate) fn read(
    path: &Path,
    malformed: impl Fn(&Path, &str) -> FetchError,
) -> Result<Option<Vec<u8>>, FetchError> {
    let name = path.display().to_string();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(FetchError::io(&name)(error)),
    };
    let mut text = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut text).map_err(FetchError::io(&name))?;
    match text.len() as u64 > LARGEST {
        true => Err(malformed(path, "it has more than 1 MiB")),
        false => Ok(Some(text)),
    }
}

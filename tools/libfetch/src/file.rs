//! Downloads one file over HTTP or HTTPS. It follows at most five redirects, and none from https to http. Credentials
//! for the first server are not sent to another.

use crate::{Environment, FetchError, name};
use flate2::read::MultiGzDecoder;
use libhttp::{REDIRECTS, agent, of_url, reason, url};
use libtree::tar::Limits;
use libwire::Digest;
use sha2::{Digest as _, Sha256};
use std::fs::{File, FileTimes, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;
use ureq::http::{HeaderValue, Response, StatusCode};
use ureq::{Body, ResponseExt};

/// BuildKit's name for a file whose URL has no name.
const UNNAMED: &str = "__unnamed__";

/// A file that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Its name in the directory.
    pub name: String,
    /// Its content's digest.
    pub digest: Digest,
    /// Its size.
    pub size: u64,
    /// The server's identifier of this version.
    pub etag: Option<String>,
}

/// Fetches `from` into the directory `into`, with mode 0600 and the modification time that the server gives, or else
/// 1970. With `expected`, any other content is an error.
pub fn download(
    from: &str,
    into: &Path,
    expected: Option<Digest>,
    environment: &Environment,
) -> Result<Download, FetchError> {
    receive(from, get(from, None, environment)?, into, expected, environment.limits)
}

/// The same, or `None` if the server still has the version `etag`.
pub fn download_unless(
    etag: &str,
    from: &str,
    into: &Path,
    expected: Option<Digest>,
    environment: &Environment,
) -> Result<Option<Download>, FetchError> {
    let response = get(from, Some(etag), environment)?;
    match response.status() {
        StatusCode::NOT_MODIFIED => Ok(None),
        _ => receive(from, response, into, expected, environment.limits).map(Some),
    }
}

fn receive(
    from: &str,
    response: Response<Body>,
    into: &Path,
    expected: Option<Digest>,
    limits: Limits,
) -> Result<Download, FetchError> {
    let name = name::file_name(from)
        .or_else(|| header(&response, "content-disposition").and_then(name::disposition))
        .unwrap_or_else(|| UNNAMED.to_owned());
    let etag = header(&response, "etag").map(str::to_owned);
    let (digest, size) = save(from, response, &into.join(&name), expected, limits)?;
    Ok(Download { name, digest, size, etag })
}

/// Fetches `from` to the new file `path`.
pub fn download_to(from: &str, path: &Path, environment: &Environment) -> Result<(), FetchError> {
    save(from, get(from, None, environment)?, path, None, environment.limits).map(drop)
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

fn save(
    from: &str,
    mut response: Response<Body>,
    path: &Path,
    expected: Option<Digest>,
    limits: Limits,
) -> Result<(Digest, u64), FetchError> {
    let modified = header(&response, "last-modified").and_then(|text| httpdate::parse_http_date(text).ok());
    let encoded = is_encoded(from, &response)?;
    let what = path.display().to_string();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(FetchError::io(&what))?;
    let body = response.body_mut().with_config().limit(u64::MAX).reader();
    // Nobody asked for it, but some stores give every file so; BuildKit undoes it too.
    let body: Box<dyn Read> = match encoded {
        true => Box::new(MultiGzDecoder::new(body)),
        false => Box::new(body),
    };
    // No server may fill the disk without end.
    let (digest, size) = write(from, body.take(limits.bytes.saturating_add(1)), &mut file)?;
    limits.check(size, 0).map_err(|what| FetchError::remote(from, what))?;
    if let Some(expected) = expected.filter(|expected| *expected != digest) {
        let (got, expected) = (digest.to_string(), expected.to_string());
        return Err(FetchError::Checksum { url: crate::redact(from), got, expected });
    }
    settle(&file, modified.unwrap_or(SystemTime::UNIX_EPOCH)).map_err(FetchError::io(&what))?;
    Ok((digest, size))
}

/// Whether the transfer compresses the body with gzip. Any other encoding is an error.
fn is_encoded(from: &str, response: &Response<Body>) -> Result<bool, FetchError> {
    let coding = |name| {
        let values = response.headers().get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(", ")
    };
    let (content, transfer) = (coding("content-encoding"), coding("transfer-encoding"));
    let refuse = |coding: &str| {
        let what = format!("the server sends it encoded as {coding:?}; name a URL that serves it unencoded");
        Err(FetchError::remote(from, what))
    };
    if !matches!(transfer.to_ascii_lowercase().as_str(), "" | "identity" | "chunked") {
        return refuse(&transfer);
    }
    match content.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => refuse(&content),
    }
}

fn get(from: &str, etag: Option<&str>, environment: &Environment) -> Result<Response<Body>, FetchError> {
    let failed = |error: ureq::Error| match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            FetchError::invalid(format!("{}: this can't be a URL; correct it", crate::redact(from)))
        }
        other => FetchError::remote(from, reason(&other)),
    };
    let mut request = agent(&environment.http, from, REDIRECTS)?.get(url::encode(from));
    if let Some(etag) = etag {
        request = request.header("If-None-Match", etag);
    }
    if let Some(value) = of_url(from, &environment.http)? {
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            FetchError::invalid(format!("{}: the secret is not valid in a header", crate::redact(from)))
        })?;
        value.set_sensitive(true);
        request = request.header("Authorization", value);
    }
    let response = request.call().map_err(failed)?;
    stays_private(from, &response)?;
    let status = response.status();
    // Other successful answers have a part of the file, nothing, or a proxy's version of it.
    match status == StatusCode::OK || (etag.is_some() && status == StatusCode::NOT_MODIFIED) {
        true => Ok(response),
        false => Err(FetchError::remote(from, format!("the server says {status}; is the URL right?"))),
    }
}

/// Refuses a redirect from https to http.
fn stays_private(from: &str, response: &Response<Body>) -> Result<(), FetchError> {
    let hops = response.get_redirect_history().unwrap_or_default();
    match from.starts_with("https:") && hops.iter().any(|hop| hop.scheme_str() != Some("https")) {
        true => Err(FetchError::remote(
            from,
            "it redirects from https to http; name the final URL if you trust it",
        )),
        false => Ok(()),
    }
}

/// Writes `body` to `file`, and hashes and counts it.
fn write(from: &str, mut body: impl Read, file: &mut File) -> Result<(Digest, u64), FetchError> {
    let broken = |error| FetchError::remote(from, format!("it broke off: {error}; try again"));
    let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let length = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        hasher.update(&buffer[..length]);
        file.write_all(&buffer[..length]).map_err(FetchError::io("cannot write the download"))?;
        size += length as u64;
    }
    Ok((Digest::from_bytes(hasher.finalize().into()), size))
}

fn settle(file: &File, modified: SystemTime) -> io::Result<()> {
    // The umask may have removed bits from the mode.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.set_times(FileTimes::new().set_modified(modified))
}

//! Certificates: the authorities that are trusted, and the client certificate for a server.

use crate::environment::Environment;
use crate::error::FetchError;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// Where distributions keep the certificates they trust.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The trusted certificates for all hosts, or for the host of a directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// `None` for the compiled-in authorities.
    roots: Vec<Certificate<'static>>,
    client: Option<ClientCert>,
}

impl Trust {
    /// The machine's authorities, or those that the caller names instead.
    pub fn of_machine(environment: &Environment) -> Result<Self, FetchError> {
        let mut roots = Vec::new();
        if let Some(path) = &environment.certificates {
            roots.extend(certificates(Path::new(path))?);
        }
        for dir in environment.certificate_dirs.iter().flat_map(std::env::split_paths) {
            // The file may have other content; only certificates count.
            for path in files(&dir)?.unwrap_or_default() {
                roots.extend(certificates(&path).unwrap_or_default());
            }
        }
        let named = environment.certificates.as_ref().or(environment.certificate_dirs.as_ref());
        match named {
            Some(place) if roots.is_empty() => {
                return Err(malformed(Path::new(place), "no certificate to trust is there"));
            }
            Some(_) => {}
            None => {
                let bundle = BUNDLES.iter().map(Path::new).find(|path| path.exists());
                roots = bundle.map(certificates).transpose()?.unwrap_or_default();
            }
        }
        Ok(Self { roots, client: None })
    }

    /// Adds the files of the first of `dirs` that exists: authorities in `*.crt`, and a client certificate in
    /// `NAME.cert` with its key in `NAME.key`.
    pub fn with_first(&self, dirs: &[PathBuf]) -> Result<Option<Self>, FetchError> {
        for dir in dirs {
            let Some(files) = files(dir)? else { continue };
            let mut trust = self.clone();
            let ends = |path: &PathBuf, end: &str| path.extension() == Some(OsStr::new(end));
            for path in files.iter().filter(|path| ends(path, "crt")) {
                match certificates(path)? {
                    none if none.is_empty() => return Err(malformed(path, "it has no certificate")),
                    some => trust.roots.extend(some),
                }
            }
            for path in files.iter().filter(|path| ends(path, "cert")) {
                if trust.client.is_some() {
                    return Err(malformed(path, "it is the second certificate to show; leave one there"));
                }
                trust.client = Some(pair(path, &path.with_extension("key"))?);
            }
            if let Some(path) =
                files.iter().find(|path| ends(path, "key") && !path.with_extension("cert").exists())
            {
                return Err(malformed(
                    path,
                    "its certificate is not beside it, in a file that ends in .cert",
                ));
            }
            return Ok(Some(trust));
        }
        Ok(None)
    }

    pub fn config(&self, verifies: bool) -> TlsConfig {
        let roots = match self.roots.is_empty() {
            true => RootCerts::WebPki,
            false => RootCerts::new_with_certs(&self.roots),
        };
        let config = TlsConfig::builder().root_certs(roots).client_cert(self.client.clone());
        config.disable_verification(!verifies).build()
    }
}

/// A certificate and its key.
fn pair(certificate: &Path, key: &Path) -> Result<ClientCert, FetchError> {
    let chain = certificates(certificate)?;
    let secret = parse_pem(&read(key)?).find_map(|item| match item {
        Ok(PemItem::PrivateKey(key)) => Some(key),
        _ => None,
    });
    let secret: PrivateKey = secret.ok_or_else(|| malformed(key, "it has no private key"))?;
    // A connection would panic if key and certificate do not match.
    let der = chain.iter().map(|one| one.der().to_owned().into()).collect();
    let ours = rustls::pki_types::PrivateKeyDer::try_from(secret.der().to_owned());
    let ours = ours.map_err(|why| malformed(key, why))?;
    rustls::sign::CertifiedKey::from_der(der, ours, &rustls::crypto::ring::default_provider())
        .map_err(|why| malformed(certificate, &format!("with {} it can't be shown: {why}", key.display())))?;
    Ok(ClientCert::new_with_certs(&chain, secret))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, FetchError> {
    let item = |item| if let Ok(PemItem::Certificate(one)) = item { Some(one) } else { None };
    Ok(parse_pem(&read(path)?).filter_map(item).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    std::fs::read(path).map_err(FetchError::io(&path.display().to_string()))
}

/// The files in a directory, in order; none if the directory does not exist, or may not be read.
fn files(dir: &Path) -> Result<Option<Vec<PathBuf>>, FetchError> {
    let name = dir.display().to_string();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            return match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied => Ok(None),
                _ => Err(FetchError::io(&name)(error)),
            };
        }
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(FetchError::io(&name))?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(Some(paths))
}

fn malformed(path: &Path, why: &str) -> FetchError {
    FetchError::invalid(format!("{}: {why}; correct it or remove it", path.display()))
}

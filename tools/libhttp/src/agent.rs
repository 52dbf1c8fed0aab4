//! Connections: their time limits, the way through proxies, the certificates that TLS is checked with, and what an
//! error on the way means.

use crate::{Environment, FetchError};
use std::path::PathBuf;
use std::time::Duration;
use ureq::config::RedirectAuthHeaders;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

/// How many redirects are followed.
pub const REDIRECTS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(60);
const NO_HOST: &str = "no such host; is the name right, and is there a network?";
/// Where distributions keep the certificates they trust.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// What happened on the way, and what to do.
pub fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::TooManyRedirects => format!("it leads through more than {REDIRECTS} redirects"),
        ureq::Error::HostNotFound => NO_HOST.into(),
        ureq::Error::Io(error) => {
            let text = error.to_string();
            let knows = |part: &str| text.contains(part);
            match () {
                () if knows("certificate") => {
                    format!("{text}; if it is to be trusted, name its authority's file in SSL_CERT_FILE")
                }
                () if knows("InvalidContentType") => "it does not speak TLS; is it http?".into(),
                () if knows("lookup address") => NO_HOST.into(),
                () => format!("{text}; is the server up?"),
            }
        }
        other => other.to_string(),
    }
}

/// Connections that follow so many redirects, and take all that is said for an answer.
pub fn agent(environment: &Environment, redirects: u32) -> Result<Agent, FetchError> {
    let mut config = Agent::config_builder()
        .max_redirects(redirects)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .save_redirect_history(true)
        .http_status_as_error(false)
        .user_agent("stagepipe")
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .timeout_per_write(Some(PATIENCE));
    if let Some(certificates) = certificates(environment)? {
        config = config.tls_config(TlsConfig::builder().root_certs(certificates).build());
    }
    config = config.proxy(environment.proxy.then(Proxy::try_from_env).flatten());
    Ok(config.build().new_agent())
}

/// The machine's own certificates; without any, those that are compiled in are used.
fn certificates(environment: &Environment) -> Result<Option<RootCerts>, FetchError> {
    let bytes = match &environment.certificates {
        Some(path) => {
            let path = PathBuf::from(path);
            Some(std::fs::read(&path).map_err(FetchError::io(&path.display().to_string()))?)
        }
        None => BUNDLES.iter().find_map(|path| std::fs::read(path).ok()),
    };
    let certificates = |bytes: Vec<u8>| -> Vec<_> {
        let item = |item| if let Ok(PemItem::Certificate(one)) = item { Some(one) } else { None };
        parse_pem(&bytes).filter_map(item).collect()
    };
    let found = bytes.map(certificates).filter(|found| !found.is_empty());
    Ok(found.map(|found| RootCerts::new_with_certs(&found)))
}

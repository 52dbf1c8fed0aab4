//! Makes connections, with time limits, proxies and the certificates for TLS, and explains their errors.

use crate::environment::Environment;
use crate::error::{FetchError, NO_TLS};
use crate::origin::Origin;
use crate::trust::Trust;
use std::time::Duration;
use ureq::config::RedirectAuthHeaders;
use ureq::tls::TlsConfig;
use ureq::{Agent, Proxy};

/// The most redirects that are followed.
pub const REDIRECTS: u32 = 5;
/// The longest silence of a server.
const PATIENCE: Duration = Duration::from_secs(30);
const NO_HOST: &str = "no such host; is the name right, and is there a network?";

/// The reason of a failure on the way, and the remedy.
pub fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::TooManyRedirects => format!("it leads through more than {REDIRECTS} redirects"),
        ureq::Error::HostNotFound => NO_HOST.into(),
        ureq::Error::Timeout(_) => "it says nothing for too long; is the server up?".into(),
        ureq::Error::LargeResponseHeader(..) => "its answer begins with too many headers".into(),
        ureq::Error::Io(error) => {
            let text = error.to_string();
            let knows = |part: &str| text.contains(part);
            match () {
                () if knows("certificate") => {
                    format!("{text}; if it is to be trusted, name its authority's file in SSL_CERT_FILE")
                }
                () if knows("InvalidContentType") => NO_TLS.into(),
                () if knows("lookup address") => NO_HOST.into(),
                () => format!("{text}; is the server up?"),
            }
        }
        other => other.to_string(),
    }
}

/// The error of a connection to `url`. It may work later, unless the answer makes no sense.
pub(crate) fn failure(url: &str, error: &ureq::Error) -> FetchError {
    let what = reason(error);
    let passes = match error {
        ureq::Error::Io(error) => error.kind() != std::io::ErrorKind::InvalidData,
        ureq::Error::Timeout(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        ureq::Error::ConnectProxyFailed(_) => true,
        _ => false,
    };
    match passes {
        true => FetchError::remote(url, what),
        false => FetchError::refused(url, what),
    }
}

/// Connections for requests that begin at `url` and follow this many redirects. Every status is an answer, not an
/// error.
pub fn agent(environment: &Environment, url: &str, redirects: u32) -> Result<Agent, FetchError> {
    let proxy = Origin::of(url).map(|server| environment.proxies.for_server(&server)).transpose()?;
    let trust = Trust::of_machine(environment)?;
    Ok(build(trust.config(true), proxy.flatten(), redirects))
}

pub(crate) fn build(tls: TlsConfig, proxy: Option<Proxy>, redirects: u32) -> Agent {
    let config = Agent::config_builder()
        .max_redirects(redirects)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .save_redirect_history(true)
        .http_status_as_error(false)
        .user_agent("stagepipe")
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .timeout_per_write(Some(PATIENCE))
        .tls_config(tls)
        .proxy(proxy);
    config.build().new_agent()
}

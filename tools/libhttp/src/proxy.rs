//! Chooses a proxy by the usual variables: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, read as by Go's tools and
//! curl. A proxy's password is in no message.

use crate::error::FetchError;
use crate::network::Network;
use crate::origin::Origin;
use libwire::remote::redact;
use std::ffi::OsString;
use std::fmt;
use ureq::Proxy;

/// The settings of the proxy variables.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For each scheme, the variable and its value.
    https: Option<(String, String)>,
    http: Option<(String, String)>,
    /// The servers that are asked without a proxy.
    exceptions: Vec<String>,
}

/// The text may get into a message, so it leaves out the URLs, which may have passwords.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxies")
    }
}

impl Proxies {
    /// Picks from `variable`, which looks a name up.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let value = |name: &str| variable(name)?.into_string().ok().filter(|value| !value.is_empty());
        let either = |name: &str| {
            let lower = name.to_ascii_lowercase();
            [lower.as_str(), name].into_iter().find_map(|name| Some((name.to_owned(), value(name)?)))
        };
        let all = either("ALL_PROXY");
        let exceptions = either("NO_PROXY").map_or(String::new(), |(_, value)| value);
        Self {
            https: either("HTTPS_PROXY").or(all.clone()),
            http: either("HTTP_PROXY").or(all),
            exceptions: exceptions.split(',').map(|part| part.trim().to_ascii_lowercase()).collect(),
        }
    }

    /// The proxy through which a server is asked. This machine is asked without one.
    pub(crate) fn for_server(&self, server: &Origin) -> Result<Option<Proxy>, FetchError> {
        let proxy = if server.is_https() { &self.https } else { &self.http };
        let Some((name, value)) = proxy else { return Ok(None) };
        if server.is_loopback() || self.exceptions.iter().any(|exception| is_excepted(server, exception)) {
            return Ok(None);
        }
        let proxy = Proxy::new(value).ok().filter(|proxy| {
            // A SOCKS proxy would be ignored silently, because its code is not compiled in.
            matches!(proxy.protocol(), ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https)
        });
        let what =
            || format!("{name}: {} is no http or https URL of a proxy; correct or unset it", redact(value));
        proxy.map(Some).ok_or_else(|| FetchError::invalid(what()))
    }
}

/// Whether an entry of NO_PROXY is a server's: all, a network, an address, or a domain with what is below it; each perhaps
/// with a port.
fn is_excepted(server: &Origin, exception: &str) -> bool {
    if let Ok(network) = exception.parse::<Network>() {
        return server.address().is_some_and(|address| network.contains(address));
    }
    let (name, port) = match exception.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (exception, None),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if port.is_some_and(|port| port.parse() != Ok(server.port())) {
        return false;
    }
    let domain = name.trim_start_matches('*').trim_start_matches('.');
    match domain {
        "" => name == "*",
        // With a dot before it, an entry means the names below a domain, but not the domain itself.
        _ => {
            let below = server.host().strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
            below && server.address().is_none() || server.host() == name
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)], url: &str) -> Result<Option<String>, String> {
        let known =
            Proxies::of(|name| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned().into()));
        let proxy = known.for_server(&Origin::of(url).unwrap()).map_err(|error| error.to_string())?;
        Ok(proxy.map(|proxy| proxy.host().to_owned()))
    }

    #[test]
    fn a_proxy_is_for_its_scheme_and_not_for_this_machine() {
        let both = [("HTTPS_PROXY", "http://s:1"), ("http_proxy", "p:2"), ("HTTP_PROXY", "q:2")];
        assert_eq!(proxy(&both, "https://h/").unwrap().as_deref(), Some("s"));
        assert_eq!(proxy(&both, "http://h/").unwrap().as_deref(), Some("p"));
        assert_eq!(proxy(&both[..1], "http://h/").unwrap(), None);
        assert_eq!(proxy(&[("ALL_PROXY", "a")], "http://h/").unwrap().as_deref(), Some("a"));
        for local in ["https://localhost/", "http://127.0.0.1:5000/", "http://[::1]:5000/"] {
            assert_eq!(proxy(&both, local).unwrap(), None, "{local}");
        }
    }

    #[test]
    fn one_that_is_none_is_an_error_without_its_password() {
        for bad in
            ["socks5://u:hunter2@h:1", "http://u:hunter2@/", "ftp://u:hunter2@h", "http://u:hunter2@h y"]
        {
            let error = proxy(&[("HTTPS_PROXY", bad)], "https://h/").unwrap_err();
            assert!(error.starts_with("HTTPS_PROXY: ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn exceptions_are_hosts_domains_networks_and_ports() {
        for (exceptions, url, is) in [
            ("*", "https://h/", true),
            ("h", "https://h:5/", true),
            ("h:5", "https://h:5/", true),
            ("h:5", "https://h/", false),
            ("h:443", "https://h/", true),
            ("example.org", "https://a.example.org/", true),
            ("example.org", "https://example.org/", true),
            (".example.org", "https://a.example.org/", true),
            (".example.org", "https://example.org/", false),
            ("*.example.org", "https://a.example.org/", true),
            ("example.org", "https://badexample.org/", false),
            ("x, 10.0.0.0/8", "https://10.1.1.1:5000/", true),
            ("10.0.0.0/8", "https://11.1.1.1/", false),
            ("10.1.1.1", "https://10.1.1.1/", true),
            ("1.1.1", "https://10.1.1.1/", false),
            ("fd00::1", "https://[fd00::1]:5000/", true),
            ("[fd00::1]:5000", "https://[fd00::1]:5000/", true),
            ("", "https://h/", false),
        ] {
            let known = [("HTTPS_PROXY", "p"), ("NO_PROXY", exceptions)];
            assert_eq!(proxy(&known, url).unwrap().is_none(), is, "{exceptions} {url}");
        }
    }
}

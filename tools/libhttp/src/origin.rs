//! The server of a URL: scheme, host and port, compared as in a browser. It decides whether a password may be sent
//! there.

use std::fmt;
use std::net::IpAddr;
use ureq::http::Uri;

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    /// Host and port, in lower case, without the default port of the scheme.
    authority: String,
}

impl Origin {
    /// The origin of `authority`, a host perhaps with a port. By default, this machine is without TLS.
    pub fn new(https: Option<bool>, authority: &str) -> Self {
        let origin = Self { https: true, authority: authority.to_ascii_lowercase() };
        Self { https: https.unwrap_or(!origin.is_loopback()), ..origin }
    }

    /// The origin of an absolute http(s) URL without a user.
    pub fn of(url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let https = match url.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = url.authority()?.as_str();
        (!authority.contains('@')).then(|| Self::new(Some(https), authority))
    }

    /// Host and port, in lower case, as they are written.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host without its port, and an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        match self.authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => self.authority.split(':').next().unwrap_or_default(),
        }
    }

    /// The host, if it is an address and no name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        self.host() == "localhost" || self.address().is_some_and(|address| address.is_loopback())
    }

    /// The port, or else the default port of the scheme.
    pub fn port(&self) -> u16 {
        let written = match self.authority.rsplit_once(':') {
            Some((_, port)) if !port.contains(']') => port.parse().ok(),
            _ => None,
        };
        written.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Whether it is this machine, or an address of a private network. A server elsewhere can't know the servers there,
    /// and may try to have one asked.
    pub fn is_local(&self) -> bool {
        let local = |address: std::net::Ipv4Addr| {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
        };
        match self.address() {
            None => self.host() == "localhost" || self.host().ends_with(".localhost"),
            Some(IpAddr::V4(address)) => local(address),
            Some(IpAddr::V6(address)) => {
                let first = address.segments()[0];
                address.is_loopback()
                    || address.is_unspecified()
                    || first & 0xfe00 == 0xfc00
                    || first & 0xffc0 == 0xfe80
                    || address.to_ipv4_mapped().is_some_and(local)
            }
        }
    }

    /// Whether it is asked over TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether a password may be sent there: over TLS, or within this machine.
    pub fn may_have_secrets(&self) -> bool {
        self.https || self.is_loopback()
    }

    /// Whether this is the same server.
    pub fn is(&self, other: &Self) -> bool {
        self.https == other.https && self.host() == other.host() && self.port() == other.port()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }
}

/// The URL of a redirect from `base` to `location`.
pub fn resolve(base: &str, location: &str) -> Option<String> {
    let (scheme, rest) = base.split_once("://")?;
    let path = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path);
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    if location.split_once("://").is_some_and(|(scheme, _)| matches!(scheme, "http" | "https")) {
        return Some(location.to_owned());
    }
    if location.starts_with("//") {
        return Some(format!("{scheme}:{location}"));
    }
    if location.starts_with('/') {
        return Some(format!("{scheme}://{authority}{location}"));
    }
    // It has another scheme, or is a path after the last slash.
    let is_scheme = location.find([':', '/', '?', '#']).is_some_and(|at| location[at..].starts_with(':'));
    let dir = &path[..path.rfind('/').map_or(0, |at| at + 1)];
    let dir = if dir.is_empty() { "/" } else { dir };
    let dir = if location.starts_with(['?', '#']) && !path.is_empty() { path } else { dir };
    (!is_scheme).then(|| format!("{scheme}://{authority}{dir}{location}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_its_scheme_host_and_port() {
        let of = |url| Origin::of(url).unwrap();
        assert!(of("https://H.example/a").is(&of("https://h.example:443/b?c")));
        assert!(of("http://[::1]/").is(&of("http://[::1]:80")));
        for other in
            ["http://h.example/", "https://h.example:444/", "https://g.example/", "https://h.example.org/"]
        {
            assert!(!of("https://h.example/").is(&of(other)), "{other}");
        }
        for none in ["ftp://h/", "/v2/", "h.example", "https://u:p@h/", "https:///x", "", "https://h\n/"] {
            assert_eq!(Origin::of(none), None, "{none}");
        }
    }

    #[test]
    fn a_password_goes_over_tls_or_no_wire() {
        for (url, may) in [
            ("https://h/", true),
            ("http://h/", false),
            ("http://LOCALHOST:1/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:5/", true),
            ("http://127.0.0.1.example/", false),
            ("http://localhost.example/", false),
        ] {
            assert_eq!(Origin::of(url).unwrap().may_have_secrets(), may, "{url}");
        }
    }

    #[test]
    fn addresses_that_mean_something_else_elsewhere_are_local() {
        for (host, is) in [
            ("localhost", true),
            ("a.localhost:1", true),
            ("169.254.169.254", true),
            ("10.1.2.3:443", true),
            ("172.31.0.1", true),
            ("192.168.0.1", true),
            ("0.0.0.0", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("[fd00:ec2::254]", true),
            ("[fe80::1]", true),
            ("192.0.2.1", false),
            ("[2001:db8::1]", false),
            ("h.example", false),
            ("localhost.example", false),
        ] {
            assert_eq!(Origin::new(None, host).is_local(), is, "{host}");
        }
    }

    #[test]
    fn a_redirect_leads_where_it_says() {
        for (location, wanted) in [
            ("http://o/x", Some("http://o/x")),
            ("//o/x", Some("https://o/x")),
            ("/x?y", Some("https://h:1/x?y")),
            ("x", Some("https://h:1/a/x")),
            ("?y", Some("https://h:1/a/b?y")),
            ("x:y", None),
            ("ftp://o/x", None),
        ] {
            assert_eq!(resolve("https://h:1/a/b?c=/d", location).as_deref(), wanted, "{location}");
        }
        assert_eq!(resolve("http://h", "x").as_deref(), Some("http://h/x"));
    }
}

//! Reads the ports to publish, and says why none is: the network is the host's, or there is none.

use libsandbox::Network;

/// A port of the command, from `[[ADDRESS:]PORT:]PORT[/PROTOCOL]`; each port may be a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published(String);

/// Reads a value of `--publish`.
pub fn published(text: &str) -> Result<Published, String> {
    let wrong = || format!("{text:?} is not [[ADDRESS:]PORT:]PORT[/tcp|/udp]");
    let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let (rest, inner) = ports.rsplit_once(':').unwrap_or(("", ports));
    let (address, outer) = rest.rsplit_once(':').unwrap_or(("", rest));
    let address = address.strip_prefix('[').and_then(|six| six.strip_suffix(']')).unwrap_or(address);
    let right = matches!(protocol, "tcp" | "udp" | "sctp")
        && is_ports(inner)
        && (outer.is_empty() || is_ports(outer))
        && (address.is_empty() || address.parse::<std::net::IpAddr>().is_ok());
    right.then(|| Published(inner.to_owned())).ok_or_else(wrong)
}

fn is_ports(text: &str) -> bool {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    [first, last].iter().all(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// The line that says that they are not published, if there are any.
pub fn what_becomes_of(ports: &[Published], network: Network) -> Option<String> {
    let list = ports.iter().map(|Published(port)| port.as_str()).collect::<Vec<_>>().join(", ");
    match network {
        _ if ports.is_empty() => None,
        Network::Host => Some(format!(
            "-p publishes nothing: the command has this machine's network, and is reached at the port and address that \
             it listens on itself (it was to be {list})"
        )),
        Network::None => {
            Some(format!("-p publishes nothing: with --network none nobody reaches port {list}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_written_as_for_docker() {
        for (text, port) in [
            ("80", "80"),
            ("8080:80", "80"),
            ("8080:80/udp", "80"),
            ("127.0.0.1:8080:80", "80"),
            ("127.0.0.1::80", "80"),
            ("[::1]:8080:80", "80"),
            ("8000-8009:9000-9009", "9000-9009"),
        ] {
            assert_eq!(published(text), Ok(Published(port.into())), "{text}");
        }
        for text in ["", "x", "80:", ":", "0", "99999", "host:80:80", "80/icmp", "1-"] {
            assert!(published(text).is_err(), "{text}");
        }
    }
}

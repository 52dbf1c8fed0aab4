//! EXPOSE: ports, ranges and protocols.

use std::net::IpAddr;

/// Converts `[[ip:]host:]container[/protocol]`, in which ports may be ranges, to a list of `port/protocol`. The
/// host's part is checked and dropped, because only `docker run` uses it.
///
/// # Errors
/// The error, and the correct spelling.
pub fn parse(spec: &str) -> Result<Vec<String>, String> {
    split(spec).map_err(|why| {
        let hint =
            if spec.starts_with('#') { "" } else { "; write a number up to 65535, such as 80 or 53/udp" };
        format!("invalid port: {spec:?}: {why}{hint}")
    })
}

fn split(spec: &str) -> Result<Vec<String>, String> {
    let (front, container) = spec.rsplit_once(':').map_or((None, spec), |(front, rest)| (Some(front), rest));
    let (port, protocol) = container.split_once('/').unwrap_or((container, ""));
    if port.is_empty() {
        return Err("no port specified".into());
    }
    let protocol = match protocol.to_lowercase().as_str() {
        "" => "tcp".to_owned(),
        known @ ("tcp" | "udp" | "sctp") => known.to_owned(),
        other => return Err(format!("invalid proto: {other}")),
    };
    let (first, last) = range(port).ok_or_else(|| format!("invalid containerPort: {port}"))?;
    check_host(front, (first, last))?;
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

fn check_host(front: Option<&str>, container: (u16, u16)) -> Result<(), String> {
    let Some(front) = front else { return Ok(()) };
    let (ip, host) = front.rsplit_once(':').map_or(("", front), |(ip, host)| (ip, host));
    let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
        return Err(format!("invalid IP address: {ip}"));
    }
    if host.is_empty() {
        return Ok(());
    }
    let (first, last) = range(host).ok_or_else(|| format!("invalid hostPort: {host}"))?;
    match last - first == container.1 - container.0 || container.0 == container.1 {
        true => Ok(()),
        false => Err("the ranges of container and host differ in length".into()),
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits)
    };
    match text.split_once('-') {
        None => number(text).map(|port| (port, port)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some((first, last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn forms_of_a_port() {
        for (spec, ports) in [
            ("80", &["80/tcp"][..]),
            ("53/UDP", &["53/udp"]),
            ("7000-7002/sctp", &["7000/sctp", "7001/sctp", "7002/sctp"]),
            ("127.0.0.1:8080:80", &["80/tcp"]),
            ("[::1]:8080:80", &["80/tcp"]),
            ("8080-8081:80", &["80/tcp"]),
            (":80", &["80/tcp"]),
        ] {
            assert_eq!(parse(spec).unwrap(), ports, "{spec}");
        }
    }

    #[test]
    fn what_is_no_port_says_why() {
        for (spec, why) in [
            ("65536", "invalid containerPort: 65536"),
            ("7002-7000", "invalid containerPort: 7002-7000"),
            ("80/http", "invalid proto: http"),
            ("/tcp", "no port"),
            ("x:80", "invalid hostPort"),
            ("1.2.3:80:80", "invalid IP"),
            ("+80", "invalid containerPort"),
            ("1-2:80-90", "ranges"),
        ] {
            assert!(parse(spec).unwrap_err().contains(why), "{spec}");
        }
    }
}

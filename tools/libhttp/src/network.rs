//! Networks of addresses, as `10.0.0.0/8`: decides whether an address is in one.

use std::net::IpAddr;
use std::str::FromStr;

/// The addresses that begin with the same bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = text.split_once('/').ok_or(())?;
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.parse().ok().filter(|&bits| bits <= most).ok_or(())?;
        Ok(Self { address, bits })
    }
}

impl Network {
    /// Whether an address is in this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs) = (wide(self.address), wide(address));
        let unused = if self.address.is_ipv4() { 32 } else { 128 } - u32::from(self.bits);
        self.address.is_ipv4() == address.is_ipv4()
            && ours.checked_shr(unused).unwrap_or(0) == theirs.checked_shr(unused).unwrap_or(0)
    }
}

fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        for (network, address, has) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("192.0.2.1/32", "192.0.2.2", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), has, "{network:?} {address}");
        }
        for bad in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "h/8", "/8", ""] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}

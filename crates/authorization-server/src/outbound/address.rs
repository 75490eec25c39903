//! Which addresses a fetch on a client's behalf may reach: public ones. Private ones only when the operator
//! lists them; link-local (where clouds serve credentials), multicast, documentation, reserved and
//! translated ones never. What is not known to be public is not public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To anybody on the internet.
    Public,
    /// Into this machine, the operator's network or the carrier's.
    Private,
    /// To nothing that serves keys.
    Never,
}

/// By the special-purpose registries of RFC 6890. IPv6 in the dress of IPv4 and the other way round
/// (mapped, 6to4, Teredo) is never called, because the address inside is another than the one that is seen.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

const fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        // Loopback, RFC 1918, and the carriers' shared space (RFC 6598).
        [127 | 10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        // This network, link-local, protocol assignments, documentation, 6to4 relays, benchmarks, multicast,
        // reserved and broadcast.
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Reach::Never,
        _ => Reach::Public,
    }
}

const fn reach_v6(address: Ipv6Addr) -> Reach {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff, ..] => Reach::Private,
        // An IPv4 address behind the well-known prefix of NAT64 (RFC 6052), as networks without IPv4 resolve it.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            match reach_v4(Ipv4Addr::from_bits((high as u32) << 16 | low as u32)) {
                Reach::Public => Reach::Public,
                Reach::Private | Reach::Never => Reach::Never,
            }
        }
        // Protocol assignments with Teredo and ORCHID, documentation twice, 6to4.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never,
        // The only global unicast space that is given out (RFC 4291 section 2.4).
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;

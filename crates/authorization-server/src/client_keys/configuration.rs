//! `[client_keys]`: how key sets of clients with `jwks_uri` are fetched, and its rules. Everything has a
//! default that is safe; what makes the server call into the operator's own network begins with `dangerous_`.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use crate::configuration::{ConfigurationInvalid, invalid};
use crate::outbound::{Reach, reach};

/// `[client_keys]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientKeysConfiguration {
    /// Whether key sets are fetched at all. When not, clients with `jwks_uri` are refused.
    pub fetch: bool,
    /// For how many seconds a fetched set is used without asking again, 30 to 3600.
    pub cache_lifetime: u32,
    /// The fewest seconds between two fetches of one set, whatever keys are unknown, 5 to 300.
    pub refetch_pause: u32,
    /// For how many seconds after it was fetched a set is used while it can't be fetched again; from
    /// `cache_lifetime` to 86400.
    pub stale_limit: u32,
    /// How many fetches may run at the same time, 1 to 1000, and beside them as many notifications.
    pub maximum_concurrent_fetches: usize,
    /// Certification authorities that clients' servers are trusted by, PEM; the system's without it.
    pub roots_file: Option<PathBuf>,
    /// Host names whose `jwks_uri` may lead to loopback and private addresses. Whoever can register a client
    /// can make the server call them.
    pub dangerous_private_hosts: Vec<String>,
    /// Private addresses and networks that any client's `jwks_uri` may lead to. Whoever can register a
    /// client can make the server call them.
    pub dangerous_private_networks: Vec<String>,
}

impl Default for ClientKeysConfiguration {
    fn default() -> Self {
        Self {
            fetch: true,
            cache_lifetime: 300,
            refetch_pause: 30,
            stale_limit: 3600,
            maximum_concurrent_fetches: 32,
            roots_file: None,
            dangerous_private_hosts: Vec::new(),
            dangerous_private_networks: Vec::new(),
        }
    }
}

/// How long a fetched set is good, and how often it is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchTimes {
    pub(super) lifetime: Duration,
    pub(super) pause: Duration,
    pub(super) stale: Duration,
}

/// Where fetches may lead beside the public internet.
#[derive(Clone, Debug, Default)]
pub(crate) struct PrivateDestinations {
    pub(crate) hosts: Vec<String>,
    pub(crate) networks: Vec<IpNet>,
}

impl ClientKeysConfiguration {
    pub(crate) fn times(&self) -> Result<FetchTimes, ConfigurationInvalid> {
        for (option, value, least, most) in [
            ("client_keys.cache_lifetime", self.cache_lifetime, 30, 3600),
            ("client_keys.refetch_pause", self.refetch_pause, 5, 300),
            ("client_keys.stale_limit", self.stale_limit, self.cache_lifetime, 86_400),
        ] {
            if !(least..=most).contains(&value) {
                let rule = format!("it is not between {least} and {most} seconds");
                return Err(invalid(option, value, rule, "choose a value in that range"));
            }
        }
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        Ok(FetchTimes {
            lifetime: seconds(self.cache_lifetime),
            pause: seconds(self.refetch_pause),
            stale: seconds(self.stale_limit),
        })
    }

    pub(crate) fn concurrency(&self) -> Result<usize, ConfigurationInvalid> {
        let most = self.maximum_concurrent_fetches;
        if (1..=1000).contains(&most) {
            return Ok(most);
        }
        let rule = "it is not between 1 and 1000";
        Err(invalid("client_keys.maximum_concurrent_fetches", most, rule, "choose a value in that range"))
    }

    pub(crate) fn private_destinations(&self) -> Result<PrivateDestinations, ConfigurationInvalid> {
        let host = |text: &String| match url::Host::parse(text) {
            Ok(url::Host::Domain(host)) if !text.contains('*') => Ok(host),
            _ => Err(invalid(
                "client_keys.dangerous_private_hosts",
                text,
                "it is not a host name",
                "write whole names, as in \"keys.partner.internal\"; addresses go to `dangerous_private_networks`",
            )),
        };
        Ok(PrivateDestinations {
            hosts: self.dangerous_private_hosts.iter().map(host).collect::<Result<_, _>>()?,
            networks: self
                .dangerous_private_networks
                .iter()
                .map(|text| private_network(text))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// One range of private addresses, whole or in part. A wider one would hold addresses that are never called,
/// and read as if they were.
fn private_network(text: &str) -> Result<IpNet, ConfigurationInvalid> {
    let wrong = |rule: &str| {
        invalid(
            "client_keys.dangerous_private_networks",
            text,
            rule,
            "write it like \"10.20.0.0/16\", \"10.20.0.7\" or \"fd00:20::/32\"",
        )
    };
    let network = match text.parse::<std::net::IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().map_err(|_| wrong("it is neither an address nor a network"))?,
    };
    if network.addr() != network.network() {
        return Err(wrong("it has host bits"));
    }
    if [network.network(), network.broadcast()].map(reach) != [Reach::Private; 2] {
        return Err(wrong(
            "it is not a private network: public addresses need no listing, and link-local, multicast and \
             reserved ones are never called",
        ));
    }
    Ok(network)
}

//! Where a webhook may be: at a public address, by an allowed scheme.
//!
//! An address is checked when the webhook is made, and again at each connection: the client connects to the very
//! addresses that passed, so that a name cannot mean another machine in between.

use metria_core::{ErrorKind, Kinded};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How long a name may take to be resolved.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// An address that is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressRefused {
    /// It is no URL.
    #[error("the webhook's address is not a URL: {0}")]
    NotUrl(String),
    /// Its scheme is not allowed.
    #[error("the scheme of a webhook's address must be one of {allowed}; got `{got}` (webhooks.schemes)")]
    Scheme {
        /// What is allowed.
        allowed: String,
        /// What came.
        got: String,
    },
    /// Its name means nothing.
    #[error("the host `{host}` of the webhook's address cannot be resolved: {reason}")]
    Unresolved {
        /// The name.
        host: String,
        /// Why not.
        reason: String,
    },
    /// It is within this machine or network.
    #[error("the webhook's address must be public; `{host}` is {address} (webhooks.allow_private)")]
    Private {
        /// The name.
        host: String,
        /// What it means.
        address: IpAddr,
    },
}

impl Kinded for AddressRefused {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }
}

/// Checks scheme and host of an address.
pub(super) async fn check(text: &str, schemes: &[String], allow_private: bool) -> Result<Url, AddressRefused> {
    let url = Url::parse(text).map_err(|error| AddressRefused::NotUrl(error.to_string()))?;
    if !schemes.iter().any(|scheme| scheme == url.scheme()) {
        return Err(AddressRefused::Scheme { allowed: schemes.join(", "), got: url.scheme().to_owned() });
    }
    let Some(host) = url.host_str() else { return Err(AddressRefused::NotUrl("it has no host".to_owned())) };
    if !allow_private {
        resolve(host, false).await?;
    }
    Ok(url)
}

/// The addresses that a host means, all of them public unless others are allowed.
async fn resolve(host: &str, allow_private: bool) -> Result<Vec<SocketAddr>, AddressRefused> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let unresolved = |reason: String| AddressRefused::Unresolved { host: host.to_owned(), reason };
    let addresses: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, 0)],
        Err(_) => match tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((bare, 0))).await {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => return Err(unresolved(error.to_string())),
            Err(_) => return Err(unresolved(format!("no answer within {} s", RESOLVE_TIMEOUT.as_secs()))),
        },
    };
    if addresses.is_empty() {
        return Err(unresolved("it has no address".to_owned()));
    }
    match addresses.iter().map(SocketAddr::ip).find(|address| !allow_private && !is_public(*address)) {
        Some(address) => Err(AddressRefused::Private { host: host.to_owned(), address }),
        None => Ok(addresses),
    }
}

/// The client's resolver.
pub(super) struct Resolver {
    pub(super) allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let addresses = resolve(name.as_str(), allow_private).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet (the IANA registries of special-purpose addresses), seen through
/// the forms in which IPv6 carries an IPv4 address.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(embedded) => is_public_v4(embedded),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, ..)
    );
    !special
}

/// Mapped (`::ffff:0:0/96`), translated (`64:ff9b::/96`) and 6to4 (`2002::/16`) addresses.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let at = |start: usize| Ipv4Addr::new(octets[start], octets[start + 1], octets[start + 2], octets[start + 3]);
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(at(12)),
        [0x2002, ..] => Some(at(2)),
        _ => None,
    }
}

/// Global unicast (`2000::/3`) but for protocol assignments (Teredo among them) and documentation.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses() {
        for text in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1", "::ffff:8.8.8.8"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "64:ff9b:1::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn addresses_that_are_refused() {
        let https = ["https".to_owned()];
        for (address, word) in [
            ("", "not a URL"),
            ("no url", "not a URL"),
            ("http://8.8.8.8/", "got `http`"),
            ("ftp://8.8.8.8/", "got `ftp`"),
            ("file:///etc/passwd", "got `file`"),
            ("https://127.0.0.1/hook", "127.0.0.1"),
            ("https://localhost:8443/hook", "must be public"),
            ("https://[::1]/", "::1"),
            ("https://2130706433/", "127.0.0.1"),
            ("https://0x7f.1/", "127.0.0.1"),
            ("https://0177.0.0.1/", "127.0.0.1"),
            ("https://user@169.254.169.254/latest", "169.254.169.254"),
            ("https://[::ffff:192.168.0.1]/", "must be public"),
        ] {
            let refused = check(address, &https, false).await.expect_err(address).to_string();
            assert!(refused.contains(word), "{address}: {refused}");
        }
        assert!(check("https://8.8.8.8/hook", &https, false).await.is_ok());
        let both = ["https".to_owned(), "http".to_owned()];
        assert!(check("http://127.0.0.1:9/hook", &both, true).await.is_ok());
    }

    #[tokio::test]
    async fn the_client_connects_to_what_was_checked() {
        let resolved = Resolver { allow_private: false }.resolve("localhost".parse().unwrap()).await;
        assert!(resolved.err().expect("it is this machine").to_string().contains("must be public"));
        assert!(Resolver { allow_private: true }.resolve("localhost".parse().unwrap()).await.is_ok());
    }
}

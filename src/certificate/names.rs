//! What a certificate of hlscam's own may be for: the names and addresses that lead to this host in its own network alone. Pure.

use std::{collections::BTreeSet, fmt, net::IpAddr};

/// Names below these lead nowhere outside of a network: RFC 6762 §3, RFC 6761 §6.3, RFC 8375, and what routers and ICANN have for it.
pub(super) const LOCAL: [&str; 5] = ["home.arpa", "internal", "lan", "local", "localhost"];
/// Addresses that are of one network alone, each with the bits that they share: RFC 1918, 3927, 6598, 4193, 4291, and this host itself.
pub(super) const NETWORKS: [(&str, u8); 9] = [
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
    ("::1", 128),
    ("fc00::", 7),
    ("fe80::", 10),
];

/// Names and addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) names: BTreeSet<String>,
    pub(super) addresses: BTreeSet<IpAddr>,
}

impl Names {
    /// Those of a host that calls itself `node`, has these addresses and was given more names; as far as an authority that was made for
    /// `authority_of` may vouch for them. Also gives what it may not.
    pub(super) fn of(node: &str, authority_of: &str, addresses: &[IpAddr], more: &[String]) -> (Names, Vec<String>) {
        let own: BTreeSet<String> = own_names(node).chain(more.iter().map(|name| name.to_ascii_lowercase())).collect();
        let (names, strange): (BTreeSet<_>, BTreeSet<_>) = own.into_iter().partition(|name| is_permitted(name, authority_of));
        let addresses = addresses.iter().map(IpAddr::to_canonical).filter(|address| is_of_network(*address));
        // A browser cannot open a link-local address of IPv6, for it lacks the zone.
        let addresses = addresses.filter(|address| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()));
        (Names { names, addresses: addresses.collect() }, strange.into_iter().collect())
    }

    /// Whether all of the others are among these.
    pub(super) fn have(&self, others: &Names) -> bool {
        others.names.is_subset(&self.names) && others.addresses.is_subset(&self.addresses)
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.names.iter().cloned().chain(self.addresses.iter().map(IpAddr::to_string));
        f.write_str(&all.collect::<Vec<_>>().join(", "))
    }
}

/// The label of a host in its network: `Cam.Garden.example` is `cam`. What is no name of a network is none.
pub(super) fn label(node: &str) -> Option<String> {
    let first = node.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    (!first.is_empty() && first.len() <= 63 && node.bytes().all(is_plain)).then_some(first)
}

/// What hlscam on that host is called by mDNS.
pub fn mdns_name(node: &str) -> Option<String> {
    label(node).map(|label| format!("hlscam-{label}.local")).filter(|name| name.len() <= 63 + ".local".len())
}

fn own_names(node: &str) -> impl Iterator<Item = String> {
    let whole = node.to_ascii_lowercase();
    let short = label(node).into_iter().flat_map(move |label| [label.clone(), format!("{label}.local"), whole.clone()]);
    short.chain(mdns_name(node)).chain(["localhost".to_owned()])
}

/// Whether an authority that was made for that host may vouch for a name.
fn is_permitted(name: &str, authority_of: &str) -> bool {
    let is_below = |above: &str| name.strip_suffix(above).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    permitted_names(authority_of).iter().any(|above| is_below(above))
}

/// The names for which an authority that is made for a host may vouch, with all below each.
pub(super) fn permitted_names(node: &str) -> Vec<String> {
    let own = label(node).into_iter().flat_map(|label| [label, node.to_ascii_lowercase()]);
    let mut names: Vec<String> = LOCAL.iter().map(|name| (*name).to_owned()).chain(own).collect();
    names.sort();
    names.dedup();
    names
}

fn is_of_network(address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 0),
        IpAddr::V6(v6) => (v6.to_bits(), 1),
    };
    let (own, kind) = bits(address);
    NETWORKS.iter().any(|(first, prefix_len)| {
        let (first, of) = bits(first.parse().expect("the table is right"));
        of == kind && (own ^ first) >> (128 - u32::from(*prefix_len)) == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(listed: &[&str]) -> Vec<IpAddr> {
        listed.iter().map(|text| text.parse().expect(text)).collect()
    }

    #[test]
    fn a_host_is_named_as_its_network_knows_it() {
        let (names, strange) = Names::of("Pi4.garden.example", "pi4.garden.example", &[], &[]);
        let expect = ["hlscam-pi4.local", "localhost", "pi4", "pi4.garden.example", "pi4.local"];
        assert_eq!((names.names.into_iter().collect::<Vec<_>>(), strange), (expect.map(str::to_owned).to_vec(), vec![]));
        let (names, strange) = Names::of("", "", &[], &["cam.lan".to_owned(), "cam.example.org".to_owned()]);
        assert_eq!(names.names.into_iter().collect::<Vec<_>>(), ["cam.lan", "localhost"]);
        assert_eq!(strange, ["cam.example.org"], "a public name is for others to vouch for");
        assert_eq!(label("a b"), None);
        assert_eq!(mdns_name(&"a".repeat(60)), None, "it is longer than a label may be");
    }

    #[test]
    fn an_authority_that_was_made_for_another_name_vouches_for_what_is_local_alone() {
        let (names, strange) = Names::of("new", "old", &[], &[]);
        assert_eq!(names.names.into_iter().collect::<Vec<_>>(), ["hlscam-new.local", "localhost", "new.local"]);
        assert_eq!(strange, ["new"]);
    }

    #[test]
    fn only_addresses_of_a_network_of_ones_own_count() {
        let own = ["10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.31.0.1", "192.168.1.5", "::1", "fd00::5"];
        let others = ["8.8.8.8", "100.128.0.1", "172.32.0.1", "192.0.2.1", "2001:db8::5", "fe80::1", "::2"];
        let all = addresses(&[&own[..], &others, &["::ffff:192.168.1.5"]].concat());
        let (names, _) = Names::of("a", "a", &all, &[]);
        assert_eq!(names.addresses, addresses(&own).into_iter().collect());
        assert!(names.have(&Names::of("a", "a", &addresses(&own[..1]), &[]).0));
        assert!(!names.have(&Names::of("a", "a", &addresses(&["10.0.0.1"]), &[]).0));
    }
}

//! Which proxy leads to this cluster, by the rules of Go's clients, kubectl among them (client-go's `proxy-url`, and
//! golang.org/x/net/http/httpproxy). kube would hold `NO_PROXY` against the proxy's own name instead of the cluster's,
//! also where the kubeconfig names the proxy, and would send a cluster on loopback to one of the environment.

use std::net::IpAddr;

use http::Uri;

/// The proxy for `cluster`: the kubeconfig's `own` always, else the one of the environment unless `NO_PROXY` covers the
/// cluster.
///
/// # Errors
/// In plain words, when it is no URL.
pub(super) fn choose(
    own: Option<&str>,
    cluster: &Uri,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, String> {
    let set =
        |upper: &str, lower: &str| [upper, lower].into_iter().filter_map(&environment).find(|text| !text.is_empty());
    let (name, url) = match own {
        Some(own) => ("its proxy-url", own.to_owned()),
        None => match set("HTTPS_PROXY", "https_proxy") {
            Some(url) if !is_direct(cluster, &set("NO_PROXY", "no_proxy").unwrap_or_default()) => ("HTTPS_PROXY", url),
            _ => return Ok(None),
        },
    };
    // Go takes a bare `host:port` for an HTTP proxy.
    let url = if url.contains("://") { url } else { format!("http://{url}") };
    // The URL may hold a password, and is not repeated.
    url.parse().map(Some).map_err(|error| format!("{name} is not a URL: {error}"))
}

/// Whether requests to `cluster` pass by the proxies of the environment; `no_proxy` is its `NO_PROXY`.
fn is_direct(cluster: &Uri, no_proxy: &str) -> bool {
    let Some(host) = cluster.host() else { return true };
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let port = cluster.port_u16().unwrap_or(if cluster.scheme_str() == Some("http") { 80 } else { 443 });
    no_proxy.split(',').map(str::trim).any(|entry| covers(entry, &host, address, port))
}

fn covers(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let (Some((network, length)), Some(address)) = (entry.split_once('/'), address) {
        return within(network, length, address).unwrap_or(false);
    }
    let entry = match entry.rsplit_once(':') {
        // What follows the last colon of an IPv6 address is no port.
        Some((name, number)) if !name.contains(':') || name.ends_with(']') => {
            if number.parse() != Ok(port) {
                return false;
            }
            name
        }
        _ => entry,
    };
    let entry = entry.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    if let (Ok(entry), Some(address)) = (entry.parse::<IpAddr>(), address) {
        return entry == address;
    }
    let entry = entry.strip_prefix('*').unwrap_or(&entry);
    match entry.strip_prefix('.') {
        Some("") | None if entry.is_empty() => false,
        Some(_) => host.ends_with(entry),
        None => host.strip_suffix(entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
    }
}

/// Whether the first `length` bits are those of `network`.
fn within(network: &str, length: &str, address: IpAddr) -> Option<bool> {
    let length: u32 = length.parse().ok()?;
    let differing = match (network.parse().ok()?, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (network.to_bits() ^ address.to_bits()).leading_zeros(),
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits() ^ address.to_bits()).leading_zeros(),
        _ => return None,
    };
    Some(differing >= length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(cluster: &'static str, no_proxy: &str) -> bool {
        is_direct(&Uri::from_static(cluster), no_proxy)
    }

    #[test]
    fn the_kubeconfig_s_own_proxy_always_and_the_environment_s_unless_it_says_no() {
        let environment = |name: &str| match name {
            "https_proxy" => Some("proxy.example.com:3128".to_owned()),
            "HTTPS_PROXY" => Some(String::new()),
            "NO_PROXY" => Some("10.0.0.0/8,proxy.example.com".to_owned()),
            _ => None,
        };
        let chosen = |own, cluster| {
            choose(own, &Uri::from_static(cluster), environment).map(|uri| uri.map(|uri| uri.to_string()))
        };
        assert_eq!(chosen(None, "https://api.example.com"), Ok(Some("http://proxy.example.com:3128/".to_owned())));
        assert_eq!(chosen(None, "https://10.1.2.3"), Ok(None));
        assert_eq!(chosen(None, "https://127.0.0.1:6443"), Ok(None));
        let own = Ok(Some("socks5://there:1080/".to_owned()));
        assert_eq!(chosen(Some("socks5://there:1080"), "https://10.1.2.3"), own);
        assert_eq!(chosen(Some("socks5://there:1080"), "https://127.0.0.1"), own);
        let error = chosen(Some("http://user:s3cret@a b"), "https://there").unwrap_err();
        assert!(error.starts_with("its proxy-url is not a URL") && !error.contains("s3cret"), "{error}");
        assert_eq!(choose(None, &Uri::from_static("https://there"), |_| None), Ok(None));
    }

    #[test]
    fn loopback_needs_no_proxy_ever() {
        for cluster in ["https://127.0.0.1:6443", "https://[::1]:6443", "https://localhost:6443", "http://LOCALHOST"] {
            assert!(direct(cluster, ""), "{cluster}");
        }
        assert!(!direct("https://10.0.0.1", "") && !direct("https://api.example.com", " , "));
    }

    #[test]
    fn networks_and_addresses() {
        assert!(direct("https://10.1.2.3:6443", "192.168.0.0/16, 10.0.0.0/8"));
        assert!(!direct("https://11.1.2.3", "10.0.0.0/8"));
        assert!(direct("https://[fd00::1]:6443", "fd00::/8") && direct("https://[fd00::1]", "fd00::1"));
        assert!(direct("https://10.1.2.3", "10.1.2.3") && direct("https://10.1.2.3", "10.1.2.3:443"));
        assert!(!direct("https://10.1.2.3:6443", "10.1.2.3:443") && !direct("https://10.1.2.3", "10.0.0.0/x"));
        assert!(direct("https://10.1.2.3", "0.0.0.0/0"));
    }

    #[test]
    fn names_and_what_lies_below_them() {
        assert!(direct("https://example.com", "example.com") && direct("https://api.example.com", "example.com"));
        assert!(!direct("https://badexample.com", "example.com"));
        assert!(
            direct("https://api.example.com", ".example.com") && direct("https://api.example.com", "*.example.com")
        );
        assert!(!direct("https://example.com", ".example.com"));
        assert!(direct("https://anything", "*") && !direct("https://anything", "."));
    }
}

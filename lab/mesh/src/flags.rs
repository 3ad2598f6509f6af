//! Command lines in the style of Go's `flag` package, which Linkerd's control plane uses.
//!
//! `-name=value`, `--name=value` and `--name value` all count; what a role does not know is ignored,
//! so that the arguments of a real Deployment start the stand-in as they are.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Flags {
    values: HashMap<String, String>,
}

impl Flags {
    pub(crate) fn parse(arguments: &[String]) -> Self {
        let mut values = HashMap::new();
        let mut rest = arguments.iter().peekable();
        while let Some(argument) = rest.next() {
            let Some(name) = argument.strip_prefix("--").or(argument.strip_prefix('-')) else {
                continue;
            };
            let (name, value) = if let Some((name, value)) = name.split_once('=') {
                (name, value.to_owned())
            } else {
                let value = rest.next_if(|next| !next.starts_with('-'));
                (name, value.cloned().unwrap_or_else(|| "true".to_owned()))
            };
            values.insert(name.to_owned(), value);
        }
        Self { values }
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    pub(crate) fn text_or<'a>(&'a self, name: &str, otherwise: &'a str) -> &'a str {
        self.text(name).unwrap_or(otherwise)
    }

    pub(crate) fn duration_or(&self, name: &str, otherwise: Duration) -> Duration {
        self.text(name).and_then(duration).unwrap_or(otherwise)
    }

    /// A listen address; Go's `:8080` means every address of the host.
    pub(crate) fn listen_or(&self, name: &str, port: u16) -> SocketAddr {
        let everywhere = |port| SocketAddr::from(([0, 0, 0, 0], port));
        match self.text(name) {
            Some(text) => match text.strip_prefix(':') {
                Some(port_text) => everywhere(port_text.parse().unwrap_or(port)),
                None => text.parse().unwrap_or_else(|_| everywhere(port)),
            },
            None => everywhere(port),
        }
    }

    /// The comma separated parts of a flag.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.text(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// Reads a duration as Go writes them: `24h0m0s`, `20s`, `1.5h`, `100ms`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    if rest == "0" {
        return Some(total);
    }
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(unit_at);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total += Duration::try_from_secs_f64(number * seconds).ok()?;
        rest = next;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(words: &[&str]) -> Flags {
        Flags::parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn reads_the_arguments_of_a_recorded_identity_container() {
        let flags = flags(&[
            "-log-level=info",
            "-identity-issuance-lifetime=24h0m0s",
            "-identity-clock-skew-allowance=20s",
            "-enable-pprof=false",
            "-some-flag-of-tomorrow=1",
        ]);
        let hour = Duration::from_hours(1);
        assert_eq!(flags.duration_or("identity-issuance-lifetime", hour), hour * 24);
        assert_eq!(flags.text("enable-pprof"), Some("false"));
        assert_eq!(flags.listen_or("addr", 8080).to_string(), "0.0.0.0:8080");
    }

    #[test]
    fn reads_both_forms_of_a_value() {
        let flags = flags(&["--proxy-uid", "2102", "--ipv6=false", "-w", "--list", "443,443"]);
        assert_eq!(flags.text("proxy-uid"), Some("2102"));
        assert_eq!(flags.text("ipv6"), Some("false"));
        assert_eq!(flags.text("w"), Some("true"));
        assert_eq!(flags.list("list"), ["443", "443"]);
    }

    #[test]
    fn durations_as_go_writes_them() {
        assert_eq!(duration("1h30m"), Some(Duration::from_mins(90)));
        assert_eq!(duration("10000ms"), Some(Duration::from_secs(10)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(duration("5"), None);
        assert_eq!(duration(""), None);
    }
}

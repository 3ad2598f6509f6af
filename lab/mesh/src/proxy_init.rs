//! `linkerd2-proxy-init`: redirects a pod's TCP traffic to its sidecar
//! (linkerd2-proxy-init proxy-init/cmd/root.go, pkg/iptables/iptables.go).

use tokio::process::Command;
use tracing::info;

use crate::flags::Flags;
use crate::role::Failure;

const INBOUND: &str = "PROXY_INIT_REDIRECT";
const OUTBOUND: &str = "PROXY_INIT_OUTPUT";
/// Ports one multiport match takes.
const MULTIPORT: usize = 15;

pub(crate) async fn run(flags: &Flags) -> Result<(), Failure> {
    let program = flags.text_or("firewall-bin-path", "iptables-nft").to_owned();
    // A container that is started again in the same pod finds the rules of its first start.
    let present = Command::new(format!("{program}-save")).args(["-t", "nat"]).output().await?;
    if !present.status.success() {
        let why = String::from_utf8_lossy(&present.stderr).into_owned();
        return Err(format!("{program}-save failed: {why}").into());
    }
    let present = String::from_utf8_lossy(&present.stdout).into_owned();
    for rule in rules(flags, &present)? {
        info!("{program} {}", rule.join(" "));
        let output = Command::new(&program).args(&rule).output().await?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{program} {} failed: {why}", rule.join(" ")).into());
        }
    }
    Ok(())
}

type Rule = Vec<String>;

/// The calls of iptables, in order.
fn rules(flags: &Flags, present: &str) -> Result<Vec<Rule>, Failure> {
    let required = |name: &str| flags.text(name).map(str::to_owned).ok_or_else(|| format!("--{name} must be set"));
    let (inbound, outbound) = (required("incoming-proxy-port")?, required("outgoing-proxy-port")?);
    let mut rules = vec![chain(INBOUND, present)];
    rules.extend(ignored_ports(INBOUND, &flags.list("inbound-ports-to-ignore")));
    for subnet in flags.list("subnets-to-ignore") {
        rules.push(rule(&["-A", INBOUND, "-p", "all", "-s", &subnet, "-j", "RETURN"]));
    }
    rules.push(redirect(INBOUND, &inbound));
    rules.extend(jump("PREROUTING", INBOUND, present));

    rules.push(chain(OUTBOUND, present));
    // What the sidecar itself sends is let out.
    for (flag, owner) in [("proxy-uid", "--uid-owner"), ("proxy-gid", "--gid-owner")] {
        if let Some(id) = flags.text(flag) {
            rules.push(rule(&["-A", OUTBOUND, "-m", "owner", owner, id, "-j", "RETURN"]));
        }
    }
    rules.push(rule(&["-A", OUTBOUND, "-o", "lo", "-j", "RETURN"]));
    rules.extend(ignored_ports(OUTBOUND, &flags.list("outbound-ports-to-ignore")));
    rules.push(redirect(OUTBOUND, &outbound));
    rules.extend(jump("OUTPUT", OUTBOUND, present));
    Ok(rules)
}

fn rule(words: &[&str]) -> Rule {
    ["-w", "-t", "nat"].iter().chain(words).map(ToString::to_string).collect()
}

/// A new chain, or the one that is there emptied.
fn chain(name: &str, present: &str) -> Rule {
    let there = present.lines().any(|line| line.starts_with(&format!(":{name} ")));
    rule(&[if there { "-F" } else { "-N" }, name])
}

fn redirect(chain: &str, port: &str) -> Rule {
    rule(&["-A", chain, "-p", "tcp", "-j", "REDIRECT", "--to-port", port])
}

fn jump(from: &str, to: &str, present: &str) -> Option<Rule> {
    let there =
        present.lines().any(|line| line.starts_with(&format!("-A {from} ")) && line.ends_with(&format!("-j {to}")));
    (!there).then(|| rule(&["-A", from, "-j", to]))
}

fn ignored_ports(chain: &str, ports: &[String]) -> Vec<Rule> {
    // A range counts as two ports; half as many at once is always few enough.
    ports
        .chunks(MULTIPORT / 2)
        .map(|some| {
            let some = some.join(",").replace('-', ":");
            rule(&["-A", chain, "-p", "tcp", "--match", "multiport", "--dports", &some, "-j", "RETURN"])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_a_recorded_pod() {
        let words = "--firewall-bin-path iptables-nft --firewall-save-bin-path iptables-nft-save \
                     --ipv6=false --incoming-proxy-port 4143 --outgoing-proxy-port 4140 \
                     --proxy-uid 2102 --inbound-ports-to-ignore 4190,4191,4567,4568 \
                     --outbound-ports-to-ignore 4567,4568";
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        let flags = Flags::parse(&words);
        let lines: Vec<_> = rules(&flags, "").unwrap().into_iter().map(|rule| rule[3..].join(" ")).collect();
        assert_eq!(
            lines,
            [
                "-N PROXY_INIT_REDIRECT",
                "-A PROXY_INIT_REDIRECT -p tcp --match multiport --dports 4190,4191,4567,4568 -j RETURN",
                "-A PROXY_INIT_REDIRECT -p tcp -j REDIRECT --to-port 4143",
                "-A PREROUTING -j PROXY_INIT_REDIRECT",
                "-N PROXY_INIT_OUTPUT",
                "-A PROXY_INIT_OUTPUT -m owner --uid-owner 2102 -j RETURN",
                "-A PROXY_INIT_OUTPUT -o lo -j RETURN",
                "-A PROXY_INIT_OUTPUT -p tcp --match multiport --dports 4567,4568 -j RETURN",
                "-A PROXY_INIT_OUTPUT -p tcp -j REDIRECT --to-port 4140",
                "-A OUTPUT -j PROXY_INIT_OUTPUT",
            ]
        );
        let again = rules(&flags, ":PROXY_INIT_REDIRECT - [0:0]\n-A PREROUTING -j PROXY_INIT_REDIRECT\n");
        let again = again.unwrap();
        assert_eq!(again[0][3..], ["-F", "PROXY_INIT_REDIRECT"]);
        assert!(!again.iter().any(|rule| rule.contains(&"PREROUTING".to_owned())));
    }
}

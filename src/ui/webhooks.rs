//! Webhooks and their certificates: a table, who else writes them, and what is left to do afterwards.

#[cfg(test)]
mod tests;

use comfy_table::{ContentArrangement, Table, presets};
use console::measure_text_width;
use jiff::Timestamp;

use super::{
    Look,
    look::Tone,
    text::{clean, command, fit, wrap},
};
use crate::{
    findings::{moment, span},
    pki::Thresholds,
    plan::webhooks::{Ailment, Keeper, Server, due_from},
    snapshot::{Owner, Unmeshed},
};

const HEADER: [&str; 7] = ["WEBHOOK", "SECRET", "CABUNDLE", "SERVED", "LEFT", "OWNER", "DUE"];
const SECRET: usize = 1;
/// Spaces after a column.
const GAP: usize = 2;
/// However little room there is, this much of a Secret's name is shown.
const LEAST: usize = 8;

/// Every webhook: what holds its certificate, who accepts and serves it, when it ends, and what is wrong.
pub fn table(servers: &[Server], at: Timestamp, thresholds: &Thresholds, look: Look) -> String {
    if servers.is_empty() {
        return "Nothing of Linkerd's is called by the API server here.\n".to_owned();
    }
    let mut rows: Vec<[String; 7]> = servers.iter().map(|server| row(server, at, thresholds)).collect();
    make_room(&mut rows, look.width);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(HEADER);
    for row in &rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, u16::try_from(GAP).unwrap_or(2)));
    }
    let mut out = String::new();
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        let tone = match index.checked_sub(1).and_then(|index| servers.get(index)) {
            None => Some(Tone::Strong),
            Some(server) => tone(server, at, thresholds),
        };
        out += &tone.map_or_else(|| line.to_owned(), |tone| look.paint(tone, line));
        out.push('\n');
    }
    out
}

fn row(server: &Server, at: Timestamp, thresholds: &Thresholds) -> [String; 7] {
    let held = server.secret.as_ref().ok();
    let secret = held.map_or("-", |held| held.meta.name.as_str());
    let bundle = match held {
        None => "?",
        Some(held) => {
            let nearest = held.chain.first().map_or(at, |first| first.lifetime().nearest(at));
            if server.is_accepted(&held.chain, nearest) { "ok" } else { "wrong" }
        }
    };
    let answered = server.pods.iter().filter(|pod| pod.serves.is_some()).count();
    let served = match (server.serves_held(), answered) {
        (true, _) => "yes",
        (false, 0) => "?",
        (false, _) => "no",
    };
    let left = server.certificate().map_or_else(
        || "-".to_owned(),
        |one| {
            let left = one.lifetime().left(at);
            if left.is_negative() { format!("-{}", span(left)) } else { span(left) }
        },
    );
    let due = match (&server.secret, server.ailments(at, thresholds).first()) {
        (Err(_), _) => "unknown".to_owned(),
        (_, Some(ailment)) => word(*ailment).to_owned(),
        (_, None) => "-".to_owned(),
    };
    [
        clean(&server.service.name),
        clean(secret),
        bundle.to_owned(),
        served.to_owned(),
        left,
        owner(server).to_owned(),
        due,
    ]
}

/// What is wrong, in a word that leaves room for names.
fn word(ailment: Ailment) -> &'static str {
    match ailment {
        Ailment::NoCertificate => "empty",
        Ailment::NoKey => "no key",
        Ailment::WrongName => "name",
        Ailment::Expired => "expired",
        Ailment::NotYetValid => "too early",
        Ailment::Untrusted => "mismatch",
        Ailment::NotServed => "unserved",
        Ailment::HalfRenewed => "half done",
        Ailment::NearEnd => "soon",
    }
}

fn tone(server: &Server, at: Timestamp, thresholds: &Thresholds) -> Option<Tone> {
    let ailments = server.ailments(at, thresholds);
    let first = ailments.first()?;
    let mild = matches!(first, Ailment::NearEnd | Ailment::HalfRenewed | Ailment::NotServed);
    Some(if mild && server.is_callable(at) { Tone::Warning } else { Tone::Critical })
}

/// Who writes its Secret or what calls it, the strongest claim first.
fn owner(server: &Server) -> &'static str {
    if matches!(server.keeper, Keeper::CertManager { .. }) {
        return "cert-manager";
    }
    match owners_of(server).next() {
        Some(Owner::LinkerdCli) => "CLI",
        Some(Owner::Helm { .. }) => "Helm",
        Some(Owner::ArgoCd { .. }) => "Argo CD",
        Some(Owner::Flux { .. }) => "Flux",
        Some(Owner::CertManager { .. }) => "cert-manager",
        Some(Owner::TrustManager { .. }) => "trust-manager",
        None => "-",
    }
}

fn owners_of(server: &Server) -> impl Iterator<Item = &Owner> {
    let secret = server.secret.iter().flat_map(|held| &held.meta.owners);
    secret.chain(server.hooks.iter().flat_map(|hook| &hook.owners))
}

/// Shortens the Secrets' names, then the webhooks', until a row fits the line. Of a Secret that is named as its Service is
/// the end tells enough.
fn make_room(rows: &mut [[String; 7]], width: usize) {
    let all = |rows: &[[String; 7]]| -> usize {
        let widest = |column: usize| {
            let cells = rows.iter().map(|row| measure_text_width(&row[column]));
            cells.chain([HEADER[column].len()]).max().unwrap_or_default()
        };
        (0..HEADER.len()).map(widest).sum::<usize>() + GAP * (HEADER.len() - 1)
    };
    if all(rows) > width {
        for row in rows.iter_mut() {
            if let Some(end) = row[SECRET].strip_prefix(row[0].as_str()) {
                row[SECRET] = format!("…{end}");
            }
        }
    }
    for (column, least) in [(SECRET, LEAST), (0, LEAST)] {
        let own = rows.iter().map(|row| measure_text_width(&row[column])).max().unwrap_or_default();
        let room = own.saturating_sub(all(rows).saturating_sub(width)).max(least);
        for row in rows.iter_mut() {
            row[column] = fit(&row[column], room);
        }
    }
}

/// That nothing is due, and when something will be.
pub fn nothing_due(servers: &[Server], at: Timestamp) -> String {
    let readable = servers.iter().filter(|server| server.keeper == Keeper::Nobody);
    match due_from(readable, &Thresholds::default()) {
        Some((server, from)) if from > at => format!(
            "Nothing is due. The next is {} at {}; --all renews all of them now.",
            server.service.name,
            moment(from)
        ),
        _ => "Nothing is due; --all renews all of them now.".to_owned(),
    }
}

/// What whoever else writes these objects will do to them, a paragraph each.
pub fn owners(servers: &[&Server]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut add = |line: String| {
        if !lines.contains(&line) {
            lines.push(line);
        }
    };
    for server in servers {
        if let Keeper::CertManager { certificate, .. } = &server.keeper {
            let name = certificate.as_ref().map_or("?", |(_, name)| name.as_str());
            add(format!(
                "cert-manager makes the certificate of {} (Certificate {name}): it is asked to renew it, and nothing is \
                 written beside it.",
                server.service.name
            ));
            continue;
        }
        for owner in owners_of(server) {
            match owner {
                Owner::LinkerdCli => add(
                    "The next `linkerd upgrade` makes webhook certificates of its own, for 365 days, and replaces Secret \
                     and caBundle together."
                        .to_owned(),
                ),
                Owner::Helm { release, .. } => add(format!(
                    "The next `helm upgrade` of release {release} makes webhook certificates of its own, for 365 days, \
                     and replaces Secret and caBundle together. Where its values bring their own (`externalSecret`, \
                     `caBundle`), put the new ones there as well."
                )),
                Owner::ArgoCd { application } => add(format!(
                    "Argo CD application {application} renders new certificates at each sync; where it is to leave these \
                     alone, it has to ignore differences in these Secrets and caBundles."
                )),
                Owner::Flux { name } => add(format!(
                    "Flux {name} may write these objects back: where they come from rendered manifests, commit what is \
                     there afterwards."
                )),
                Owner::CertManager { .. } | Owner::TrustManager { .. } => {}
            }
        }
    }
    lines
}

/// A paragraph.
pub fn paragraph(text: &str, look: Look) -> String {
    wrap("", text, look.text_width()).join("\n") + "\n"
}

/// Pods without a proxy where one is asked for, each with the command that replaces it.
pub fn unmeshed(unmeshed: &[Unmeshed], look: Look) -> String {
    let pods: u32 = unmeshed.iter().map(|one| one.pods).sum();
    let text = format!(
        "{pods} {} up without a proxy where one is asked for. A restart gives them one, now that the injector is called:",
        if pods == 1 { "pod has come" } else { "pods have come" }
    );
    let mut out = format!("\n{}", paragraph(&text, look));
    for one in unmeshed {
        let Unmeshed { namespace, kind, name, .. } = one;
        let line = match kind.as_str() {
            "Deployment" | "StatefulSet" | "DaemonSet" => {
                format!("kubectl rollout restart {}/{name} -n {namespace}", kind.to_lowercase())
            }
            "Pod" => format!("kubectl delete pod {name} -n {namespace}"),
            other => format!("kubectl get {}/{name} -n {namespace} # and replace its pods", other.to_lowercase()),
        };
        out += &(command("  ", &line, look.text_width()).join("\n") + "\n");
    }
    out
}

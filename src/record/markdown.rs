//! The record as Markdown, for pasting into a ticket. Text from elsewhere is kept from being markup.

use jiff::Timestamp;

use super::{Happened, Kind, Operation, Outcome, Record};

/// Renders the whole record.
pub(super) fn render(record: &Record) -> String {
    let mut out = Lines::default();
    out.add(&format!("# {}: {}", title(record), result(record)));
    out.blank();
    facts(&mut out, record);
    ending(&mut out, record);
    certificates(&mut out, record);
    plan(&mut out, record);
    steps(&mut out, record);
    verified(&mut out, record);
    out.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.blank();
        self.add(&format!("## {text}"));
        self.blank();
    }

    fn row<const N: usize>(&mut self, cells: &[String; N]) {
        self.add(&format!("| {} |", cells.join(" | ")));
    }

    fn table<const N: usize>(&mut self, header: [&str; N]) {
        self.row(&header.map(ToOwned::to_owned));
        self.row(&[(); N].map(|()| "---".to_owned()));
    }
}

fn title(record: &Record) -> &'static str {
    match record.operation {
        Operation::TrustAnchorRotation => "Rotation of the Linkerd trust anchor",
        Operation::Recovery => "Recovery of a Linkerd mesh from expired or lost certificates",
        Operation::Restore => "Restoring of the Linkerd trust anchor and identity issuer",
        Operation::IssuerRotation => "Rotation of the Linkerd identity issuer",
        Operation::WebhookRenewal => "Renewal of Linkerd's webhook certificates",
    }
}

fn result(record: &Record) -> &'static str {
    match record.end.result {
        Outcome::Unfinished => "unfinished",
        Outcome::Done => "done",
        Outcome::Stopped => "stopped",
    }
}

fn facts(out: &mut Lines, record: &Record) {
    let place = &record.mesh;
    let context = place.context.as_deref().map(code);
    let server = place.server.as_deref().map(code);
    let kubernetes = place.kubernetes.as_deref().map(|version| format!("Kubernetes {}", plain(version)));
    let cluster: Vec<String> = [context, server, kubernetes].into_iter().flatten().collect();
    let ended = record.ended_at.map(|at| {
        let took = crate::findings::span(at.duration_since(record.began_at));
        format!("{} (after {took})", day_and_time(at))
    });
    let facts = [
        ("Who", Some(plain(&record.who))),
        ("Cluster", Some(cluster.join(", ")).filter(|text| !text.is_empty())),
        ("Control plane", Some(format!("namespace {}", code(&place.namespace)))),
        ("Began", Some(day_and_time(record.began_at))),
        ("Ended", ended),
        ("Command", Some(code(&record.command))),
        ("Program", Some(plain(&record.program))),
        ("Backup", record.backup.as_deref().map(code)),
    ];
    out.table(["", ""]);
    for (what, value) in facts {
        if let Some(value) = value {
            out.row(&[what.to_owned(), value]);
        }
    }
    if let Some(position) = &record.went_on_from {
        out.blank();
        out.add(&format!("This run went on from where the mesh stood: {}.", prose(position)));
    }
}

fn ending(out: &mut Lines, record: &Record) {
    out.heading("How it ended");
    out.add(&prose(&sentence(&record.end.what)));
    if !record.end.evidence.is_empty() {
        out.blank();
        record.end.evidence.iter().for_each(|line| out.add(&format!("- {}", prose(line))));
    }
    if !record.end.next.is_empty() {
        out.blank();
        out.add("Next:");
        out.blank();
        record.end.next.iter().for_each(|line| out.add(&format!("- {}", prose(line))));
    }
}

fn certificates(out: &mut Lines, record: &Record) {
    if record.certificates.is_empty() {
        return;
    }
    out.heading("Certificates");
    out.table(["What", "Name", "Ends", "SHA-256"]);
    for one in &record.certificates {
        out.row(&[
            plain(&one.role),
            code(&one.name),
            one.not_after.strftime("%Y-%m-%d").to_string(),
            code(&one.sha256),
        ]);
    }
}

fn plan(out: &mut Lines, record: &Record) {
    if record.plan.is_empty() {
        return;
    }
    out.heading("Plan as decided");
    for (number, step) in (1..).zip(&record.plan) {
        out.add(&format!("{number}. **{}**: {}", step.stage, prose(&step.what)));
    }
}

fn steps(out: &mut Lines, record: &Record) {
    if record.steps.is_empty() && record.between.is_empty() {
        return;
    }
    out.heading("What was done and observed (UTC)");
    // What came between steps stands before the first step that was begun after it.
    let mut between = record.between.iter().peekable();
    for (number, step) in (1..).zip(&record.steps) {
        while let Some(happened) = between.next_if(|happened| happened.at < step.begun_at) {
            out.add(&format!("- {}", one(happened)));
        }
        let proven = match step.proven_at {
            Some(at) => format!("proven {}", time(at)),
            None => "**not proven**".to_owned(),
        };
        out.add(&format!("- {} **{number}. {}**: {} ({proven})", time(step.begun_at), step.stage, prose(&step.what)));
        for happened in step.happened.iter().filter(|happened| happened.kind != Kind::Restarting) {
            out.add(&format!("  - {}", one(happened)));
        }
    }
    between.for_each(|happened| out.add(&format!("- {}", one(happened))));
}

fn one(happened: &Happened) -> String {
    let before = match happened.kind {
        Kind::Written => "written: ",
        Kind::Waiting => "waited for ",
        Kind::Called => "the API server called ",
        _ => "",
    };
    format!("{} {before}{}", time(happened.at), prose(&happened.what))
}

fn verified(out: &mut Lines, record: &Record) {
    if record.verified.is_empty() {
        return;
    }
    out.heading("What was verified beforehand");
    for row in &record.verified {
        let why = row.why.as_deref().map(|why| format!(": {}", prose(why))).unwrap_or_default();
        out.add(&format!("- {}, {}: {}{why}", row.verdict, row.about, prose(&row.what)));
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}

fn day_and_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// Text in which back quotes stand around names: what is outside of them is made plain, what is inside is left.
fn prose(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return plain(text);
    }
    let piece = |(index, piece): (usize, &&str)| if index % 2 == 1 { code(piece) } else { plain(piece) };
    pieces.iter().enumerate().map(piece).collect()
}

/// Text that shall not be markup.
fn plain(text: &str) -> String {
    one_line(text).chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

/// Text as code.
fn code(text: &str) -> String {
    format!("`{}`", one_line(text).replace('`', "'").replace('|', "\\|"))
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

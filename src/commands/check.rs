//! `check`: every certificate and every copy of the trust bundle, what is wrong with them, and what to do next.

pub(super) mod scope;

use jiff::Timestamp;

use crate::{
    cli::{CheckArgs, FailOn, Format, Moment},
    error::Error,
    exit::ExitStatus,
    findings::{self, Report, Severity},
    inventory,
    pki::Thresholds,
    ui::{Ui, check::Answer},
};

use super::observe::Origin;

/// What `check` needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    origin: Origin,
    namespace: Option<String>,
    now: Timestamp,
    at: Option<Moment>,
    thresholds: Thresholds,
    fail_on: FailOn,
    format: Format,
}

impl Settings {
    /// The settings that the arguments mean at the moment `now`.
    pub(super) fn resolve(arguments: CheckArgs, now: Timestamp) -> Self {
        let usual = Thresholds::default();
        Self {
            namespace: arguments.part.namespace.clone(),
            now,
            at: arguments.at,
            thresholds: Thresholds {
                warning: arguments.warn_below.unwrap_or_default().or(usual.warning),
                critical: arguments.critical_below.unwrap_or_default().or(usual.critical),
            },
            fail_on: arguments.fail_on,
            format: arguments.output,
            origin: Origin::resolve(arguments.snapshot, arguments.cluster, arguments.part.namespace, arguments.probe),
        }
    }
}

/// Reads, judges, answers.
pub(super) async fn check(settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    let mut snapshot = settings.origin.read(settings.now, ui).await?;
    if let Some(namespace) = &settings.namespace {
        scope::exists(&snapshot, namespace)?;
    }
    if settings.format == Format::Snapshot {
        ui.json(&snapshot)?;
        return Ok(ExitStatus::Fine);
    }
    if let Some(namespace) = &settings.namespace {
        scope::narrow(&mut snapshot, namespace);
    }
    // What was seen is judged as of when it was seen: an old snapshot does not accuse proxies of leafs that they have
    // long since replaced.
    let usual = snapshot.taken_at;
    let at = settings.at.map_or(Ok(usual), |moment| moment.resolve(usual, settings.now)).map_err(Error::OutOfTime)?;
    let report = findings::check(&snapshot, &findings::Settings { now: at, thresholds: settings.thresholds });
    let status = exit_status(&report, settings.fail_on);
    let answer = Answer {
        certificates: inventory::inventory(&snapshot),
        sources: inventory::sources(&snapshot),
        snapshot: &snapshot,
        report: &report,
        thresholds: settings.thresholds,
        namespace: settings.namespace.as_deref(),
        exit_code: status.code(),
    };
    match settings.format {
        Format::Table => ui.data(&answer.table(ui.stdout()))?,
        Format::Wide => ui.data(&answer.wide(ui.stdout()))?,
        Format::Short => ui.data(&answer.short())?,
        Format::Json | Format::Snapshot => ui.json(&answer.document())?,
        Format::Yaml => ui.yaml(&answer.document())?,
    }
    Ok(status)
}

fn exit_status(report: &Report, fail_on: FailOn) -> ExitStatus {
    match (report.worst(), fail_on) {
        (Some(Severity::Critical), FailOn::Warning | FailOn::Critical) => ExitStatus::Critical,
        (Some(Severity::Warning), FailOn::Warning) => ExitStatus::Warnings,
        _ => ExitStatus::Fine,
    }
}

#[cfg(test)]
mod tests {
    use crate::findings::{Code, Finding};

    use super::*;

    #[test]
    fn the_exit_status_tells_the_worst_from_the_threshold_on() {
        let report = |severity| Report {
            at: Timestamp::UNIX_EPOCH,
            findings: vec![Finding {
                code: Code::IssuerExpired,
                severity,
                subject: String::new(),
                summary: String::new(),
                evidence: Vec::new(),
                next: Vec::new(),
                consequences: Vec::new(),
            }],
        };
        let cases = [
            (Severity::Info, FailOn::Warning, 0),
            (Severity::Warning, FailOn::Warning, 3),
            (Severity::Critical, FailOn::Warning, 4),
            (Severity::Warning, FailOn::Critical, 0),
            (Severity::Critical, FailOn::Critical, 4),
            (Severity::Critical, FailOn::Never, 0),
        ];
        for (severity, fail_on, code) in cases {
            assert_eq!(exit_status(&report(severity), fail_on).code(), code, "{severity} {fail_on:?}");
        }
    }
}

//! Values with a syntax of their own: moments, durations, thresholds.

use std::{str::FromStr, time::Duration};

use jiff::{SignedDuration, Span, Timestamp, civil::DateTime, tz::TimeZone};

use crate::{
    pki::lifetime::Threshold,
    simulate::{Broken, Fault},
    snapshot::WorkloadRef,
};

/// A moment as typed: absolute, or relative to a moment that is known only later.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// The present, also where a snapshot would be judged as of the time it was taken.
    Now,
    /// This moment.
    At(Timestamp),
    /// So long after, or before, the moment that would be taken otherwise.
    Relative(Span),
}

/// A threshold as typed; the part that is not given keeps its default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ThresholdArg {
    percent: Option<u8>,
    at_most: Option<SignedDuration>,
}

/// A linked cluster as typed: the context that leads there, after the Link that it is the target of where that is called
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedArg {
    /// The Link, by its name or that of its target.
    pub link: Option<String>,
    /// The context.
    pub context: String,
}

/// A certificate's lifetime as typed: `8760h` as in Go, `365d`, `10y`. Months and years are those of the calendar.
#[derive(Clone, Copy, Debug, Default)]
pub struct LifetimeArg(Span);

impl Moment {
    /// The moment meant, where `usual` would be taken without the flag.
    ///
    /// # Errors
    /// When it lies outside the years that a timestamp can hold.
    pub fn resolve(self, usual: Timestamp, now: Timestamp) -> Result<Timestamp, jiff::Error> {
        match self {
            Self::Now => Ok(now),
            Self::At(at) => Ok(at),
            Self::Relative(span) => Ok(usual.to_zoned(TimeZone::UTC).checked_add(span)?.timestamp()),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "now" {
            return Ok(Self::Now);
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        if let Ok(at) = text.parse::<DateTime>().and_then(|civil| civil.to_zoned(TimeZone::UTC)) {
            return Ok(Self::At(at.timestamp()));
        }
        text.parse().map(Self::Relative).map_err(|_| {
            "neither a time (2027-01-01, 2027-01-01T08:00:00Z), nor a distance (+30d, -2h), nor `now`".to_owned()
        })
    }
}

impl ThresholdArg {
    /// The threshold meant, with what was not given taken from `default`.
    pub fn or(self, default: Threshold) -> Threshold {
        Threshold { percent: self.percent.unwrap_or(default.percent), at_most: self.at_most.unwrap_or(default.at_most) }
    }
}

impl FromStr for ThresholdArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut threshold = Self::default();
        for part in text.split(',').map(str::trim) {
            if let Some(percent) = part.strip_suffix('%') {
                let percent = percent.trim().parse().ok().filter(|percent| *percent <= 100);
                let percent = percent.ok_or_else(|| format!("`{part}` is not a share from 0% to 100%"))?;
                if threshold.percent.replace(percent).is_some() {
                    return Err("more than one share of the lifetime".to_owned());
                }
            } else {
                let time = days_or_less(part)
                    .ok_or_else(|| format!("`{part}` is neither a share (25%) nor a time (60d, 12h)"))?;
                if threshold.at_most.replace(time).is_some() {
                    return Err("more than one time".to_owned());
                }
            }
        }
        Ok(threshold)
    }
}

impl LifetimeArg {
    /// How long that is from `now`.
    pub fn from(self, now: Timestamp) -> SignedDuration {
        let end = now.to_zoned(TimeZone::UTC).checked_add(self.0);
        end.map_or(SignedDuration::MAX, |end| end.timestamp().duration_since(now))
    }
}

impl FromStr for LifetimeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lifetime =
            text.parse().map(Self).map_err(|_| "not a length of time such as 8760h, 365d or 10y".to_owned())?;
        let length = lifetime.from(Timestamp::UNIX_EPOCH);
        if length <= SignedDuration::ZERO {
            return Err("a certificate lives longer than that".to_owned());
        }
        let most = Self(Span::new().years(100)).from(Timestamp::UNIX_EPOCH);
        if length > most { Err("more than 100 years".to_owned()) } else { Ok(lifetime) }
    }
}

impl FromStr for LinkedArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (link, context) = text.split_once('=').map_or((None, text), |(link, context)| (Some(link), context));
        if context.is_empty() || link.is_some_and(str::is_empty) {
            return Err("not the name of a context, nor LINK=CONTEXT".to_owned());
        }
        Ok(Self { link: link.map(str::to_owned), context: context.to_owned() })
    }
}

/// A length of time, with days of 24 hours and weeks of seven days; not negative.
fn days_or_less(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    (!duration.is_negative()).then_some(duration)
}

/// A namespace's name, which is a DNS label (Kubernetes, apimachinery, `IsDNS1123Label`): it goes into paths and
/// selectors as it is.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    const LONGEST: usize = 63;
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let whole = !text.is_empty() && text.len() <= LONGEST && text.chars().all(inner);
    if whole && !text.starts_with('-') && !text.ends_with('-') {
        return Ok(text.to_owned());
    }
    Err(format!(
        "not a namespace's name: up to {LONGEST} of a-z, 0-9 and `-`, with a letter or digit at the beginning and the end"
    ))
}

/// kubectl's `--request-timeout`: a duration, or a whole number of seconds.
pub(super) fn request_timeout(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "not a duration such as 30s, 1m or 1m30s".to_owned())
}

/// A workload, as NAMESPACE/KIND/NAME.
pub(super) fn workload(text: &str) -> Result<WorkloadRef, String> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts[..] {
        [namespace, kind, name] if parts.iter().all(|part| !part.is_empty()) => {
            Ok(WorkloadRef { namespace: namespace.to_owned(), kind: self::kind(kind), name: name.to_owned() })
        }
        _ => Err("not NAMESPACE/KIND/NAME, such as emojivoto/Deployment/web".to_owned()),
    }
}

/// A kind as it is written in an object, of one as kubectl takes it.
pub(super) fn kind(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "deployment" | "deployments" | "deploy" => "Deployment",
        "statefulset" | "statefulsets" | "sts" => "StatefulSet",
        "daemonset" | "daemonsets" | "ds" => "DaemonSet",
        "cronjob" | "cronjobs" | "cj" => "CronJob",
        "job" | "jobs" => "Job",
        "pod" | "pods" | "po" => "Pod",
        _ => text,
    }
    .to_owned()
}

/// What has happened to a mesh.
pub(super) fn broken(text: &str) -> Result<Broken, String> {
    let named = Broken::ALL.into_iter().find(|broken| broken.to_string() == text);
    named.ok_or_else(|| {
        let names = Broken::ALL.map(|broken| broken.to_string()).join(", ");
        format!("no such state; there are {names}")
    })
}

/// Something that goes wrong in a rehearsal.
pub(super) fn fault(text: &str) -> Result<Fault, String> {
    let (kind, of) = text.split_once(':').unwrap_or((text, ""));
    let number = || of.parse().ok().filter(|number| *number > 0).ok_or(format!("`{kind}:` takes a number from 1 on"));
    let name =
        || if of.is_empty() { Err(format!("`{kind}:` takes the name of a workload")) } else { Ok(of.to_owned()) };
    match kind {
        "kill" => number().map(Fault::KilledAfter),
        "conflict" => number().map(Fault::ConflictAt),
        "missed-reload" => name().map(Fault::MissedReload),
        "missed-update" => Ok(Fault::MissedUpdate),
        "refused-issuer" => Ok(Fault::RefusedIssuer),
        "never-ready" => name().map(Fault::NeverReady),
        "unseen" => name().map(Fault::Unseen),
        "clock-ahead" => {
            of.parse().map(Fault::ClockAhead).map_err(|_| "`clock-ahead:` takes a time, such as 10m".to_owned())
        }
        _ => Err("no such fault: kill:N, conflict:N, missed-update, missed-reload:SERVICE, refused-issuer, never-ready:NAME, unseen:NAME, clock-ahead:TIME"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn moments_are_read_in_every_form() {
        let (usual, now) = (at("2026-01-31T12:00:00Z"), at("2026-06-01T00:00:00Z"));
        let cases = [
            ("now", "2026-06-01T00:00:00Z"),
            ("2027-01-01", "2027-01-01T00:00:00Z"),
            ("2027-01-01T08:30", "2027-01-01T08:30:00Z"),
            ("2027-01-01T08:00:00+02:00", "2027-01-01T06:00:00Z"),
            ("+30d", "2026-03-02T12:00:00Z"),
            ("30d", "2026-03-02T12:00:00Z"),
            ("-2h", "2026-01-31T10:00:00Z"),
            ("+1mo", "2026-02-28T12:00:00Z"),
            ("2w", "2026-02-14T12:00:00Z"),
        ];
        for (typed, meant) in cases {
            assert_eq!(typed.parse::<Moment>().unwrap().resolve(usual, now).unwrap(), at(meant), "{typed}");
        }
        assert!("tomorrow".parse::<Moment>().is_err());
        assert!("+99999y".parse::<Moment>().is_err());
    }

    #[test]
    fn a_threshold_keeps_what_is_not_given() {
        let default = Threshold { percent: 25, at_most: SignedDuration::from_hours(60 * 24) };
        let read = |text: &str| text.parse::<ThresholdArg>().map(|arg| arg.or(default));
        assert_eq!(read("30%").unwrap(), Threshold { percent: 30, ..default });
        assert_eq!(read("7d").unwrap(), Threshold { at_most: SignedDuration::from_hours(7 * 24), ..default });
        assert_eq!(read("5%, 12h").unwrap(), Threshold { percent: 5, at_most: SignedDuration::from_hours(12) });
        for wrong in ["", "101%", "-1d", "1d,2d", "1%,2%", "soon", "%"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lifetimes_are_read_in_every_form() {
        let now = at("2026-11-21T12:00:00Z");
        let end = |text: &str| text.parse::<LifetimeArg>().map(|lifetime| now + lifetime.from(now));
        for (typed, meant) in [
            ("8760h", "2027-11-21T12:00:00Z"),
            ("8760h0m0s", "2027-11-21T12:00:00Z"),
            ("365d", "2027-11-21T12:00:00Z"),
            ("1y", "2027-11-21T12:00:00Z"),
            ("10y", "2036-11-21T12:00:00Z"),
            ("90m", "2026-11-21T13:30:00Z"),
            ("2w", "2026-12-05T12:00:00Z"),
            ("1y6mo", "2028-05-21T12:00:00Z"),
        ] {
            assert_eq!(end(typed).unwrap(), at(meant), "{typed}");
        }
        for wrong in ["", "365", "soon", "-1d", "0h", "101y", "99999999h"] {
            assert!(end(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_linked_cluster_is_a_context_with_or_without_its_link() {
        let read = |text: &str| text.parse::<LinkedArg>();
        let linked = |link: Option<&str>, context: &str| LinkedArg {
            link: link.map(str::to_owned),
            context: context.to_owned(),
        };
        assert_eq!(read("west"), Ok(linked(None, "west")));
        assert_eq!(read("west=arn:aws:eks:eu:1:cluster/w"), Ok(linked(Some("west"), "arn:aws:eks:eu:1:cluster/w")));
        for wrong in ["", "=west", "west="] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_namespace_is_a_dns_label() {
        for name in ["linkerd", "a", "team-7", "0"] {
            assert_eq!(namespace(name).as_deref(), Ok(name));
        }
        let long = "a".repeat(64);
        for wrong in ["", "a b", "a/b", "A", "-a", "a-", "a.b", "a?limit=1", "ä", &long] {
            assert!(namespace(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn timeouts_are_read_as_kubectl_reads_them() {
        for (typed, seconds) in [("0", 0), ("30s", 30), ("1m", 60), ("1m30s", 90), ("45", 45)] {
            assert_eq!(request_timeout(typed).unwrap(), Duration::from_secs(seconds), "{typed}");
        }
        assert!(request_timeout("-1s").is_err() && request_timeout("soon").is_err());
    }
}

//! How long a certificate lives, how much of it is left, and when that is little.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A certificate's validity, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifetime {
    /// The first moment at which it is valid.
    pub not_before: Timestamp,
    /// The last moment at which it is valid.
    pub not_after: Timestamp,
}

/// Where in its life a certificate stands at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Valid, with enough time left.
    Fine,
    /// Valid, but below the warning threshold.
    NearEnd,
    /// Valid, but below the critical threshold.
    VeryNearEnd,
    /// Its validity has not begun.
    NotYetValid,
    /// Its validity is over.
    Expired,
}

/// When "near its end" begins: the lesser of a share of the lifetime and a time, so that neither a ten-year anchor
/// nor a 48-hour issuer is judged by the other's measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Below this, a warning.
    pub warning: Threshold,
    /// Below this, critical.
    pub critical: Threshold,
}

/// One limit: whichever of the two is shorter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Share of the lifetime, in percent.
    pub percent: u8,
    /// An absolute time.
    pub at_most: SignedDuration,
}

const DAY: i64 = 24;

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            warning: Threshold { percent: 25, at_most: SignedDuration::from_hours(60 * DAY) },
            critical: Threshold { percent: 10, at_most: SignedDuration::from_hours(14 * DAY) },
        }
    }
}

impl Threshold {
    fn for_lifetime(self, whole: SignedDuration) -> SignedDuration {
        (whole / 100 * i32::from(self.percent)).min(self.at_most)
    }
}

impl Lifetime {
    /// From `not_before` to `not_after`.
    pub fn new(not_before: Timestamp, not_after: Timestamp) -> Self {
        Self { not_before, not_after }
    }

    /// The whole of it.
    pub fn whole(&self) -> SignedDuration {
        self.not_after.duration_since(self.not_before)
    }

    /// What is left at `now`; negative once it is over.
    pub fn left(&self, now: Timestamp) -> SignedDuration {
        self.not_after.duration_since(now)
    }

    /// The share that has passed at `now`, from 0 to 1.
    pub fn share_used(&self, now: Timestamp) -> f64 {
        let whole = self.whole().as_secs_f64();
        if whole <= 0.0 {
            return 1.0;
        }
        (now.duration_since(self.not_before).as_secs_f64() / whole).clamp(0.0, 1.0)
    }

    /// Whether `now` lies within it.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Whether its last moment is over at `now`.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        now > self.not_after
    }

    /// The moment nearest to `now` at which it is valid. Of a certificate that ends before it begins, its end.
    pub fn nearest(&self, now: Timestamp) -> Timestamp {
        now.max(self.not_before).min(self.not_after)
    }

    /// The moment from which on it counts as near its end.
    pub fn near_end_from(&self, thresholds: &Thresholds) -> Timestamp {
        self.not_after - thresholds.warning.for_lifetime(self.whole())
    }

    /// Where it stands at `now`.
    pub fn stage(&self, now: Timestamp, thresholds: &Thresholds) -> Stage {
        let left = self.left(now);
        if self.has_ended(now) {
            Stage::Expired
        } else if now < self.not_before {
            Stage::NotYetValid
        } else if left < thresholds.critical.for_lifetime(self.whole()) {
            Stage::VeryNearEnd
        } else if left < thresholds.warning.for_lifetime(self.whole()) {
            Stage::NearEnd
        } else {
            Stage::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifetime(hours: i64) -> (Lifetime, Timestamp) {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        (Lifetime::new(start, start + SignedDuration::from_hours(hours)), start)
    }

    #[test]
    fn a_48_hour_issuer_renewed_on_time_is_fine() {
        // cert-manager renews it 25 h before its end, at the latest with 23 h left of 48 h.
        let (issuer, start) = lifetime(48);
        assert_eq!(issuer.stage(start + SignedDuration::from_hours(25), &Thresholds::default()), Stage::Fine);
        assert_eq!(issuer.stage(start + SignedDuration::from_hours(37), &Thresholds::default()), Stage::NearEnd);
        assert_eq!(issuer.stage(start + SignedDuration::from_hours(44), &Thresholds::default()), Stage::VeryNearEnd);
    }

    #[test]
    fn a_ten_year_anchor_is_judged_by_days() {
        let (anchor, _) = lifetime(10 * 365 * DAY);
        let left = |days: i64| anchor.not_after - SignedDuration::from_hours(days * DAY);
        assert_eq!(anchor.stage(left(61), &Thresholds::default()), Stage::Fine);
        assert_eq!(anchor.stage(left(59), &Thresholds::default()), Stage::NearEnd);
        assert_eq!(anchor.near_end_from(&Thresholds::default()), left(60));
        assert_eq!(anchor.stage(left(13), &Thresholds::default()), Stage::VeryNearEnd);
    }

    #[test]
    fn the_nearest_moment_lies_within_even_where_the_end_comes_first() {
        let (day, start) = lifetime(24);
        let hour = SignedDuration::from_hours(1);
        assert_eq!(day.nearest(start - hour), start);
        assert_eq!(day.nearest(start + hour), start + hour);
        assert_eq!(day.nearest(day.not_after + hour), day.not_after);
        let backwards = Lifetime::new(day.not_after, start);
        assert_eq!(backwards.nearest(start + hour), start);
        assert_eq!(backwards.stage(start + hour, &Thresholds::default()), Stage::Expired);
    }

    #[test]
    fn both_ends_are_part_of_it() {
        let (short, start) = lifetime(1);
        let second = SignedDuration::from_secs(1);
        assert_eq!(short.stage(start - second, &Thresholds::default()), Stage::NotYetValid);
        assert!(short.contains(start) && short.contains(short.not_after));
        assert_eq!(short.stage(short.not_after + second, &Thresholds::default()), Stage::Expired);
    }
}

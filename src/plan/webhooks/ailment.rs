//! What is wrong with a webhook's certificate.

use std::fmt;

use jiff::Timestamp;

use crate::pki::{Thresholds, lifetime::Stage};

use super::{Keeper, Server, target::is_fresh};

/// Something that makes a webhook's certificate due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ailment {
    /// Its Secret holds no certificate.
    NoCertificate,
    /// The key does not fit, is missing, or is in a form that the server does not read.
    NoKey,
    /// It is for another name.
    WrongName,
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYetValid,
    /// A caller's caBundle does not verify it.
    Untrusted,
    /// A pod serves another.
    NotServed,
    /// A run before has not trimmed a caBundle.
    HalfRenewed,
    /// It ends soon.
    NearEnd,
}

impl Server {
    /// What is wrong with its certificate, the worst first.
    pub fn ailments(&self, at: Timestamp, thresholds: &Thresholds) -> Vec<Ailment> {
        let Ok(held) = &self.secret else { return Vec::new() };
        let Some(first) = held.chain.first() else { return vec![Ailment::NoCertificate] };
        let mut found = Vec::new();
        let mut add = |is: bool, ailment: Ailment| {
            if is {
                found.push(ailment);
            }
        };
        let stage = first.lifetime().stage(at, thresholds);
        let nearest = first.lifetime().nearest(at);
        let served = self.pods.iter().filter_map(|pod| pod.serves.as_ref()?.first());
        let ours = held.is_ours && self.keeper == Keeper::Nobody && is_fresh(first, at);
        let trimmed = self.hooks.iter().all(|hook| hook.anchors().len() <= 1);
        add(!held.has_key, Ailment::NoKey);
        add(!held.is_named(&self.name()), Ailment::WrongName);
        add(stage == Stage::Expired, Ailment::Expired);
        add(stage == Stage::NotYetValid, Ailment::NotYetValid);
        add(!self.is_accepted(&held.chain, nearest) && held.is_named(&self.name()), Ailment::Untrusted);
        add(served.into_iter().any(|served| served != first), Ailment::NotServed);
        add(ours && !trimmed, Ailment::HalfRenewed);
        add(matches!(stage, Stage::NearEnd | Stage::VeryNearEnd), Ailment::NearEnd);
        found
    }
}

/// When the next of these certificates is near its end; `None` where there is none.
pub fn due_from<'a>(
    servers: impl IntoIterator<Item = &'a Server>,
    thresholds: &Thresholds,
) -> Option<(&'a Server, Timestamp)> {
    let each = servers
        .into_iter()
        .filter_map(|server| Some((server, server.certificate()?.lifetime().near_end_from(thresholds))));
    each.min_by_key(|(_, from)| *from)
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoCertificate => "no certificate",
            Self::NoKey => "key does not fit",
            Self::WrongName => "wrong name",
            Self::Expired => "expired",
            Self::NotYetValid => "not valid yet",
            Self::Untrusted => "caBundle does not verify it",
            Self::NotServed => "not served",
            Self::HalfRenewed => "half renewed",
            Self::NearEnd => "near its end",
        })
    }
}

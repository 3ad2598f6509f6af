//! Whether a chain verifies, asked as each of Linkerd's two verifiers asks.
//!
//! A **proxy** (rustls-webpki) builds a path from the leaf over the presented intermediates to any anchor of its bundle
//! and checks the validity of leaf and intermediates, but not the anchor's: an anchor is a name and a key to it. The
//! **identity controller** (Go's crypto/x509) checks the validity of the anchor as well. So an expired anchor stops
//! new leafs long before it stops traffic.

use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use super::{Bundle, Certificate};

/// Why a verifier refuses a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was presented, or nothing is trusted.
    #[error("there is nothing to verify")]
    Nothing,
    /// No anchor of the bundle signed the chain.
    #[error("signed by no anchor of the bundle")]
    UnknownIssuer,
    /// A certificate of the chain is past its end.
    #[error("`{name}` expired at {at}")]
    Expired {
        /// Its name.
        name: String,
        /// When it ended.
        at: Timestamp,
    },
    /// A certificate of the chain is not valid yet.
    #[error("`{name}` is not valid before {at}")]
    NotYetValid {
        /// Its name.
        name: String,
        /// When it begins.
        at: Timestamp,
    },
    /// An authority of the chain may not sign what it signed.
    #[error("`{0}` may not sign certificates here (not a CA, or its path length is used up)")]
    NotAnAuthority(String),
    /// Whatever else the verifier says.
    #[error("{0}")]
    Other(String),
}

/// Verifies `chain` (leaf first) against `bundle` at `now` as a proxy does on a connection.
///
/// # Errors
/// The reason for which the proxy would refuse the connection.
pub fn as_proxy(chain: &[Certificate], bundle: &Bundle, now: Timestamp) -> Result<(), Refusal> {
    let Some((leaf, intermediates)) = chain.split_first() else { return Err(Refusal::Nothing) };
    let anchors: Vec<CertificateDer<'_>> =
        bundle.certificates.iter().map(|certificate| CertificateDer::from(certificate.der())).collect();
    let anchors: Vec<_> = anchors.iter().filter_map(|der| webpki::anchor_from_trusted_cert(der).ok()).collect();
    if anchors.is_empty() {
        return Err(Refusal::Nothing);
    }
    let intermediates: Vec<_> = intermediates.iter().map(|cert| CertificateDer::from(cert.der())).collect();
    let der = CertificateDer::from(leaf.der());
    let end_entity = EndEntityCert::try_from(&der).map_err(|error| Refusal::Other(error.to_string()))?;
    let now_unix = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default()));
    let verified = end_entity.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &intermediates,
        now_unix,
        AnyUsage,
        None,
        None,
    );
    verified.map(|_| ()).map_err(|error| explain(&error, chain, now))
}

/// Verifies an issuer's `chain` (issuer first, then intermediates that came with it) against `bundle` at `now` as the
/// identity controller does when it loads the issuer.
///
/// webpki refuses an authority as the end of a path, so the path is walked here, with signatures checked by ring.
///
/// # Errors
/// The reason for which identity would refuse to load the issuer.
pub fn as_identity(chain: &[Certificate], bundle: &Bundle, now: Timestamp) -> Result<(), Refusal> {
    let Some((issuer, extra)) = chain.split_first() else { return Err(Refusal::Nothing) };
    if bundle.is_empty() {
        return Err(Refusal::Nothing);
    }
    valid_at(issuer, now)?;
    if bundle.contains(issuer) {
        return Ok(());
    }
    climb(issuer, extra, bundle, now, 0)
}

/// Whether a proxy that trusts `anchors` would accept a leaf under this issuer's `chain` at `now`. Like [`as_proxy`] it
/// does not ask whether an anchor is still valid.
///
/// # Errors
/// The reason for which it would refuse.
pub fn issuer_as_proxy(chain: &[Certificate], anchors: &[Certificate], now: Timestamp) -> Result<(), Refusal> {
    if chain.is_empty() || anchors.is_empty() {
        return Err(Refusal::Nothing);
    }
    chain.iter().try_for_each(|certificate| valid_at(certificate, now))?;
    if anchors.iter().any(|anchor| leads_to(chain, anchor)) { Ok(()) } else { Err(Refusal::UnknownIssuer) }
}

/// Whether `anchor` vouches for the issuer that `chain` begins with, whatever the time.
pub fn leads_to(chain: &[Certificate], anchor: &Certificate) -> bool {
    let Some((issuer, above)) = chain.split_first() else { return false };
    let between = || above.iter().enumerate().find(|(_, authority)| issuer.is_signed_by(authority));
    issuer == anchor
        || issuer.is_signed_by(anchor)
        // Each authority is climbed once, so a chain that bites its own tail ends.
        || between().is_some_and(|(index, _)| leads_to(&above[index..], anchor))
}

/// Walks from `child` to an anchor; `below` counts the intermediates under the authority that is looked for.
fn climb(
    child: &Certificate,
    extra: &[Certificate],
    bundle: &Bundle,
    now: Timestamp,
    below: u32,
) -> Result<(), Refusal> {
    const DEEPEST: u32 = 6;
    let mut refusal = Refusal::UnknownIssuer;
    let authorities = bundle.certificates.iter().map(|anchor| (anchor, true));
    for (authority, is_anchor) in authorities.chain(extra.iter().map(|certificate| (certificate, false))) {
        if authority == child || below >= DEEPEST || !child.is_signed_by(authority) {
            continue;
        }
        let step = valid_at(authority, now)
            .and_then(|()| may_sign(authority, below))
            .and_then(|()| if is_anchor { Ok(()) } else { climb(authority, extra, bundle, now, below + 1) });
        match step {
            Ok(()) => return Ok(()),
            Err(Refusal::UnknownIssuer) => {}
            Err(reason) => refusal = reason,
        }
    }
    Err(refusal)
}

fn valid_at(certificate: &Certificate, now: Timestamp) -> Result<(), Refusal> {
    let lifetime = certificate.lifetime();
    let name = || certificate.name().to_owned();
    if now < lifetime.not_before {
        return Err(Refusal::NotYetValid { name: name(), at: lifetime.not_before });
    }
    if now > lifetime.not_after {
        return Err(Refusal::Expired { name: name(), at: lifetime.not_after });
    }
    Ok(())
}

fn may_sign(authority: &Certificate, below: u32) -> Result<(), Refusal> {
    // Go takes the issuer for the end of the path, so it does not count towards an authority's path length.
    let enough = authority.path_len().is_none_or(|most| most >= below);
    if authority.is_ca() && authority.may_sign_certificates() && enough {
        Ok(())
    } else {
        Err(Refusal::NotAnAuthority(authority.name().to_owned()))
    }
}

/// A proxy presents one leaf as client and as server, and Linkerd's issuer gives it both usages.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

fn explain(error: &webpki::Error, chain: &[Certificate], now: Timestamp) -> Refusal {
    // webpki says that something expired, not what: the first certificate of the chain for which it is true.
    let dated = |error: fn(&Certificate, Timestamp) -> bool| chain.iter().find(|certificate| error(certificate, now));
    match error {
        webpki::Error::UnknownIssuer => Refusal::UnknownIssuer,
        webpki::Error::CertExpired { .. } => match dated(|cert, now| now > cert.lifetime().not_after) {
            Some(cert) => Refusal::Expired { name: cert.name().to_owned(), at: cert.lifetime().not_after },
            None => Refusal::Other(error.to_string()),
        },
        webpki::Error::CertNotValidYet { .. } => match dated(|cert, now| now < cert.lifetime().not_before) {
            Some(cert) => Refusal::NotYetValid { name: cert.name().to_owned(), at: cert.lifetime().not_before },
            None => Refusal::Other(error.to_string()),
        },
        webpki::Error::EndEntityUsedAsCa | webpki::Error::PathLenConstraintViolated => {
            Refusal::NotAnAuthority(chain.get(1).map_or_else(String::new, |issuer| issuer.name().to_owned()))
        }
        other => Refusal::Other(other.to_string()),
    }
}

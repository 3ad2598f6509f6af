//! Whether a chain verifies, asked as each of Linkerd's two verifiers asks.
//!
//! A **proxy** (rustls-webpki) builds a path from the leaf over the presented intermediates to any anchor of its bundle
//! and checks the validity of leaf and intermediates, but not the anchor's: an anchor is a name and a key to it. The
//! **identity controller** (Go's crypto/x509) checks the validity of the anchor as well. So an expired anchor stops
//! new leafs long before it stops traffic.
//!
//! Neither counts path lengths as the other does. Go takes the issuer that identity loads for the end of the path, so an
//! intermediate above it may have path length 0, and counts an anchor's. webpki sees the leaf below the issuer, so an
//! intermediate needs one more, and knows no path length of an anchor (go, crypto/x509, `isValid`; rustls-webpki,
//! `check_basic_constraints` and `anchor_from_trusted_cert`).

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
    climb(issuer, &Above { extra, anchors: &bundle.certificates, by: Verifier::Identity, now }, 0)
}

/// Verifies an issuer's `chain` (issuer first, then intermediates that came with it) against `anchors` at `now` as a
/// proxy will that is presented a leaf under it.
///
/// # Errors
/// The reason for which every proxy with these anchors would refuse such a leaf.
pub fn issuer_as_proxy(chain: &[Certificate], anchors: &[Certificate], now: Timestamp) -> Result<(), Refusal> {
    let Some((issuer, extra)) = chain.split_first() else { return Err(Refusal::Nothing) };
    if anchors.is_empty() {
        return Err(Refusal::Nothing);
    }
    // An anchor is a name and a key: under this one the issuer itself is not looked at.
    if anchors.iter().any(|anchor| anchor.same_subject(issuer) && anchor.public_key() == issuer.public_key()) {
        return Ok(());
    }
    valid_at(issuer, now)?;
    if !issuer.is_ca() {
        return Err(Refusal::NotAnAuthority(issuer.name().to_owned()));
    }
    climb(issuer, &Above { extra, anchors, by: Verifier::Proxy, now }, 0)
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

/// What an issuer is verified with.
struct Above<'a> {
    extra: &'a [Certificate],
    anchors: &'a [Certificate],
    by: Verifier,
    now: Timestamp,
}

/// Whose rules hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verifier {
    Identity,
    Proxy,
}

/// Walks from `child` to an anchor; `below` counts the intermediates between the issuer and the authority that is looked
/// for.
fn climb(child: &Certificate, above: &Above<'_>, below: u32) -> Result<(), Refusal> {
    const DEEPEST: u32 = 6;
    let mut refusal = Refusal::UnknownIssuer;
    let authorities = above.anchors.iter().map(|anchor| (anchor, true));
    for (authority, is_anchor) in authorities.chain(above.extra.iter().map(|certificate| (certificate, false))) {
        if authority == child || below >= DEEPEST || !child.is_signed_by(authority) {
            continue;
        }
        let step = match (above.by, is_anchor) {
            (Verifier::Proxy, true) => Ok(()),
            (_, true) => valid_at(authority, above.now).and_then(|()| may_sign(authority, above.by, below)),
            (_, false) => valid_at(authority, above.now)
                .and_then(|()| may_sign(authority, above.by, below))
                .and_then(|()| climb(authority, above, below + 1)),
        };
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

fn may_sign(authority: &Certificate, by: Verifier, below: u32) -> Result<(), Refusal> {
    let (below, usage) = match by {
        Verifier::Identity => (below, authority.may_sign_certificates()),
        // The issuer stands below it too, and webpki does not read key usage.
        Verifier::Proxy => (below + 1, true),
    };
    if authority.is_ca() && usage && authority.path_len().is_none_or(|most| most >= below) {
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
        // Anchors before and after a rotation often have one name: then it is the signature that does not fit.
        webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => Refusal::UnknownIssuer,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ISSUER, ROOT, Recipe, days, now};

    const YEAR: i64 = days(365);

    /// Asks identity and a proxy about an issuer under an intermediate under an anchor; then a real leaf, as the proxy
    /// would be given it.
    fn verdicts(anchor: &Recipe, intermediate: &Recipe) -> [Result<(), Refusal>; 3] {
        let anchor = anchor.self_signed();
        let middle = intermediate.signed_by(&anchor);
        let issuer = Recipe::authority(ISSUER, -1, YEAR).path_len(0).signed_by(&middle);
        let leaf = Recipe::leaf("web", -1, 23).signed_by(&issuer).certificate;
        let bundle = Bundle::of([anchor.certificate]);
        let chain = [issuer.certificate, middle.certificate];
        let presented = [&[leaf], &chain[..]].concat();
        [
            as_identity(&chain, &bundle, now()),
            issuer_as_proxy(&chain, &bundle.certificates, now()),
            as_proxy(&presented, &bundle, now()),
        ]
    }

    fn root() -> Recipe {
        Recipe::authority(ROOT, -YEAR, YEAR)
    }

    fn middle() -> Recipe {
        Recipe::authority("middle", -1, YEAR)
    }

    #[test]
    fn path_lengths_count_differently_for_identity_and_for_proxies() {
        assert_eq!(verdicts(&root(), &middle()), [Ok(()), Ok(()), Ok(())]);
        assert_eq!(verdicts(&root(), &middle().path_len(1)), [Ok(()), Ok(()), Ok(())]);
        assert!(matches!(
            verdicts(&root(), &middle().path_len(0)),
            [Ok(()), Err(Refusal::NotAnAuthority(of)), Err(Refusal::NotAnAuthority(_))] if of == "middle"
        ));
        assert!(matches!(
            verdicts(&root().path_len(0), &middle()),
            [Err(Refusal::NotAnAuthority(of)), Ok(()), Ok(())] if of == ROOT
        ));
        assert_eq!(verdicts(&root().path_len(1), &middle()), [Ok(()), Ok(()), Ok(())]);
    }

    #[test]
    fn an_intermediate_that_is_over_or_no_authority_is_refused_by_both() {
        let expired = verdicts(&root(), &Recipe::authority("middle", -YEAR, -1));
        assert!(expired.iter().all(|one| matches!(one, Err(Refusal::Expired { .. }))), "{expired:?}");
        let no_ca = verdicts(&root(), &middle().not_a_ca());
        assert!(no_ca.iter().all(|one| matches!(one, Err(Refusal::NotAnAuthority(_)))), "{no_ca:?}");
    }

    #[test]
    fn an_anchor_of_the_same_name_is_not_the_one_that_signed() {
        let (old, new) = (root().self_signed(), root().self_signed());
        let issuer = Recipe::authority(ISSUER, -1, YEAR).signed_by(&new);
        let leaf = Recipe::leaf("web", -1, 23).signed_by(&issuer).certificate;
        let bundle = Bundle::of([old.certificate]);
        let issuer = issuer.certificate;
        assert_eq!(as_identity(std::slice::from_ref(&issuer), &bundle, now()), Err(Refusal::UnknownIssuer));
        assert_eq!(as_proxy(&[leaf, issuer], &bundle, now()), Err(Refusal::UnknownIssuer));
    }

    #[test]
    fn an_anchor_may_have_path_length_0_where_the_issuer_stands_directly_under_it() {
        let anchor = root().path_len(0).self_signed();
        let issuer = Recipe::authority(ISSUER, -1, YEAR).signed_by(&anchor);
        let leaf = Recipe::leaf("web", -1, 23).signed_by(&issuer).certificate;
        let bundle = Bundle::of([anchor.certificate]);
        let issuer = issuer.certificate;
        assert_eq!(as_identity(std::slice::from_ref(&issuer), &bundle, now()), Ok(()));
        assert_eq!(as_proxy(&[leaf, issuer], &bundle, now()), Ok(()));
    }
}

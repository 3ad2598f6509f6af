//! Certificates that were seen before. Ten thousand pods have one bundle and one issuer; each is parsed and kept once.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustls_pki_types::CertificateDer;

use crate::pki::{Bundle, Certificate, Fingerprint};

/// What was seen, by its digest.
#[derive(Default)]
pub(super) struct Known(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    authorities: HashMap<Fingerprint, Certificate>,
    bundles: HashMap<Fingerprint, Bundle>,
}

impl Known {
    /// Begins with the bundles of the pods' specs, which most proxies have loaded.
    pub(super) fn of(bundles: &[Bundle]) -> Self {
        let bundles = bundles.iter().map(|bundle| (bundle.text_sha256, bundle.clone())).collect();
        Self(Mutex::new(Seen { bundles, ..Seen::default() }))
    }

    /// The bundle that `text` is.
    pub(super) fn bundle(&self, text: &str) -> Bundle {
        let digest = Fingerprint::of(text.as_bytes());
        self.seen().bundles.entry(digest).or_insert_with(|| Bundle::parse(text)).clone()
    }

    /// The chain that was presented. Its first certificate is one proxy's own; the others are everybody's.
    pub(super) fn chain(&self, presented: &[CertificateDer<'_>]) -> Result<Vec<Certificate>, String> {
        let parse = |der: &CertificateDer<'_>| Certificate::parse(der).map_err(|error| error.to_string());
        let Some((leaf, authorities)) = presented.split_first() else {
            return Err("it presents no certificate".to_owned());
        };
        let mut chain = Vec::with_capacity(presented.len());
        chain.push(parse(leaf)?);
        for der in authorities {
            let digest = Fingerprint::of(der);
            let seen = self.seen().authorities.get(&digest).cloned();
            let authority = match seen {
                Some(authority) => authority,
                None => self.seen().authorities.entry(digest).or_insert(parse(der)?).clone(),
            };
            chain.push(authority);
        }
        Ok(chain)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der() -> CertificateDer<'static> {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn what_was_seen_is_kept_once() {
        let known = Known::default();
        let issuer = der();
        let first = known.chain(&[der(), issuer.clone()]).unwrap();
        let second = known.chain(&[der(), issuer]).unwrap();
        assert!(std::ptr::eq(first[1].der(), second[1].der()));
        assert_ne!(first[0], second[0]);
        let text = first[1].to_pem();
        assert!(std::ptr::eq(known.bundle(&text).certificates[0].der(), known.bundle(&text).certificates[0].der()));
    }

    #[test]
    fn nothing_and_garbage_are_told() {
        let known = Known::default();
        assert!(known.chain(&[]).is_err());
        assert!(known.chain(&[CertificateDer::from(b"garbage".as_slice())]).is_err());
        assert!(known.chain(&[der(), CertificateDer::from(b"garbage".as_slice())]).is_err());
    }
}

//! Authorities that somebody else made: checked for everything that Linkerd would stumble over, before it does.

use jiff::{SignedDuration, Timestamp};

use super::{Authority, Certificate, Lifetime, PrivateKey, Serial, SigningError, TrustDomain};
use crate::pki::{Bundle, Fingerprint, verify};

/// Why a certificate and a key are no authority for this mesh.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// There is no certificate in the text.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// A certificate in the text cannot be read.
    #[error("line {line}: {what}")]
    Broken {
        /// Where it begins, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// More certificates than one, where it must be clear which is meant.
    #[error("it holds {0} certificates; the trust anchor's alone is wanted")]
    NotOne(usize),
    /// The key belongs to another certificate.
    #[error("the key is not that of `{name}`: its public key is {}, the certificate's is {}", key.short(), certificate.short())]
    OtherKey {
        /// The certificate's name.
        name: String,
        /// SHA-256 of the certificate's subject public key info.
        certificate: Fingerprint,
        /// That of the key.
        key: Fingerprint,
    },
    /// It is no certificate authority.
    #[error("`{0}` is no certificate authority (basic constraints)")]
    NotAnAuthority(String),
    /// It may not sign certificates.
    #[error("`{0}` may not sign certificates (key usage)")]
    MayNotSign(String),
    /// What it signs would not be good for both ends of a connection.
    #[error("`{0}` is limited to other purposes than TLS server and client (extended key usage)")]
    Purpose(String),
    /// It allows no issuer below it. Neither identity nor a proxy asks today (to a proxy, an anchor is a name and a key);
    /// every other verifier does.
    #[error("`{0}` allows no authority below it, so it cannot have an identity issuer (path length 0)")]
    NoRoom(String),
    /// Linkerd refuses its key or its signature.
    #[error(
        "`{name}` has a key or signature that Linkerd refuses: {key}, signed with {signature}; accepted: {accepted}"
    )]
    Algorithm {
        /// Its name.
        name: String,
        /// Its key's kind and size.
        key: String,
        /// What it was signed with.
        signature: String,
        /// What Linkerd takes in its place.
        accepted: &'static str,
    },
    /// Its validity has not begun or is over.
    #[error("`{name}` is not valid now, but from {} to {}", lifetime.not_before, lifetime.not_after)]
    NotNow {
        /// Its name.
        name: String,
        /// When it is valid.
        lifetime: Lifetime,
    },
    /// It is named as an anchor is, so verifiers would look for the wrong key.
    #[error("`{0}` has the same subject as a trust anchor (linkerd2 #5350)")]
    SameSubject(String),
    /// Identity would not load the issuer.
    #[error("the identity controller would not load it: {0}")]
    RefusedByIdentity(verify::Refusal),
    /// Proxies would refuse what it signs.
    #[error("proxies would refuse every leaf that it signs: {0}")]
    RefusedByProxies(verify::Refusal),
    /// It signed nothing when it was tried.
    #[error("it cannot sign")]
    CannotSign(#[from] SigningError),
}

impl Authority {
    /// A trust anchor that was brought: one certificate in PEM, and its key.
    ///
    /// # Errors
    /// The first thing that Linkerd would stumble over.
    pub fn accept_anchor(pem: &str, key: PrivateKey, now: Timestamp) -> Result<Self, Unfit> {
        let anchor = anchor(pem, now)?;
        belongs(&anchor, &key)?;
        Ok(Self { chain: vec![anchor], key })
    }

    /// An authority for webhooks' servers that was brought: one certificate in PEM, and its key.
    ///
    /// # Errors
    /// Why it cannot sign them.
    pub fn accept_server_authority(pem: &str, key: PrivateKey, now: Timestamp) -> Result<Self, Unfit> {
        let chain = certificates(pem)?;
        let [authority] = chain.as_slice() else { return Err(Unfit::NotOne(chain.len())) };
        fits(authority, now)?;
        belongs(authority, &key)?;
        Ok(Self { chain, key })
    }

    /// An identity issuer that was brought, or whose request was signed elsewhere: its certificate in PEM, then those
    /// between it and the anchor, and its key. It is tried: identity must load it under `anchors`, and proxies that
    /// trust them must take a leaf that it signs.
    ///
    /// Note that `linkerd install --identity-issuer-certificate-file` keeps the first certificate of a file only
    /// (linkerd2, cli/cmd/options.go, `loadCrtPEM`); a longer chain needs Helm, or the Secret itself.
    ///
    /// # Errors
    /// The first thing that Linkerd would stumble over.
    pub fn accept_issuer(
        pem: &str,
        key: PrivateKey,
        anchors: &Bundle,
        trust_domain: &TrustDomain,
        now: Timestamp,
    ) -> Result<Self, Unfit> {
        let issuer = Self { chain: certificates(pem)?, key };
        belongs(issuer.certificate(), &issuer.key)?;
        fits(issuer.certificate(), now)?;
        if !issuer.certificate().suits_issuer() {
            return Err(algorithm(issuer.certificate(), "ECDSA P-256, signed with ECDSA or RSA and SHA-256"));
        }
        issuer.prove(anchors, trust_domain, now)?;
        Ok(issuer)
    }

    /// Tries an issuer under `anchors` as identity and a proxy would.
    ///
    /// # Errors
    /// Who refuses it, and why.
    pub fn prove(&self, anchors: &Bundle, trust_domain: &TrustDomain, now: Timestamp) -> Result<(), Unfit> {
        let own = self.certificate();
        if anchors.certificates.iter().any(|anchor| anchor != own && anchor.same_subject(own)) {
            return Err(Unfit::SameSubject(name(own)));
        }
        verify::as_identity(&self.chain, anchors, now).map_err(Unfit::RefusedByIdentity)?;
        let anchor = |candidate: &&Certificate| self.chain.iter().any(|below| below.is_signed_by(candidate));
        let anchors_above = anchors.certificates.iter().filter(anchor).filter(|anchor| !anchor.may_serve());
        let between = self.chain.iter().filter(|between| !(between.may_serve() && between.may_call()));
        if let Some(limited) = between.chain(anchors_above).next() {
            return Err(Unfit::Purpose(name(limited)));
        }
        let identity = trust_domain.identity("default", trust_domain.namespace());
        let hour = SignedDuration::from_hours(1);
        let trial = match self.sign_leaf(&identity, hour, self.key.spki(), now, Serial::from_bytes([1; 16])) {
            // Identity signs under any name. All but the names that the chain allows is seen without a leaf, too.
            Err(SigningError::Name { .. }) => {
                let verdict = verify::issuer_as_proxy(&self.chain, &anchors.certificates, now);
                return verdict.map_err(Unfit::RefusedByProxies);
            }
            trial => trial?,
        };
        let presented: Vec<Certificate> = [trial].into_iter().chain(self.chain.iter().cloned()).collect();
        verify::as_proxy(&presented, anchors, now).map_err(Unfit::RefusedByProxies)
    }
}

/// Every certificate of a text, whatever else stands in it.
fn certificates(pem: &str) -> Result<Vec<Certificate>, Unfit> {
    let bundle = Bundle::parse(pem);
    if bundle.certificates.len() < pem.matches("-----BEGIN CERTIFICATE-----").count() {
        let problem = bundle.problems.into_iter().next();
        let (line, what) = problem.map_or((1, "a certificate".to_owned()), |problem| (problem.line, problem.what));
        return Err(Unfit::Broken { line, what });
    }
    if bundle.certificates.is_empty() { Err(Unfit::NoCertificate) } else { Ok(bundle.certificates) }
}

/// A webhook server's certificate that was brought, with what stands between it and its authority, and its key.
///
/// # Errors
/// When there is none, or the key belongs to another.
pub fn server(pem: &str, key: &PrivateKey) -> Result<Vec<Certificate>, Unfit> {
    let chain = certificates(pem)?;
    belongs(&chain[0], key)?;
    Ok(chain)
}

/// A trust anchor that was brought without its key: one certificate in PEM.
///
/// # Errors
/// The first thing that Linkerd would stumble over.
pub fn anchor(pem: &str, now: Timestamp) -> Result<Certificate, Unfit> {
    let chain = certificates(pem)?;
    let [anchor] = chain.as_slice() else { return Err(Unfit::NotOne(chain.len())) };
    fits(anchor, now)?;
    if !anchor.may_serve() {
        return Err(Unfit::Purpose(name(anchor)));
    }
    if anchor.path_len() == Some(0) {
        return Err(Unfit::NoRoom(name(anchor)));
    }
    if !anchor.suits_anchor() {
        return Err(algorithm(anchor, "ECDSA P-256 or RSA 2048/4096, with SHA-256"));
    }
    Ok(anchor.clone())
}

fn belongs(certificate: &Certificate, key: &PrivateKey) -> Result<(), Unfit> {
    let (own, key) = (certificate.public_key(), key.public_key());
    if own == key { Ok(()) } else { Err(Unfit::OtherKey { name: name(certificate), certificate: own, key }) }
}

/// What holds for every authority.
fn fits(certificate: &Certificate, now: Timestamp) -> Result<(), Unfit> {
    let name = || name(certificate);
    if !certificate.is_ca() {
        return Err(Unfit::NotAnAuthority(name()));
    }
    if !certificate.may_sign_certificates() {
        return Err(Unfit::MayNotSign(name()));
    }
    if !certificate.lifetime().contains(now) {
        return Err(Unfit::NotNow { name: name(), lifetime: certificate.lifetime() });
    }
    Ok(())
}

fn algorithm(certificate: &Certificate, accepted: &'static str) -> Unfit {
    Unfit::Algorithm {
        name: name(certificate),
        key: certificate.key().to_string(),
        signature: certificate.signature().to_owned(),
        accepted,
    }
}

fn name(certificate: &Certificate) -> String {
    certificate.name().to_owned()
}

//! What the simulated identity signs with. One key stands in for those of all simulated proxies.

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{mesh::IssuerPair, pki::Certificate};

/// By how much identity stretches a leaf's validity at both ends (the charts' `identity.issuer.clockSkewAllowance`).
const SKEW: SignedDuration = SignedDuration::from_secs(20);

/// Signs, and counts serial numbers.
#[derive(Debug)]
pub(super) struct Signer {
    key: rcgen::KeyPair,
    serial: u64,
}

/// What could not be signed. A rehearsal says so and ends.
#[derive(Debug, thiserror::Error)]
#[error("the simulation cannot sign: {0}")]
pub struct NotSigned(#[from] rcgen::Error);

/// A webhook server's certificate to be.
pub(super) struct Server<'a> {
    pub(super) name: &'a str,
    pub(super) names: &'a [String],
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// A certificate authority to be.
pub(super) struct Authority<'a> {
    pub(super) name: &'a str,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Signer {
    pub(super) fn new() -> Result<Self, NotSigned> {
        Ok(Self { key: rcgen::KeyPair::generate()?, serial: 0 })
    }

    /// A leaf under `issuer`, as identity makes it; no longer valid than the issuer.
    pub(super) fn leaf(
        &mut self,
        issuer: &IssuerPair,
        identity: &str,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Option<Certificate> {
        let certificate = issuer.chain.first()?;
        let until = (now + lifetime + SKEW).min(certificate.lifetime().not_after);
        let mut params = self.params(identity, now - SKEW, until);
        params.subject_alt_names = vec![rcgen::SanType::DnsName(identity.try_into().ok()?)];
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        let key = rcgen::KeyPair::from_pem(issuer.key.expose_secret()).ok()?;
        let issuer = rcgen::Issuer::from_ca_cert_der(&certificate.der().into(), key).ok()?;
        Certificate::parse(params.signed_by(&self.key, &issuer).ok()?.der()).ok()
    }

    /// A trust anchor with its key.
    pub(super) fn anchor(&mut self, authority: &Authority<'_>) -> Result<IssuerPair, NotSigned> {
        let key = rcgen::KeyPair::generate()?;
        let certificate = self.authority(authority).self_signed(&key)?;
        Ok(pair(&certificate, &key))
    }

    /// The same trust anchor with another validity: its name and key stay, by which verifiers know it.
    pub(super) fn renewed(
        &mut self,
        anchor: &IssuerPair,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<IssuerPair, NotSigned> {
        let key = rcgen::KeyPair::from_pem(anchor.key.expose_secret())?;
        let certificate = self.authority(&Authority { name: anchor.chain[0].name(), from, until }).self_signed(&key)?;
        Ok(pair(&certificate, &key))
    }

    /// An issuer under `anchor`, with its key.
    pub(super) fn issuer(&mut self, authority: &Authority<'_>, anchor: &IssuerPair) -> Result<IssuerPair, NotSigned> {
        let key = rcgen::KeyPair::generate()?;
        let above = rcgen::KeyPair::from_pem(anchor.key.expose_secret())?;
        let above = rcgen::Issuer::from_ca_cert_der(&anchor.chain[0].der().into(), above)?;
        let certificate = self.authority(authority).signed_by(&key, &above)?;
        Ok(pair(&certificate, &key))
    }

    /// A webhook server's certificate with its key, signed by `above` or by itself.
    pub(super) fn server(&mut self, server: &Server<'_>, above: Option<&IssuerPair>) -> Result<IssuerPair, NotSigned> {
        let key = rcgen::KeyPair::generate()?;
        let mut params = self.params(server.name, server.from, server.until);
        params.subject_alt_names =
            server.names.iter().filter_map(|name| name.as_str().try_into().ok()).map(rcgen::SanType::DnsName).collect();
        let Some(above) = above else { return Ok(pair(&params.self_signed(&key)?, &key)) };
        let signer = rcgen::KeyPair::from_pem(above.key.expose_secret())?;
        let signer = rcgen::Issuer::from_ca_cert_der(&above.chain[0].der().into(), signer)?;
        Ok(pair(&params.signed_by(&key, &signer)?, &key))
    }

    fn authority(&mut self, authority: &Authority<'_>) -> rcgen::CertificateParams {
        let mut params = self.params(authority.name, authority.from, authority.until);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
    }

    fn params(&mut self, name: &str, from: Timestamp, until: Timestamp) -> rcgen::CertificateParams {
        self.serial += 1;
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.serial_number = Some(self.serial.into());
        (params.not_before, params.not_after) = (date(from), date(until));
        params
    }
}

fn pair(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> IssuerPair {
    // What rcgen wrote is a certificate; an empty chain would be refused by everything that looks at it.
    let chain = Certificate::parse(certificate.der()).into_iter().collect();
    IssuerPair { chain, key: SecretString::from(key.serialize_pem()) }
}

/// rcgen takes the dates of another library; what lies outside its calendar lies outside X.509's too.
fn date(at: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

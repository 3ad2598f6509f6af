mod brought;

use proptest::prelude::*;
use x509_parser::{extensions::ParsedExtension, prelude::FromDer as _};

use super::*;
use crate::{
    pki::{
        Bundle,
        private_key::{NewKey, fixtures},
        verify,
    },
    testing::{at, days, now},
};

fn domain() -> TrustDomain {
    TrustDomain::new("linkerd", "cluster.local").unwrap()
}

fn params(days: i64) -> AuthorityParams {
    AuthorityParams { trust_domain: domain(), lifetime: SignedDuration::from_hours(24 * days) }
}

fn key() -> PrivateKey {
    PrivateKey::generate(NewKey::EcdsaP256).unwrap()
}

fn fixture(pem: &str) -> PrivateKey {
    PrivateKey::from_pem(pem.as_bytes(), None).unwrap()
}

fn serial() -> Serial {
    Serial::random().unwrap()
}

fn anchor() -> Authority {
    Authority::new_anchor(&params(3650), key(), now(), serial()).unwrap()
}

fn issuer(anchor: &Authority) -> Authority {
    anchor.sign_issuer(&params(365), key(), now(), serial()).unwrap()
}

fn bundle(anchor: &Authority) -> Bundle {
    Bundle::of([anchor.certificate().clone()])
}

fn key_pem(key: &PrivateKey) -> PrivateKey {
    fixture(key.to_pem())
}

/// Whether the extension is critical, for each that the certificate has.
fn extensions(certificate: &Certificate) -> Vec<(String, bool)> {
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate.der()).unwrap();
    let name = |extension: &ParsedExtension<'_>| match extension {
        ParsedExtension::KeyUsage(usage) => format!("key usage {usage}"),
        ParsedExtension::ExtendedKeyUsage(usage) => {
            format!("purposes server {} client {}", usage.server_auth, usage.client_auth)
        }
        ParsedExtension::BasicConstraints(basic) => format!("CA {} {:?}", basic.ca, basic.path_len_constraint),
        ParsedExtension::SubjectKeyIdentifier(_) => "own key".to_owned(),
        ParsedExtension::AuthorityKeyIdentifier(_) => "authority's key".to_owned(),
        ParsedExtension::SubjectAlternativeName(names) => format!("{:?}", names.general_names),
        other => format!("{other:?}"),
    };
    parsed.extensions().iter().map(|extension| (name(extension.parsed_extension()), extension.critical)).collect()
}

fn authority_key_id(certificate: &Certificate) -> Option<Vec<u8>> {
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate.der()).unwrap();
    parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0.to_vec()),
        _ => None,
    })
}

fn expected(expected: &[(&str, bool)]) -> Vec<(String, bool)> {
    expected.iter().map(|(name, critical)| ((*name).to_owned(), *critical)).collect()
}

#[test]
fn a_new_pair_is_as_the_table_says() {
    let serial = |first: u8| Serial::from_bytes([first; 16]);
    let anchor = Authority::new_anchor(&params(3650), key(), now(), serial(0xab)).unwrap();
    let issuer = anchor.sign_issuer(&params(365), key(), now(), serial(1)).unwrap();
    let (root, middle) = (anchor.certificate(), issuer.certificate());

    assert_eq!(root.subject(), "CN=root.linkerd.cluster.local 2026-11-21 abababab");
    assert_eq!(middle.subject(), "CN=identity.linkerd.cluster.local 2026-11-21 01010101");
    assert_eq!(root.serial(), "ab".repeat(16));
    assert!(root.is_self_issued() && middle.is_signed_by(root));
    assert_eq!((root.lifetime().not_before, root.lifetime().not_after), (now() - BACKDATED, at(days(3650))));
    assert_eq!((middle.lifetime().not_before, middle.lifetime().not_after), (now() - BACKDATED, at(days(365))));
    assert!(root.suits_anchor() && middle.suits_issuer());
    assert!(root.may_serve() && root.may_call());

    let usage = ("key usage Key Cert Sign, CRL Sign", true);
    let ids = [("own key", false), ("authority's key", false)];
    let dns = |name: &str| format!("[DNSName(\"{name}\")]");
    assert_eq!(
        extensions(root),
        expected(&[ids[1], (&dns("root.linkerd.cluster.local"), false), usage, ids[0], ("CA true Some(1)", true)])
    );
    assert_eq!(
        extensions(middle),
        expected(&[ids[1], (&dns("identity.linkerd.cluster.local"), false), usage, ids[0], ("CA true Some(0)", true)])
    );
    assert_eq!(authority_key_id(root).as_deref(), root.key_id());
    assert_eq!(authority_key_id(middle).as_deref(), root.key_id());
    assert_eq!(root.key_id().map(<[u8]>::len), Some(20));
    assert_ne!(root.key_id(), middle.key_id());
}

#[test]
fn a_leaf_is_what_identity_issues() {
    let anchor = anchor();
    let issuer = issuer(&anchor);
    let identity = domain().identity("web", "shop");
    let day = SignedDuration::from_hours(24);
    let leaf = issuer.sign_leaf(&identity, day, key().spki(), now(), serial()).unwrap();
    assert_eq!(leaf.subject(), format!("CN={identity}"));
    assert_eq!(leaf.dns_names(), std::slice::from_ref(&identity));
    assert!(!leaf.is_ca());
    assert_eq!((leaf.lifetime().not_before, leaf.lifetime().not_after), (now() - LEAF_SKEW, at(24) + LEAF_SKEW));
    let names = format!("[DNSName(\"{identity}\")]");
    assert_eq!(
        extensions(&leaf),
        expected(&[
            ("authority's key", false),
            (&names, false),
            ("key usage Digital Signature, Key Encipherment", true),
            ("purposes server true client true", false),
        ])
    );
    assert_eq!(authority_key_id(&leaf).as_deref(), issuer.certificate().key_id());
}

#[test]
fn nobody_outlives_who_signed_it() {
    let anchor = Authority::new_anchor(&params(100), key(), now(), serial()).unwrap();
    let issuer = anchor.sign_issuer(&params(365), key(), at(days(99)), serial()).unwrap();
    assert_eq!(issuer.certificate().lifetime().not_after, at(days(100)));
    let day = SignedDuration::from_hours(24);
    let leaf = issuer.sign_leaf("web", day, key().spki(), at(days(99) + 12), serial()).unwrap();
    assert_eq!(leaf.lifetime().not_after, at(days(100)));
    // Nor does it begin before: an issuer that is signed at once starts with its anchor.
    let issuer = anchor.sign_issuer(&params(1), key(), now(), serial()).unwrap();
    assert_eq!(issuer.certificate().lifetime().not_before, anchor.certificate().lifetime().not_before);
}

#[test]
fn who_is_not_valid_signs_nothing() {
    let anchor = Authority::new_anchor(&params(100), key(), now(), serial()).unwrap();
    for moment in [at(days(101)), at(-1)] {
        let refused = anchor.sign_issuer(&params(1), key(), moment, serial()).unwrap_err();
        assert!(matches!(refused, SigningError::Authority { .. }), "{refused}");
    }
}

#[test]
fn subjects_never_repeat() {
    let names = |make: &dyn Fn() -> Authority| (make().certificate().clone(), make().certificate().clone());
    let (one, other) = names(&anchor);
    assert!(!one.same_subject(&other));
    let root = anchor();
    let (one, other) = names(&|| issuer(&root));
    assert!(!one.same_subject(&other));
}

#[test]
fn a_name_that_is_too_long_for_its_place_is_whole_elsewhere() {
    let long = format!("{}.example", "a".repeat(60));
    let trust_domain = TrustDomain::new("linkerd", &long).unwrap();
    let params = AuthorityParams { trust_domain: trust_domain.clone(), ..params(10) };
    let anchor = Authority::new_anchor(&params, key(), now(), Serial::from_bytes([1; 16])).unwrap();
    assert_eq!(anchor.certificate().name().len(), 64);
    assert!(anchor.certificate().name().ends_with(" 2026-11-21 01010101"));
    assert_eq!(anchor.certificate().dns_names(), [format!("root.linkerd.{long}")]);
    let issuer = anchor.sign_issuer(&params, key(), now(), serial()).unwrap();
    issuer.prove(&bundle(&anchor), &trust_domain, now()).unwrap();
}

#[test]
fn keys_and_lifetimes_that_linkerd_does_not_take_are_refused() {
    let p384 = Authority::new_anchor(&params(1), fixture(fixtures::P384), now(), serial());
    assert!(matches!(p384.unwrap_err(), SigningError::Key(KeyAlgorithm::Ecdsa(384))));
    let rsa = anchor().sign_issuer(&params(1), fixture(fixtures::RSA_PKCS8), now(), serial());
    assert!(matches!(rsa.unwrap_err(), SigningError::Key(KeyAlgorithm::Rsa(2048))));
    for lifetime in [SignedDuration::ZERO, SignedDuration::from_hours(-1), SignedDuration::from_hours(24 * 365 * 9000)]
    {
        let params = AuthorityParams { lifetime, ..params(1) };
        let refused = Authority::new_anchor(&params, key(), now(), serial()).unwrap_err();
        assert!(matches!(refused, SigningError::Lifetime { .. }), "{refused}");
    }
}

#[test]
fn an_rsa_anchor_signs_a_p256_issuer() {
    let rsa = Authority::new_anchor(&params(3650), fixture(fixtures::RSA_PKCS8), now(), serial()).unwrap();
    assert_eq!(rsa.certificate().signature(), "SHA256-RSA");
    let issuer = issuer(&rsa);
    assert!(rsa.certificate().suits_anchor() && issuer.certificate().suits_issuer());
    issuer.prove(&bundle(&rsa), &domain(), now()).unwrap();
}

#[test]
fn an_authority_whose_name_has_several_parts_signs_under_just_that_name() {
    let (pem, key, _) = odd(|params| {
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Corp");
        let country = rcgen::string::PrintableString::try_from("DE").unwrap();
        params.distinguished_name.push(rcgen::DnType::CountryName, rcgen::DnValue::PrintableString(country));
    });
    let corp = Authority::accept_anchor(&pem, key, now()).unwrap();
    let issuer = issuer(&corp);
    assert!(issuer.certificate().names_as_issuer(corp.certificate()));
    assert_eq!(issuer.certificate().issuer(), "CN=odd, O=Corp, C=DE");
    issuer.prove(&bundle(&corp), &domain(), now()).unwrap();
}

#[test]
fn an_authority_whose_name_cannot_be_repeated_signs_nothing() {
    // The moment lies after the fixtures' first day.
    let now = at(days(30));
    for (root, why) in [(fixtures::CORP_ROOT, "two values"), (fixtures::TWICE_ROOT, "twice")] {
        let corp = Authority::accept_anchor(root, fixture(fixtures::PKCS8), now).unwrap();
        let refused = corp.sign_issuer(&params(365), key(), now, serial()).unwrap_err();
        assert!(matches!(refused, SigningError::Name { .. }), "{why}: {refused}");
        let told = crate::error::Error::from(refused).tell();
        assert!(told.evidence[0].contains("`Corp Mesh Root` cannot be repeated"), "{told:?}");
        assert!(told.evidence[0].contains(corp.certificate().subject()), "{told:?}");
        assert!(told.hints[0].contains("step or openssl"), "{told:?}");
    }
}

#[test]
fn an_issuer_whose_name_cannot_be_repeated_is_tried_without_a_leaf() {
    let now = at(days(30));
    let accept = |anchors: &Bundle| {
        let corp = Authority::accept_anchor(fixtures::TWICE_ROOT, fixture(fixtures::PKCS8), now).unwrap();
        corp.prove(anchors, &domain(), now)
    };
    let itself = Bundle::parse(fixtures::TWICE_ROOT);
    assert!(accept(&itself).is_ok());
    assert!(matches!(accept(&bundle(&anchor())), Err(Unfit::RefusedByIdentity(_))));
}

/// An authority made by rcgen from what `change` makes of a good anchor's parameters, and its key.
fn odd(
    change: impl FnOnce(&mut rcgen::CertificateParams),
) -> (String, PrivateKey, rcgen::Issuer<'static, rcgen::KeyPair>) {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "odd");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    change(&mut params);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, fixture(&key.serialize_pem()), rcgen::Issuer::new(params, key))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_pair_holds_for_every_verifier_as_long_as_it_lasts(
        anchor_seconds in 60_i64..60 * 365 * 86_400,
        issuer_seconds in 60_i64..10 * 365 * 86_400,
        made in 0_i64..100 * 365 * 86_400,
        later in 0.0..1.0_f64,
        serials in any::<([u8; 16], [u8; 16])>(),
        label in "[a-z]([a-z0-9-]{0,20}[a-z0-9])?",
        rsa in any::<bool>(),
    ) {
        let made = now() + SignedDuration::from_secs(made);
        let trust_domain = TrustDomain::new(&label, &format!("{label}.local")).unwrap();
        let lived = |seconds| AuthorityParams {
            trust_domain: trust_domain.clone(),
            lifetime: SignedDuration::from_secs(seconds),
        };
        let anchor_key = if rsa { fixture(fixtures::RSA_PKCS8) } else { key() };
        let anchor =
            Authority::new_anchor(&lived(anchor_seconds), anchor_key, made, Serial::from_bytes(serials.0)).unwrap();
        let issuer =
            anchor.sign_issuer(&lived(issuer_seconds), key(), made, Serial::from_bytes(serials.1)).unwrap();
        prop_assert!(issuer.certificate().lifetime().not_after <= anchor.certificate().lifetime().not_after);

        let whole = issuer.certificate().lifetime();
        let moment = SignedDuration::from_secs_f64(whole.whole().as_secs_f64() * later);
        for moment in [whole.not_before, whole.not_before + moment, whole.not_after] {
            let anchors = bundle(&anchor);
            prop_assert_eq!(verify::as_identity(issuer.chain(), &anchors, moment), Ok(()));
            issuer.prove(&anchors, &trust_domain, moment).unwrap();
        }
        // What is written is what was signed.
        let again = Authority::accept_issuer(
            &issuer.chain_pem(), key_pem(issuer.key()), &Bundle::parse(&anchor.chain_pem()), &trust_domain, made,
        ).unwrap();
        prop_assert_eq!(again.certificate(), issuer.certificate());
        prop_assert!(Authority::accept_anchor(&anchor.chain_pem(), key_pem(anchor.key()), made).is_ok());
    }
}

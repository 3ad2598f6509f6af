//! What was made elsewhere is taken only where Linkerd would take it.

use super::*;

#[test]
fn a_request_that_is_signed_elsewhere_makes_an_issuer() {
    let anchor = anchor();
    let key = key();
    let request = issuer_request(&domain(), &key, now(), Serial::from_bytes([2; 16])).unwrap();
    // It is read again as who signs would, its signature checked.
    let mut asked = rcgen::CertificateSigningRequestParams::from_pem(&request).unwrap();
    assert_eq!(asked.params.is_ca, rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0)));
    let usages = [rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    assert_eq!(asked.params.key_usages, usages);
    let name = asked.params.distinguished_name.get(&rcgen::DnType::CommonName).unwrap();
    assert_eq!(*name, "identity.linkerd.cluster.local 2026-11-21 02020202".into());

    asked.params.not_before = time::OffsetDateTime::from_unix_timestamp(at(-1).as_second()).unwrap();
    asked.params.not_after = time::OffsetDateTime::from_unix_timestamp(at(days(90)).as_second()).unwrap();
    let signer = rcgen::KeyPair::from_pem(anchor.key().to_pem()).unwrap();
    let signer = rcgen::Issuer::from_ca_cert_der(&anchor.certificate().der().into(), signer).unwrap();
    let signed = asked.signed_by(&signer).unwrap().pem();
    let accept = |pem: &str, key: &PrivateKey, anchors: &Bundle| {
        Authority::accept_issuer(pem, key_pem(key), anchors, &domain(), now())
    };
    let issuer = accept(&signed, &key, &bundle(&anchor)).unwrap();
    assert_eq!(issuer.chain_pem(), signed);
    assert!(matches!(accept(&signed, &super::key(), &bundle(&anchor)), Err(Unfit::OtherKey { .. })));
    let refused = accept(&signed, &key, &bundle(&super::anchor()));
    assert!(matches!(refused, Err(Unfit::RefusedByIdentity(verify::Refusal::UnknownIssuer))), "{refused:?}");
}

#[test]
fn an_anchor_that_was_brought_is_checked_for_all_that_linkerd_would_stumble_over() {
    let accept = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let (pem, key, _) = odd(change);
        Authority::accept_anchor(&pem, key, now())
    };
    assert!(accept(&|_| {}).is_ok());
    let refused = |change: &dyn Fn(&mut rcgen::CertificateParams)| accept(change).unwrap_err();
    assert!(matches!(refused(&|params| params.is_ca = rcgen::IsCa::ExplicitNoCa), Unfit::NotAnAuthority(_)));
    assert!(matches!(
        refused(&|params| params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature]),
        Unfit::MayNotSign(_)
    ));
    assert!(matches!(
        refused(&|params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth]),
        Unfit::Purpose(_)
    ));
    assert!(matches!(
        refused(&|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0))),
        Unfit::NoRoom(_)
    ));
    assert!(matches!(refused(&|params| params.not_after = time::OffsetDateTime::UNIX_EPOCH), Unfit::NotNow { .. }));

    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&p384).unwrap().pem();
    let refused = Authority::accept_anchor(&pem, fixture(&p384.serialize_pem()), now()).unwrap_err();
    assert!(refused.to_string().contains("ECDSA P-384, signed with ECDSA-SHA384; accepted: ECDSA P-256 or RSA"));
}

#[test]
fn a_text_that_is_not_one_certificate_is_no_anchor() {
    let (pem, key, _) = odd(|_| {});
    let accept = |text: &str| Authority::accept_anchor(text, key_pem(&key), now());
    assert!(accept(&format!("subject: odd\n{pem}{}", key.to_pem())).is_ok(), "what else stands in it does not matter");
    assert!(matches!(accept(""), Err(Unfit::NoCertificate)));
    assert!(matches!(accept(key.to_pem()), Err(Unfit::NoCertificate)));
    assert!(matches!(accept(&pem[..pem.len() / 2]), Err(Unfit::Broken { line: 1, .. })));
    assert!(matches!(accept(&format!("{pem}{}", pem.replacen("MII", "!!!", 1))), Err(Unfit::Broken { .. })));
    assert!(matches!(accept(&format!("{pem}{pem}")), Err(Unfit::NotOne(2))));
}

#[test]
fn an_issuer_that_proxies_would_not_bear_is_refused_before_they_do() {
    let prove = |issuer: &dyn Fn(&mut rcgen::CertificateParams)| {
        let (anchor, _, signer) = odd(|_| {});
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        issuer(&mut params);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &signer).unwrap().pem();
        let key = fixture(&key.serialize_pem());
        Authority::accept_issuer(&pem, key, &Bundle::parse(&anchor), &domain(), now())
    };
    assert!(prove(&|_| {}).is_ok());
    let elsewhere = rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("corp.example".to_owned())],
        excluded_subtrees: Vec::new(),
    };
    let names = prove(&|params| params.name_constraints = Some(elsewhere.clone()));
    assert!(matches!(names, Err(Unfit::RefusedByProxies(_))), "{names:?}");
    let purpose = prove(&|params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(matches!(purpose, Err(Unfit::Purpose(_))), "{purpose:?}");
    let same = prove(&|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "odd");
    });
    assert!(matches!(same, Err(Unfit::SameSubject(_))), "{same:?}");
}

#[test]
fn an_issuer_may_come_with_those_between_it_and_the_anchor() {
    let anchor = anchor();
    let accept = |path_len: Option<u8>| {
        let signer = rcgen::KeyPair::from_pem(anchor.key().to_pem()).unwrap();
        let signer = rcgen::Issuer::from_ca_cert_der(&anchor.certificate().der().into(), signer).unwrap();
        let mut params = rcgen::CertificateParams::default();
        let limit = path_len.map_or(rcgen::BasicConstraints::Unconstrained, rcgen::BasicConstraints::Constrained);
        params.is_ca = rcgen::IsCa::Ca(limit);
        let key = rcgen::KeyPair::generate().unwrap();
        let between = params.signed_by(&key, &signer).unwrap().pem();
        let chain = Bundle::parse(&between).certificates;
        let between = Authority { chain, key: fixture(&key.serialize_pem()) };
        let issuer = between.sign_issuer(&super::params(90), super::key(), now(), serial()).unwrap();
        let chain = issuer.chain_pem() + &between.chain_pem();
        Authority::accept_issuer(&chain, key_pem(issuer.key()), &bundle(&anchor), &domain(), now())
    };
    assert_eq!(accept(None).unwrap().chain().len(), 2);
    // Go takes the issuer for the end of the path and lets it pass; a proxy counts it.
    let path = accept(Some(0));
    assert!(matches!(path, Err(Unfit::RefusedByProxies(verify::Refusal::NotAnAuthority(_)))), "{path:?}");
}

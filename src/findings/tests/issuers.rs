//! Issuers in the Secret, and what identity makes of them.

use super::{Case, anchor, case, good_issuer, issuer_in_values, of, trouble};
use crate::{
    findings::Code,
    pki::KeyState,
    snapshot::{IdentityEventKind, Source},
    testing::{IDENTITY, ISSUER, ROOT, Recipe, at, days, no_fingerprint},
};

pub(super) fn issuers() -> Vec<Case> {
    let with_issuer = |name, found: &[Code], recipe: Recipe| {
        let anchor = anchor();
        let issuer = recipe.signed_by(&anchor);
        of(name, found, anchor, issuer)
    };
    vec![
        case("issuer gone", &[Code::IssuerMissing], |mesh| mesh.snapshot.issuer = Source::Missing),
        case("issuer's key is another's", &[Code::IssuerKeyMismatch], |mesh| {
            mesh.secret().key = KeyState::Present(no_fingerprint());
        }),
        case("issuer's key is gone", &[Code::IssuerKeyMismatch], |mesh| mesh.secret().key = KeyState::Missing),
        with_issuer("issuer expired", &[Code::IssuerExpired], Recipe::authority(ISSUER, -days(365), -1)),
        with_issuer("issuer from tomorrow", &[Code::IssuerNotYetValid], Recipe::authority(ISSUER, 24, days(300))),
        with_issuer("issuer near its end", &[Code::IssuerNearEnd], Recipe::authority(ISSUER, -days(330), days(35))),
        with_issuer("48 h issuer with 24 h left", &[], Recipe::authority(ISSUER, -24, 24)),
        case("issuer of another anchor", &[Code::IssuerUntrusted], |mesh| {
            let stranger = good_issuer(&anchor());
            mesh.set_issuer(&stranger);
            issuer_in_values(mesh, &stranger);
        }),
        with_issuer("issuer is no CA", &[Code::IssuerNotCa], Recipe::authority(ISSUER, -days(1), days(300)).not_a_ca()),
        with_issuer("issuer named as the anchor", &[Code::IssuerSameSubject], Recipe::authority(ROOT, -1, days(300))),
        with_issuer(
            "issuer outlives its anchor",
            &[Code::IssuerOutlivesAnchor],
            Recipe::authority(ISSUER, -1, days(9999)),
        ),
        with_issuer(
            "issuer on P-384",
            &[Code::IssuerAlgorithm],
            Recipe::authority(ISSUER, -1, days(300)).with(&rcgen::PKCS_ECDSA_P384_SHA384),
        ),
        case("new issuer not picked up", &[Code::IssuerNotServed], |mesh| {
            let new = good_issuer(&mesh.anchor);
            mesh.set_issuer(&new);
            mesh.secret().changed_at = Some(at(-2));
            issuer_in_values(mesh, &new);
        }),
        case("new issuer, nobody has asked since", &[Code::IssuerNotServed], |mesh| {
            let new = good_issuer(&mesh.anchor);
            mesh.set_issuer(&new);
            mesh.secret().changed_at = None;
            issuer_in_values(mesh, &new);
        }),
        case("new issuer, loaded by its event", &[], |mesh| {
            let new = good_issuer(&mesh.anchor);
            mesh.set_issuer(&new);
            mesh.secret().changed_at = None;
            issuer_in_values(mesh, &new);
            mesh.event(IdentityEventKind::IssuerUpdated, 4, "Updated identity issuer");
        }),
        case("new issuer skipped", &[Code::IssuerUpdateSkipped], |mesh| {
            mesh.event(IdentityEventKind::IssuerUpdateSkipped, 5, "Skipping issuer update - and times");
        }),
        case("skipped, then updated", &[], |mesh| {
            mesh.event(IdentityEventKind::IssuerUpdateSkipped, 5, "Skipping issuer update");
            mesh.event(IdentityEventKind::IssuerUpdated, 4, "Updated identity issuer");
        }),
        case("requests refused", &[Code::CertifyRefused], |mesh| {
            mesh.event(IdentityEventKind::IssuerValidationFailed, 1, "x509: unknown authority - CSR Identity : x");
        }),
        case("requests refused long ago", &[], |mesh| {
            mesh.event(IdentityEventKind::IssuerValidationFailed, 600, "x509: unknown authority");
        }),
        case("identity crash-looping", &[Code::IdentityCrashLoop], |mesh| {
            let group = &mut mesh.mesh().workloads[IDENTITY].groups[0];
            group.trouble.push(trouble("identity", "CrashLoopBackOff"));
        }),
    ]
}

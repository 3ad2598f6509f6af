//! Gathers certificates from every source and merges them by fingerprint. Sources are visited in the order in which
//! they count, so that the first place of a row is the one an operator looks at first.

use std::collections::HashMap;

use crate::{
    pki::{Bundle, Certificate, Fingerprint},
    snapshot::{CaSecret, Meta, Owner, Snapshot, Values, Webhook},
    trust::{self, Presented},
};

use super::{CertificateRow, Place, Role};

pub(super) fn certificates(snapshot: &Snapshot) -> Vec<CertificateRow> {
    let mut rows = Rows::default();
    rows.anchors(snapshot);
    rows.issuers(snapshot);
    for webhook in snapshot.webhooks.items() {
        rows.webhook(webhook);
    }
    rows.cert_manager(snapshot);
    rows.leafs(snapshot);
    rows.list
}

#[derive(Default)]
struct Rows {
    list: Vec<CertificateRow>,
    by_fingerprint: HashMap<Fingerprint, usize>,
}

impl Rows {
    fn anchors(&mut self, snapshot: &Snapshot) {
        if let Some(roots) = snapshot.trust_roots.found() {
            self.bundle(Role::Anchor, roots.bundle.as_ref(), &roots.meta);
        }
        for values in values(snapshot) {
            self.bundle(Role::Anchor, values.anchors.as_ref(), &values.meta);
        }
        if let Some(issuer) = snapshot.issuer.found() {
            self.bundle(Role::Anchor, issuer.ca.as_ref(), &issuer.meta);
        }
        for bundle in snapshot.cert_manager.bundles.items() {
            self.bundle(Role::Anchor, bundle.inline.as_ref(), &bundle.meta);
        }
        for loaded in trust::loaded(snapshot) {
            for anchor in loaded.bundle.into_iter().flat_map(|bundle| &bundle.certificates) {
                self.row(Role::Anchor, anchor).pods += u64::from(loaded.pods);
            }
        }
    }

    fn issuers(&mut self, snapshot: &Snapshot) {
        if let Some(issuer) = snapshot.issuer.found() {
            self.chain(issuer.chain.as_ref(), &issuer.meta);
        }
        for values in values(snapshot) {
            self.chain(values.issuer.as_ref(), &values.meta);
        }
        for presented in trust::presented(snapshot) {
            if let Some((issuer, above)) = presented.chain.get(1..).and_then(<[_]>::split_first) {
                self.row(Role::Issuer, issuer).pods += 1;
                for authority in above {
                    self.row(Role::Authority, authority).pods += 1;
                }
            }
        }
    }

    /// The issuer, then what came with it.
    fn chain(&mut self, chain: Option<&Bundle>, meta: &Meta) {
        for (index, certificate) in chain.into_iter().flat_map(|chain| &chain.certificates).enumerate() {
            self.held(if index == 0 { Role::Issuer } else { Role::Authority }, certificate, meta);
        }
    }

    fn webhook(&mut self, webhook: &Webhook) {
        if let Some(secret) = webhook.secret.found() {
            for (index, certificate) in secret.chain.iter().flat_map(|chain| &chain.certificates).enumerate() {
                self.held(if index == 0 { Role::Webhook } else { Role::Authority }, certificate, &secret.meta);
            }
        }
        if let Some(Ok([served, ..])) = webhook.served.as_ref().map(|served| served.as_deref()) {
            let service = Place::new("Service", &webhook.service_namespace, &webhook.service);
            self.row(Role::Webhook, served).add(service, &[]);
        }
        // A certificate that the chart made is its own authority, and is merged with the Secret's.
        self.bundle(Role::Authority, webhook.ca_bundle.as_ref(), &webhook.meta);
    }

    fn cert_manager(&mut self, snapshot: &Snapshot) {
        for secret in &snapshot.cert_manager.secrets {
            let meta = Meta {
                kind: "Secret".to_owned(),
                namespace: secret.namespace.clone(),
                name: secret.name.clone(),
                owners: writer(snapshot, secret).into_iter().collect(),
                ..Meta::default()
            };
            for certificate in secret.chain.found().into_iter().flat_map(|chain| &chain.certificates) {
                let role = if certificate.is_ca() { Role::Authority } else { Role::Webhook };
                self.held(role, certificate, &meta);
            }
        }
    }

    fn leafs(&mut self, snapshot: &Snapshot) {
        let mut by_issuer: HashMap<Option<Fingerprint>, Vec<Presented<'_>>> = HashMap::new();
        for presented in trust::presented(snapshot) {
            by_issuer.entry(presented.issuer().map(Certificate::fingerprint)).or_default().push(presented);
        }
        for leafs in by_issuer.into_values() {
            let Some(first) = leafs.iter().min_by_key(|leaf| (leaf.leaf().lifetime().not_after, leaf.pod)) else {
                continue;
            };
            let workload = first.workload;
            let row = self.row(Role::Leaf, first.leaf());
            row.add(Place::new(&workload.kind, &workload.namespace, &workload.name), &[]);
            row.add(Place::new("Pod", &workload.namespace, first.pod), &[]);
            row.count = leafs.len();
            row.pods = u64::try_from(leafs.len()).unwrap_or(u64::MAX);
        }
    }

    fn bundle(&mut self, role: Role, bundle: Option<&Bundle>, meta: &Meta) {
        for certificate in bundle.into_iter().flat_map(|bundle| &bundle.certificates) {
            self.held(role, certificate, meta);
        }
    }

    fn held(&mut self, role: Role, certificate: &Certificate, meta: &Meta) {
        self.row(role, certificate).add(Place::new(&meta.kind, &meta.namespace, &meta.name), &meta.owners);
    }

    /// The row of `certificate`; it keeps the role it was first seen in.
    fn row(&mut self, role: Role, certificate: &Certificate) -> &mut CertificateRow {
        let index = *self.by_fingerprint.entry(certificate.fingerprint()).or_insert_with(|| {
            self.list.push(CertificateRow {
                role,
                certificate: certificate.clone(),
                count: 1,
                places: Vec::new(),
                owners: Vec::new(),
                pods: 0,
            });
            self.list.len() - 1
        });
        &mut self.list[index]
    }
}

/// Linkerd's values from everywhere that holds them.
fn values(snapshot: &Snapshot) -> impl Iterator<Item = &Values> {
    let release = snapshot.helm.found().map(|release| &release.values);
    [snapshot.config.found(), snapshot.overrides.found(), release].into_iter().flatten()
}

/// The cert-manager Certificate that writes `secret`, where one does.
fn writer(snapshot: &Snapshot, secret: &CaSecret) -> Option<Owner> {
    let mut certificates = snapshot.cert_manager.certificates.items().iter();
    let writer =
        certificates.find(|writer| writer.secret_name == secret.name && writer.meta.namespace == secret.namespace);
    writer.map(|writer| Owner::CertManager { certificate: writer.meta.name.clone() })
}

impl CertificateRow {
    fn add(&mut self, place: Place, owners: &[Owner]) {
        if self.places.is_empty() {
            self.owners = owners.to_vec();
        }
        if !self.places.contains(&place) {
            self.places.push(place);
        }
    }
}

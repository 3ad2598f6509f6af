//! A small mesh made in memory, healthy until a test breaks it. Only for tests; its clock stands still.

pub(crate) mod planned;
pub(crate) mod simulated;

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::{
    findings::{self, Code, Report, Settings},
    pki::{Bundle, Certificate, Fingerprint, KeyState, Thresholds},
    snapshot::{
        Admin, BundleRef, CertManager, Cluster, FailurePolicy, IdentityEvent, IdentityEventKind, IssuerScheme,
        IssuerSecret, Mesh, Meta, Namespace, PodGroup, PodRef, Probe, SCHEMA_VERSION, Snapshot, Source, TlsSecret,
        TrustRoots, Values, Webhook, WebhookKind, Workload,
    },
};

/// The moment at which every test mesh is looked at.
pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// `hours` from [`now`].
pub(crate) fn at(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

/// Hours of some days.
pub(crate) const fn days(days: i64) -> i64 {
    days * 24
}

/// A certificate with its key, able to sign others.
pub(crate) struct Authority {
    pub(crate) certificate: Certificate,
    pub(crate) issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub(crate) key_pem: String,
}

/// What a test certificate should be.
#[derive(Clone)]
pub(crate) struct Recipe {
    name: String,
    from: i64,
    to: i64,
    ca: bool,
    path_len: Option<u8>,
    dns: Vec<String>,
    algorithm: &'static rcgen::SignatureAlgorithm,
}

impl Recipe {
    /// An authority valid from `from` to `to` hours from now.
    pub(crate) fn authority(name: &str, from: i64, to: i64) -> Self {
        let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
        Self { name: name.to_owned(), from, to, ca: true, path_len: None, dns: Vec::new(), algorithm }
    }

    /// An end-entity certificate for a DNS name.
    pub(crate) fn leaf(dns: &str, from: i64, to: i64) -> Self {
        Self { ca: false, dns: vec![dns.to_owned()], ..Self::authority(dns, from, to) }
    }

    pub(crate) fn not_a_ca(self) -> Self {
        Self { ca: false, ..self }
    }

    pub(crate) fn until(self, to: i64) -> Self {
        Self { to, ..self }
    }

    pub(crate) fn path_len(self, most: u8) -> Self {
        Self { path_len: Some(most), ..self }
    }

    pub(crate) fn with(self, algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        Self { algorithm, ..self }
    }

    fn params(&self) -> rcgen::CertificateParams {
        // Serial numbers count up, so that two certificates of one recipe are two certificates.
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let mut params = rcgen::CertificateParams::new(self.dns.clone()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, &self.name);
        params.serial_number = Some(SERIAL.fetch_add(1, Ordering::Relaxed).into());
        params.not_before = time::OffsetDateTime::from_unix_timestamp(at(self.from).as_second()).unwrap();
        params.not_after = time::OffsetDateTime::from_unix_timestamp(at(self.to).as_second()).unwrap();
        let constraints =
            self.path_len.map_or(rcgen::BasicConstraints::Unconstrained, rcgen::BasicConstraints::Constrained);
        params.is_ca = if self.ca { rcgen::IsCa::Ca(constraints) } else { rcgen::IsCa::ExplicitNoCa };
        params
    }

    pub(crate) fn self_signed(&self) -> Authority {
        let key = rcgen::KeyPair::generate_for(self.algorithm).unwrap();
        let certificate = self.params().self_signed(&key).unwrap();
        self.finish(&certificate, key)
    }

    pub(crate) fn signed_by(&self, authority: &Authority) -> Authority {
        let key = rcgen::KeyPair::generate_for(self.algorithm).unwrap();
        let certificate = self.params().signed_by(&key, &authority.issuer).unwrap();
        self.finish(&certificate, key)
    }

    fn finish(&self, certificate: &rcgen::Certificate, key: rcgen::KeyPair) -> Authority {
        Authority {
            certificate: Certificate::parse(certificate.der()).unwrap(),
            key_pem: key.serialize_pem(),
            issuer: rcgen::Issuer::new(self.params(), key),
        }
    }
}

/// A mesh with one anchor, one issuer, a control plane and two workloads.
pub(crate) struct TestMesh {
    pub(crate) anchor: Authority,
    pub(crate) issuer: Authority,
    pub(crate) snapshot: Snapshot,
}

pub(crate) const ROOT: &str = "root.linkerd.cluster.local";
pub(crate) const ISSUER: &str = "identity.linkerd.cluster.local";

impl TestMesh {
    /// An anchor with nine years left, an issuer with eleven months.
    pub(crate) fn healthy() -> Self {
        let anchor = Recipe::authority(ROOT, -days(365), days(9 * 365)).self_signed();
        let issuer = Recipe::authority(ISSUER, -days(30), days(335)).signed_by(&anchor);
        Self::of(anchor, issuer)
    }

    /// A mesh in which everything is made from this pair.
    pub(crate) fn of(anchor: Authority, issuer: Authority) -> Self {
        let bundle = Bundle::of([anchor.certificate.clone()]);
        let snapshot = snapshot(&bundle, &issuer);
        let mut mesh = Self { anchor, issuer, snapshot };
        for workload in 0..mesh.mesh().workloads.len() {
            let leaf = mesh.leaf(workload, -1, 23);
            mesh.probe(workload, &bundle, vec![leaf, mesh.issuer.certificate.clone()]);
        }
        mesh
    }

    pub(crate) fn mesh(&mut self) -> &mut Mesh {
        match &mut self.snapshot.mesh {
            Source::Found(mesh) => mesh,
            _ => unreachable!("a test mesh is found"),
        }
    }

    pub(crate) fn roots(&mut self) -> &mut TrustRoots {
        match &mut self.snapshot.trust_roots {
            Source::Found(roots) => roots,
            _ => unreachable!("a test mesh has trust roots"),
        }
    }

    pub(crate) fn secret(&mut self) -> &mut IssuerSecret {
        match &mut self.snapshot.issuer {
            Source::Found(secret) => secret,
            _ => unreachable!("a test mesh has an issuer"),
        }
    }

    pub(crate) fn webhook(&mut self) -> &mut Webhook {
        match &mut self.snapshot.webhooks {
            Source::Found(webhooks) => &mut webhooks[0],
            _ => unreachable!("a test mesh has webhooks"),
        }
    }

    /// A leaf for this workload, from the mesh's issuer.
    pub(crate) fn leaf(&mut self, workload: usize, from: i64, to: i64) -> Certificate {
        let identity = self.mesh().workloads[workload].groups[0].identity.clone();
        Recipe::leaf(&identity, from, to).signed_by(&self.issuer).certificate
    }

    /// Replaces what the workload's first pod answers.
    pub(crate) fn probe(&mut self, workload: usize, bundle: &Bundle, chain: Vec<Certificate>) {
        let owner = &self.mesh().workloads[workload];
        let pod = PodRef { namespace: owner.namespace.clone(), name: owner.groups[0].names[0].clone() };
        let answer = Ok(Admin { bundle: Ok(bundle.clone()), chain: Ok(chain), failed_refreshes: Some(0) });
        self.snapshot.probes.retain(|probe| probe.workload != workload);
        self.snapshot.probes.push(Probe { pod, workload, group: 0, answer });
    }

    /// Replaces the issuer in the Secret, with its key.
    pub(crate) fn set_issuer(&mut self, issuer: &Authority) {
        self.secret().chain = Some(Bundle::of([issuer.certificate.clone()]));
        self.secret().key = KeyState::of_pem(issuer.key_pem.as_bytes());
    }

    pub(crate) fn event(&mut self, kind: IdentityEventKind, minutes_ago: i64, message: &str) {
        let event = IdentityEvent {
            kind,
            at: now() - SignedDuration::from_mins(minutes_ago),
            count: 1,
            message: message.to_owned(),
        };
        match &mut self.snapshot.identity_events {
            Source::Found(events) => events.push(event),
            _ => unreachable!("a test mesh has events"),
        }
    }

    pub(crate) fn check(&self) -> Report {
        findings::check(&self.snapshot, &Settings { now: now(), thresholds: Thresholds::default() })
    }

    /// The codes of the root causes, in their order.
    pub(crate) fn roots_found(&self) -> Vec<Code> {
        self.check().findings.iter().map(|finding| finding.code).collect()
    }
}

pub(crate) fn meta(kind: &str, namespace: &str, name: &str) -> Meta {
    Meta { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned(), ..Meta::default() }
}

/// The index of workload `web` in a test mesh.
pub(crate) const WEB: usize = 3;
/// The index of the identity controller in a test mesh.
pub(crate) const IDENTITY: usize = 0;

fn snapshot(bundle: &Bundle, issuer: &Authority) -> Snapshot {
    let values = |kind: &str, name: &str| Values {
        meta: meta(kind, "linkerd", name),
        anchors: Some(bundle.clone()),
        issuer: Some(Bundle::of([issuer.certificate.clone()])),
        issuer_scheme: Some("linkerd.io/tls".to_owned()),
        trust_domain: Some("cluster.local".to_owned()),
        version: Some("stable-2.20.0".to_owned()),
        ..Values::default()
    };
    let manager = CertManager {
        certificates: Source::Missing,
        issuers: Source::Missing,
        requests: Source::Missing,
        bundles: Source::Missing,
        secrets: Vec::new(),
    };
    Snapshot {
        schema_version: SCHEMA_VERSION,
        taken_at: now(),
        cluster: Cluster {
            context: Some("test".to_owned()),
            version: Some("v1.34.4".to_owned()),
            clock_ahead_seconds: Some(0),
        },
        namespace: "linkerd".to_owned(),
        other_control_planes: Vec::new(),
        trust_roots: Source::Found(TrustRoots {
            meta: meta("ConfigMap", "linkerd", "linkerd-identity-trust-roots"),
            bundle: Some(bundle.clone()),
            changed_at: Some(at(-days(30))),
            changed_by: None,
        }),
        config: Source::Found(values("ConfigMap", "linkerd-config")),
        overrides: Source::Found(values("Secret", "linkerd-config-overrides")),
        helm: Source::Missing,
        issuer: Source::Found(IssuerSecret {
            meta: meta("Secret", "linkerd", "linkerd-identity-issuer"),
            scheme: IssuerScheme::Linkerd,
            chain: Some(Bundle::of([issuer.certificate.clone()])),
            key: KeyState::of_pem(issuer.key_pem.as_bytes()),
            ca: None,
            unread: None,
            changed_at: Some(at(-days(30))),
            changed_by: None,
        }),
        identity_events: Source::Found(Vec::new()),
        cert_manager: manager,
        webhooks: Source::Found(vec![injector(), validator()]),
        namespaces: Source::Found(vec![Namespace {
            name: "emojivoto".to_owned(),
            inject: Some("enabled".to_owned()),
            extension: None,
            not_injected: false,
        }]),
        mesh: Source::Found(Mesh {
            bundles: vec![bundle.clone()],
            workloads: vec![
                workload("linkerd", "Deployment", "linkerd-identity", Some("identity"), 1),
                workload("linkerd", "Deployment", "linkerd-destination", Some("destination"), 1),
                workload("linkerd", "Deployment", "linkerd-proxy-injector", Some("proxy-injector"), 1),
                workload("emojivoto", "Deployment", "web", None, 2),
                workload("emojivoto", "StatefulSet", "db", None, 2),
            ],
            only: Vec::new(),
            unmeshed: Vec::new(),
        }),
        probes: Vec::new(),
        external_workloads: Source::Missing,
        links: Source::Missing,
        linked: Vec::new(),
        hidden_parts: Vec::new(),
    }
}

fn workload(namespace: &str, kind: &str, name: &str, component: Option<&str>, pods: u32) -> Workload {
    let account = if component.is_some() { name } else { "default" };
    Workload {
        namespace: namespace.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        component: component.map(ToOwned::to_owned),
        groups: vec![PodGroup {
            bundle: if component.is_some() { BundleRef::ConfigMap } else { BundleRef::Literal(0) },
            pods,
            ready: pods,
            oldest: at(-days(2)),
            newest: at(-days(2)),
            names: (0..pods).map(|index| format!("{name}-{index}")).collect(),
            trouble: Vec::new(),
            admin_port: None,
            identity: format!("{account}.{namespace}.serviceaccount.identity.linkerd.cluster.local"),
        }],
    }
}

fn injector() -> Webhook {
    let name = "linkerd-proxy-injector";
    webhook(name, "MutatingWebhookConfiguration", WebhookKind::Mutating, "linkerd-proxy-injector.linkerd.io")
}

fn validator() -> Webhook {
    let name = "linkerd-sp-validator";
    webhook(name, "ValidatingWebhookConfiguration", WebhookKind::Validating, "linkerd-sp-validator.linkerd.io")
}

fn webhook(service: &str, configuration: &str, kind: WebhookKind, name: &str) -> Webhook {
    let server = Recipe::leaf(&format!("{service}.linkerd.svc"), -days(30), days(335)).self_signed();
    Webhook {
        meta: meta(configuration, "", &format!("{service}-webhook-config")),
        kind,
        name: name.to_owned(),
        service_namespace: "linkerd".to_owned(),
        service: service.to_owned(),
        port: 443,
        ca_bundle: Some(Bundle::of([server.certificate.clone()])),
        failure_policy: Some(FailurePolicy::Ignore),
        available: None,
        injects_ca_from: None,
        secret: Source::Found(TlsSecret {
            meta: meta("Secret", "linkerd", &format!("{service}-k8s-tls")),
            chain: Some(Bundle::of([server.certificate.clone()])),
            key: KeyState::Present(server.certificate.public_key()),
            key_is_sec1: false,
            changed_at: None,
            changed_by: None,
        }),
        served: Some(Ok(vec![server.certificate])),
        servers: Vec::new(),
    }
}

/// A fingerprint that belongs to nothing.
pub(crate) fn no_fingerprint() -> Fingerprint {
    Fingerprint::of(b"nothing")
}

//! The cluster's processes and their flags.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{NODE, config};
use crate::error::{Error, Result};
use crate::etcd;
use crate::kubeconfig;
use crate::machine::Machine;
use crate::parts::Part;
use crate::pki::{Pki, Subject, write_private};

/// Every process, in the order of their start.
pub(super) const NAMES: [&str; 9] = [
    "etcd",
    "kube-apiserver",
    "containerd",
    "forward",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "coredns",
];

/// What the processes are started with.
pub(super) struct Daemons<'a> {
    pub(super) machine: &'a Machine,
    pub(super) pki: &'a Pki,
    pub(super) cgroup: String,
}

/// The control plane's certificates and keys.
pub(super) fn pki(dir: PathBuf) -> Result<Pki> {
    let pki = Pki::open(dir)?;
    pki.ca("front-proxy-ca")?;
    pki.keep_key("service-accounts")?;
    let hosts = [
        config::NODE_IP,
        "10.96.0.1",
        "127.0.0.1",
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    pki.keep("apiserver", "ca", &Subject { user: "kube-apiserver", group: None, hosts: &hosts })?;
    let masters = Some("system:masters");
    pki.keep("apiserver-kubelet", "ca", &Subject { user: "kube-apiserver", group: masters, hosts: &[] })?;
    pki.keep("front-proxy", "front-proxy-ca", &Subject { user: "front-proxy", group: None, hosts: &[] })?;
    pki.keep("kubelet", "ca", &Subject { user: "kubelet", group: None, hosts: &[config::NODE_IP, NODE] })?;
    Ok(pki)
}

impl Daemons<'_> {
    /// What the API server is made of, and the container runtime, which takes as long to start.
    pub(super) async fn store(&self) -> Result<()> {
        self.start("etcd", &Part::Etcd.program("etcd")?, etcd::flags(&self.file("etcd"))).await?;
        self.start("kube-apiserver", &Part::Kubernetes.program("kube-apiserver")?, self.apiserver()).await?;
        let settings = self.write("containerd.toml", &config::containerd())?;
        // The machine's own /run.
        self.write("run/cni/10-lab.conflist", &config::cni())?;
        self.start("containerd", Path::new("/usr/bin/containerd"), args([format!("--config={}", settings.display())]))
            .await
    }

    /// What needs an API server that answers.
    pub(super) async fn rest(&self) -> Result<()> {
        let kubernetes = |program| Part::Kubernetes.program(program);
        let config = self.kubeconfig("kube-controller-manager", "system:kube-controller-manager", None)?;
        self.start("kube-controller-manager", &kubernetes("kube-controller-manager")?, self.controllers(&config))
            .await?;
        let config = self.kubeconfig("kube-scheduler", "system:kube-scheduler", None)?;
        let flags = args([format!("--kubeconfig={config}"), "--leader-elect=false".into()]);
        self.start("kube-scheduler", &kubernetes("kube-scheduler")?, flags).await?;
        let config = self.kubeconfig("kubelet", &format!("system:node:{NODE}"), Some("system:nodes"))?;
        let settings = self.write("kubelet.yaml", &config::kubelet(self.pki, &self.cgroup)?)?;
        let flags = args([
            format!("--kubeconfig={config}"),
            format!("--config={}", settings.display()),
            format!("--hostname-override={NODE}"),
            format!("--node-ip={}", config::NODE_IP),
        ]);
        self.start("kubelet", &kubernetes("kubelet")?, flags).await?;
        let config = self.kubeconfig("kube-proxy", "system:kube-proxy", None)?;
        self.start("kube-proxy", &kubernetes("kube-proxy")?, proxy(&config)).await?;
        let config = self.kubeconfig("coredns", "coredns", Some("system:masters"))?;
        let settings = self.write("Corefile", &config::corefile(&config))?;
        let flags = args([format!("-conf={}", settings.display())]);
        self.start("coredns", &Part::CoreDns.program("coredns")?, flags).await
    }

    async fn start(&self, name: &str, program: &Path, args: Vec<OsString>) -> Result<()> {
        self.machine.ensure(name, program, &args).await
    }

    fn apiserver(&self) -> Vec<OsString> {
        let crt = |name| self.pki.path(name, "crt").display().to_string();
        let key = |name| self.pki.path(name, "key").display().to_string();
        args([
            "--etcd-servers=http://127.0.0.1:2379".into(),
            "--secure-port=443".into(),
            format!("--advertise-address={}", config::NODE_IP),
            "--service-cluster-ip-range=10.96.0.0/16".into(),
            format!("--client-ca-file={}", crt("ca")),
            format!("--tls-cert-file={}", crt("apiserver")),
            format!("--tls-private-key-file={}", key("apiserver")),
            format!("--service-account-key-file={}", crt("service-accounts")),
            format!("--service-account-signing-key-file={}", key("service-accounts")),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
            "--authorization-mode=Node,RBAC".into(),
            "--allow-privileged=true".into(),
            // Webhooks and APIServices are called at pod addresses, which this network has routes to.
            "--enable-aggregator-routing=true".into(),
            format!("--requestheader-client-ca-file={}", crt("front-proxy-ca")),
            "--requestheader-allowed-names=front-proxy".into(),
            "--requestheader-username-headers=X-Remote-User".into(),
            "--requestheader-group-headers=X-Remote-Group".into(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
            format!("--proxy-client-cert-file={}", crt("front-proxy")),
            format!("--proxy-client-key-file={}", key("front-proxy")),
            "--kubelet-preferred-address-types=InternalIP".into(),
            format!("--kubelet-client-certificate={}", crt("apiserver-kubelet")),
            format!("--kubelet-client-key={}", key("apiserver-kubelet")),
            format!("--kubelet-certificate-authority={}", crt("ca")),
            // Tests ask with many hands at once.
            "--max-requests-inflight=2000".into(),
            "--max-mutating-requests-inflight=1000".into(),
        ])
    }

    fn controllers(&self, kubeconfig: &str) -> Vec<OsString> {
        let ca = |kind| self.pki.path("ca", kind).display().to_string();
        args([
            format!("--kubeconfig={kubeconfig}"),
            "--use-service-account-credentials=true".into(),
            format!("--root-ca-file={}", ca("crt")),
            format!("--service-account-private-key-file={}", self.pki.path("service-accounts", "key").display()),
            format!("--cluster-signing-cert-file={}", ca("crt")),
            format!("--cluster-signing-key-file={}", ca("key")),
            "--leader-elect=false".into(),
            // The defaults would make rollouts of thousands of pods wait.
            "--kube-api-qps=500".into(),
            "--kube-api-burst=1000".into(),
            "--concurrent-replicaset-syncs=20".into(),
        ])
    }

    /// A kubeconfig for one of the cluster's own processes.
    fn kubeconfig(&self, name: &str, user: &str, group: Option<&str>) -> Result<String> {
        let file = self.pki.path(name, "kubeconfig");
        kubeconfig::keep(&file, self.pki, &format!("https://{}:443", config::NODE_IP), user, group)?;
        Ok(file.display().to_string())
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.file(name);
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(Error::file("creating", dir))?;
        }
        write_private(&path, text)?;
        Ok(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.machine.dir().join(name)
    }
}

fn proxy(kubeconfig: &str) -> Vec<OsString> {
    args([
        format!("--kubeconfig={kubeconfig}"),
        format!("--hostname-override={NODE}"),
        "--cluster-cidr=10.244.0.0/16".into(),
        // Those limits are the host's, not this network's.
        "--conntrack-max-per-core=0".into(),
        "--conntrack-tcp-timeout-established=0s".into(),
        "--conntrack-tcp-timeout-close-wait=0s".into(),
    ])
}

fn args<const N: usize>(words: [String; N]) -> Vec<OsString> {
    words.map(OsString::from).into()
}

//! The cluster comes up, comes up again, works from the host, and goes without a trace.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test says where it stops"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::Api;
use kube::api::PostParams;
use lab::cluster::{Cluster, NODE};
use lab::image::Image;
use lab::kubeconfig;
use serde_json::json;

const NAME: &str = "test-cluster";

#[tokio::test]
async fn up_again_and_down() {
    if !root() {
        return;
    }
    let cluster = Cluster::up(NAME).await.unwrap();
    let dir = cluster.machine().dir().to_owned();
    let client = cluster.client().await.unwrap();

    // From this process, which is in none of the cluster's namespaces.
    let node = Api::<Node>::all(client.clone()).get(NODE).await.unwrap();
    let conditions = node.status.unwrap().conditions.unwrap();
    assert!(conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"));
    let poor = kubeconfig::client(&cluster.poor_kubeconfig()).await.unwrap();
    let refused = Api::<Namespace>::all(poor).list(&kube::api::ListParams::default()).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 403));

    a_pod_runs(&cluster, client).await;

    // What has died is brought back; what lives is left alone.
    cluster.stop_process("kube-scheduler").await.unwrap();
    assert!(cluster.processes().contains(&("kube-scheduler", false)));
    let again = Cluster::up(NAME).await.unwrap();
    assert!(again.processes().iter().all(|(_, runs)| *runs));
    assert_eq!(again.machine().dir(), dir);

    let own = networks_of(&processes_naming(&dir));
    assert!(!own.is_empty() && own.is_disjoint(&networks_of(&[std::process::id().to_string()])), "{own:?}");
    Cluster::down(NAME).await.unwrap();
    assert_eq!(processes_naming(&dir), Vec::<String>::new());
    assert!(networks_of(&processes()).is_disjoint(&own), "the network namespace is still in use");
    assert!(!std::fs::read_to_string("/proc/self/mounts").unwrap().contains(dir.to_str().unwrap()));
    assert!(!dir.exists());
    assert!(cgroups().is_empty(), "{:?}", cgroups());
    // Nothing to do is not an error.
    Cluster::down(NAME).await.unwrap();
}

async fn a_pod_runs(cluster: &Cluster, client: kube::Client) {
    let image = Image::new("lab/test:1", ["/sleep", "infinity"]);
    let image = image.file("/bin/sleep".as_ref(), "/sleep".as_ref()).await.unwrap();
    cluster.import(&image).await.unwrap();
    let pod = json!({
        "metadata": {"name": "test"},
        "spec": {"containers": [{"name": "test", "image": "lab/test:1"}], "terminationGracePeriodSeconds": 0},
    });
    let pods = Api::<Pod>::default_namespaced(client);
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    for _ in 0..300 {
        let status = pods.get("test").await.unwrap().status.unwrap_or_default();
        if status.phase.as_deref() == Some("Running") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the pod does not run: {:?}", pods.get("test").await.unwrap().status);
}

fn root() -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0);
    if !root {
        println!("SKIPPED: the lab needs root");
    }
    root
}

fn processes() -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

fn processes_naming(dir: &Path) -> Vec<String> {
    let names = |pid: &String| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(dir.to_str().unwrap())
    };
    processes().into_iter().filter(names).collect()
}

fn networks_of(pids: &[String]) -> BTreeSet<String> {
    let network = |pid: &String| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    pids.iter().filter_map(network).map(|link| link.to_string_lossy().into_owned()).collect()
}

fn cgroups() -> Vec<std::path::PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = std::fs::read_dir(root).unwrap().flatten().map(|entry| entry.path());
    let all = std::iter::once(root.to_owned()).chain(hierarchies);
    all.map(|dir| dir.join(format!("linkerd-certs-lab-{NAME}"))).filter(|dir| dir.exists()).collect()
}

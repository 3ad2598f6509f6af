//! Which kubeconfig, and which context of it, by kubectl's rules.

use std::{
    env, io,
    path::{Path, PathBuf},
};

use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use super::{Connect, proxy};
use crate::cluster::error::{Error, nearest};

/// A configuration, and the context it comes from (none within a pod).
pub(super) struct Chosen {
    pub(super) config: Config,
    pub(super) context: Option<String>,
}

/// Finds the configuration that kubectl would use.
pub(super) async fn choose(connect: &Connect) -> Result<Chosen, Error> {
    let places = Places::of(connect.kubeconfig.as_deref(), env::var_os("KUBECONFIG").as_deref(), env::home_dir());
    let Some(kubeconfig) = places.read()? else {
        if let (None, Ok(config)) = (&connect.context, Config::incluster()) {
            return Ok(Chosen { config, context: None });
        }
        return Err(Error::NoKubeconfig { reason: format!("there is none (looked for {places})") });
    };
    let context = select(&kubeconfig, connect.context.as_deref())?;
    let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let own_proxy = own_proxy(&kubeconfig, &context);
    let unusable = |reason: String| Error::UnusableContext { context: Some(context.clone()), reason };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| match error {
        // kube reads it before it says what it made of it, and wants each entry to be one.
        KubeconfigError::ParseNoProxy(error) => unusable(format!("NO_PROXY of the environment is not a list: {error}")),
        other => unusable(other.to_string()),
    })?;
    let environment = |name: &str| env::var(name).ok();
    config.proxy_url = proxy::choose(own_proxy.as_deref(), &config.cluster_url, environment).map_err(unusable)?;
    Ok(Chosen { config, context: Some(context) })
}

/// Where a kubeconfig may be.
struct Places {
    paths: Vec<PathBuf>,
    /// Whether each has to exist: a file that the user names does, one of `KUBECONFIG`'s list does not.
    must_exist: bool,
}

impl Places {
    fn of(flag: Option<&Path>, variable: Option<&std::ffi::OsStr>, home: Option<PathBuf>) -> Self {
        if let Some(path) = flag {
            return Self { paths: vec![path.to_owned()], must_exist: true };
        }
        let mut paths: Vec<PathBuf> = variable.map(env::split_paths).into_iter().flatten().collect();
        paths.retain(|path| !path.as_os_str().is_empty());
        if paths.is_empty() {
            paths.extend(home.map(|home| home.join(".kube").join("config")));
        }
        Self { paths, must_exist: false }
    }

    /// Reads and merges them; `None` where there is none.
    fn read(&self) -> Result<Option<Kubeconfig>, Error> {
        let mut merged: Option<Kubeconfig> = None;
        for path in &self.paths {
            let broken = |error: &KubeconfigError| Error::NoKubeconfig {
                reason: format!("{}: {}", path.display(), reason(error)),
            };
            let next = match Kubeconfig::read_from(path) {
                Ok(next) => next,
                Err(KubeconfigError::ReadConfig(error, _))
                    if error.kind() == io::ErrorKind::NotFound && !self.must_exist =>
                {
                    continue;
                }
                Err(error) => return Err(broken(&error)),
            };
            merged = Some(match merged {
                None => next,
                Some(first) => first.merge(next).map_err(|error| broken(&error))?,
            });
        }
        Ok(merged)
    }
}

impl std::fmt::Display for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
        f.write_str(if paths.is_empty() { "nothing" } else { "" })?;
        f.write_str(&paths.join(", "))
    }
}

/// What is wrong with a kubeconfig. YAML errors would quote the line, and it may hold a token.
fn reason(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!("line {}, column {} is not what a kubeconfig has there", at.line(), at.column()),
            None => "it is not a kubeconfig".to_owned(),
        },
        other => other.to_string(),
    }
}

/// The context to use: the one that was asked for, else the current one. It and what it names have to exist.
fn select(kubeconfig: &Kubeconfig, wanted: Option<&str>) -> Result<String, Error> {
    let known = || kubeconfig.contexts.iter().map(|context| context.name.clone()).collect::<Vec<_>>();
    let current = kubeconfig.current_context.as_deref().filter(|name| !name.is_empty());
    let Some(name) = wanted.or(current) else { return Err(Error::NoContext { known: known() }) };
    let Some(context) = kubeconfig.contexts.iter().find(|context| context.name == name) else {
        let known = known();
        return Err(Error::NoSuchContext { name: name.to_owned(), near: nearest(name, &known), known });
    };
    let broken = |reason: String| Error::UnusableContext { context: Some(name.to_owned()), reason };
    let Some(context) = &context.context else { return Err(broken("it is empty".to_owned())) };
    if !kubeconfig.clusters.iter().any(|cluster| cluster.name == context.cluster && cluster.cluster.is_some()) {
        return Err(broken(format!("the kubeconfig has no cluster `{}`", context.cluster)));
    }
    match context.user.as_deref().filter(|user| !user.is_empty()) {
        Some(user) if !kubeconfig.auth_infos.iter().any(|known| known.name == user) => {
            Err(broken(format!("the kubeconfig has no user `{user}`")))
        }
        _ => Ok(name.to_owned()),
    }
}

/// The proxy that the kubeconfig itself names for the context's cluster.
fn own_proxy(kubeconfig: &Kubeconfig, context: &str) -> Option<String> {
    let context =
        kubeconfig.contexts.iter().find(|named| named.name == context).and_then(|named| named.context.as_ref());
    let cluster = context.and_then(|context| kubeconfig.clusters.iter().find(|named| named.name == context.cluster));
    let proxy = cluster.and_then(|named| named.cluster.as_ref()).and_then(|cluster| cluster.proxy_url.clone());
    proxy.filter(|proxy| !proxy.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r"
contexts:
- {name: staging, context: {cluster: s, user: u}}
- {name: production, context: {cluster: p, user: u}}
- {name: orphan, context: {cluster: gone, user: u}}
- {name: nobody, context: {cluster: s, user: gone}}
clusters:
- {name: s, cluster: {server: 'https://s'}}
- {name: p, cluster: {server: 'https://p'}}
users:
- {name: u, user: {token: t0k3n}}
";

    fn parsed() -> Kubeconfig {
        Kubeconfig::from_yaml(TWO).unwrap()
    }

    #[test]
    fn the_wanted_context_or_the_current_one() {
        let mut kubeconfig = parsed();
        let none = select(&kubeconfig, None).unwrap_err().to_string();
        assert!(none.contains("names no current context") && none.contains("staging, production"), "{none}");
        kubeconfig.current_context = Some("staging".to_owned());
        assert_eq!(select(&kubeconfig, None).unwrap(), "staging");
        assert_eq!(select(&kubeconfig, Some("production")).unwrap(), "production");
    }

    #[test]
    fn a_context_that_does_not_exist_is_told_with_those_that_do() {
        let near = |name| match select(&parsed(), Some(name)) {
            Err(Error::NoSuchContext { near, known, .. }) if known.len() == 4 => near,
            other => panic!("{other:?}"),
        };
        assert_eq!(near("produktion").as_deref(), Some("production"));
        assert_eq!(near("xyz"), None);
    }

    #[test]
    fn a_context_that_names_nothing_is_broken() {
        let reason = |name| match select(&parsed(), Some(name)) {
            Err(Error::UnusableContext { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason("orphan"), "the kubeconfig has no cluster `gone`");
        assert_eq!(reason("nobody"), "the kubeconfig has no user `gone`");
    }

    #[test]
    fn the_flag_goes_before_the_variable_before_home() {
        let home = || Some(PathBuf::from("/home/jane"));
        let list = env::join_paths(["", "/a", "/b"]).unwrap();
        assert_eq!(Places::of(Some(Path::new("/f")), Some(&list), home()).to_string(), "/f");
        assert_eq!(Places::of(None, Some(&list), home()).to_string(), "/a, /b");
        assert_eq!(Places::of(None, Some("".as_ref()), home()).to_string(), "/home/jane/.kube/config");
        assert_eq!(Places::of(None, None, None).to_string(), "nothing");
    }

    #[test]
    fn lists_are_merged_and_missing_files_skipped_but_a_named_file_must_exist() {
        let folder = tempfile::tempdir().unwrap();
        let (one, gone, two) = (folder.path().join("1"), folder.path().join("gone"), folder.path().join("2"));
        std::fs::write(&one, "current-context: staging\n").unwrap();
        std::fs::write(&two, TWO).unwrap();
        let places = Places { paths: vec![gone.clone(), one, two], must_exist: false };
        assert_eq!(select(&places.read().unwrap().unwrap(), None).unwrap(), "staging");
        assert!(Places { paths: vec![gone.clone()], must_exist: false }.read().unwrap().is_none());
        assert!(matches!(Places { paths: vec![gone], must_exist: true }.read(), Err(Error::NoKubeconfig { .. })));
    }

    #[test]
    fn a_broken_file_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "users:\n- name: u\n  user: {token: [t0k3n, secret}\n").unwrap();
        let error = Places { paths: vec![path], must_exist: true }.read().unwrap_err().to_string();
        assert!(error.contains("line 3") && !error.contains("t0k3n"), "{error}");
    }
}

//! Why a mesh could not be read at all. A single source that could not be read is no error: it says so in its
//! [`Source`](crate::snapshot::Source), and the rest is still worth showing.

/// What stops a reading, told so that an operator knows what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no kubeconfig, or it cannot be read.
    #[error(
        "no usable kubeconfig: {reason}\n\
         name one with --kubeconfig or KUBECONFIG, or run in a pod with an account"
    )]
    NoKubeconfig {
        /// What is wrong with it.
        reason: String,
    },
    /// The kubeconfig has no such context.
    #[error("the kubeconfig has no context `{name}`{}\nit has: {}", meant(near.as_ref()), list(known))]
    NoSuchContext {
        /// The one that was asked for.
        name: String,
        /// The one that was probably meant.
        near: Option<String>,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Neither the kubeconfig nor the user says which context to use.
    #[error(
        "the kubeconfig names no current context\n\
         choose one with --context or `kubectl config use-context`; it has: {}",
        list(known)
    )]
    NoContext {
        /// Those that there are.
        known: Vec<String>,
    },
    /// The user's credentials cannot be had: a file is missing, a plugin fails.
    #[error("the credentials for{} cannot be had: {reason}", the_context(context.as_ref()))]
    NoCredentials {
        /// The context.
        context: Option<String>,
        /// What is wrong.
        reason: String,
    },
    /// The kubeconfig was read, but no client can be made from it.
    #[error("the kubeconfig's{} cannot be used: {reason}", own_context(context.as_ref()))]
    UnusableContext {
        /// The context.
        context: Option<String>,
        /// What is wrong with it.
        reason: String,
    },
    /// The API server could not be reached, or hung up.
    #[error(
        "the API server of{} does not answer: {reason}\n\
         check the context (`kubectl config current-context`) and the network, then run again",
        the_context(context.as_ref())
    )]
    Unreachable {
        /// The context.
        context: Option<String>,
        /// What happened.
        reason: String,
    },
    /// Something answers at the API server's address, but it cannot be trusted.
    #[error(
        "the API server of{} cannot be trusted: {reason}\n\
         compare the server, certificate-authority-data and tls-server-name of the context's cluster with it",
        the_context(context.as_ref())
    )]
    Untrusted {
        /// The context.
        context: Option<String>,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// The API server does not know who is asking.
    #[error(
        "the API server of{} refuses the credentials: {reason}\n\
         log in again, or choose another context with --context",
        the_context(context.as_ref())
    )]
    Unauthorized {
        /// The context.
        context: Option<String>,
        /// What it said.
        reason: String,
    },
    /// No control plane was found.
    #[error(
        "no Linkerd control plane in{}: {looked_for}\n\
         check the context (`kubectl config current-context`), or name the namespace with --linkerd-namespace",
        the_context(context.as_ref())
    )]
    NotLinkerd {
        /// The context.
        context: Option<String>,
        /// What was looked for, and where.
        looked_for: String,
    },
    /// There is more than one control plane, and none was named.
    #[error(
        "{} Linkerd control planes in{}: {}\nname the one to look at with --linkerd-namespace",
        namespaces.len(),
        the_context(context.as_ref()),
        list(namespaces)
    )]
    SeveralControlPlanes {
        /// The context.
        context: Option<String>,
        /// Their namespaces.
        namespaces: Vec<String>,
    },
}

/// The name that was probably meant, as clap judges it for options.
pub(crate) fn nearest(name: &str, names: &[String]) -> Option<String> {
    let score = |candidate: &String| strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
    let best = names.iter().max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(best) > 0.8).then(|| best.clone())
}

fn meant(near: Option<&String>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn the_context(context: Option<&String>) -> String {
    context.map_or_else(|| " this cluster".to_owned(), |name| format!(" context `{name}`"))
}

fn own_context(context: Option<&String>) -> String {
    context.map_or_else(|| " current context".to_owned(), |name| format!(" context `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_and_what_to_do_next() {
        let several = Error::SeveralControlPlanes {
            context: Some("prod".to_owned()),
            namespaces: vec!["linkerd".to_owned(), "mesh".to_owned()],
        };
        assert_eq!(
            several.to_string(),
            "2 Linkerd control planes in context `prod`: linkerd, mesh\n\
             name the one to look at with --linkerd-namespace"
        );
        let unreachable = Error::Unreachable { context: None, reason: "connection refused".to_owned() };
        assert!(unreachable.to_string().starts_with("the API server of this cluster does not answer: connection ref"));
    }
}

//! Who a service account token belongs to (linkerd2 controller/identity/validator.go).

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::api::{Api, PostParams};

/// The audience the projected tokens of proxies are made for.
const AUDIENCE: &str = "identity.l5d.io";

#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("authentication token could not be authenticated")]
    NotAuthenticated,
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Unavailable(String),
}

/// Asks the cluster whose token this is.
#[tonic::async_trait]
pub(crate) trait ReviewToken: Send + Sync {
    /// The user's name, such as `system:serviceaccount:emojivoto:default`.
    async fn review(&self, token: &str) -> Result<String, TokenError>;
}

pub(crate) struct KubeReviewer {
    reviews: Api<TokenReview>,
}

impl KubeReviewer {
    pub(crate) fn new(client: kube::Client) -> Self {
        Self { reviews: Api::all(client) }
    }
}

#[tonic::async_trait]
impl ReviewToken for KubeReviewer {
    async fn review(&self, token: &str) -> Result<String, TokenError> {
        let review = TokenReview {
            spec: TokenReviewSpec { token: Some(token.to_owned()), audiences: Some(vec![AUDIENCE.to_owned()]) },
            ..TokenReview::default()
        };
        let status = self
            .reviews
            .create(&PostParams::default(), &review)
            .await
            .map_err(|error| TokenError::Unavailable(error.to_string()))?
            .status
            .unwrap_or_default();
        if let Some(error) = status.error.filter(|error| !error.is_empty()) {
            return Err(TokenError::Invalid(error));
        }
        match status.user.and_then(|user| user.username) {
            Some(name) if status.authenticated == Some(true) => Ok(name),
            _ => Err(TokenError::NotAuthenticated),
        }
    }
}

/// The identity of a user: `<sa>.<ns>.serviceaccount.identity.<control plane>.<trust domain>`.
pub(crate) fn identity_of(user: &str, namespace: &str, trust_domain: &str) -> Result<String, TokenError> {
    let parts: Vec<_> = user.split(':').collect();
    match parts[..] {
        ["system", kind, ns, name] => match [kind, ns, name].into_iter().find(|part| !is_label(part)) {
            Some(part) => Err(TokenError::Invalid(format!("Not a label: {part}"))),
            None => Ok(format!("{name}.{ns}.{kind}.identity.{namespace}.{trust_domain}")),
        },
        _ => Err(TokenError::Invalid(format!("Username must be in form system:TYPE:NS:SA: {user}"))),
    }
}

/// A DNS-1123 label.
fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_has_an_identity() {
        assert_eq!(
            identity_of("system:serviceaccount:emojivoto:default", "linkerd", "cluster.local").unwrap(),
            "default.emojivoto.serviceaccount.identity.linkerd.cluster.local"
        );
    }

    #[test]
    fn others_have_none() {
        for user in ["kubernetes-admin", "system:node:a", "system:serviceaccount:a:b.c"] {
            assert!(matches!(identity_of(user, "linkerd", "cluster.local"), Err(TokenError::Invalid(_))));
        }
    }
}

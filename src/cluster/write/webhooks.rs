//! What the certificates of webhooks' servers take: caBundles and Secrets written, cert-manager asked, and the API server
//! made to call what serves them.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::Request;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::{
    cluster::{
        decode::Object,
        objects::{Kind, SECRETS},
        probe,
    },
    mesh::{Admission, Fault, Mode, Proof, ServerPair},
    pki::{Certificate, KeyState},
    plan::webhooks::{Caller, Kind as Calls},
    snapshot::{ServerPod, ServiceRef, condition},
};

use super::{
    LiveMesh, Place,
    request::Patch,
    secret::{Changed, Hidden, Keyed, planned},
    trust_roots::text,
};

const CERTIFICATES: Kind = Kind { group: "cert-manager.io", version: "v1", plural: "certificates" };
const PROFILES: Kind = Kind { group: "linkerd.io", version: "v1alpha2", plural: "serviceprofiles" };
/// The versions that Server of policy.linkerd.io has had, the newest first.
const SERVERS: [Kind; 3] = [servers("v1beta3"), servers("v1beta2"), servers("v1beta1")];

const fn servers(version: &'static str) -> Kind {
    Kind { group: "policy.linkerd.io", version, plural: "servers" }
}

impl LiveMesh {
    /// Replaces the caBundle of everything in the object that calls the server.
    pub(super) async fn write_bundle(
        &self,
        of: &Caller,
        anchors: &[Certificate],
        against: &str,
        mode: Mode,
    ) -> Result<(), Fault> {
        let place = place(of);
        planned(place, against)?;
        if anchors.is_empty() {
            return Err(Fault::Failed(format!("{place}: there is no certificate to write into caBundle")));
        }
        let present: Value = self.get(place).await?;
        if Object::new(&present).text("/metadata/resourceVersion") != Some(against) {
            return Err(Fault::Conflict(place.to_string()));
        }
        let Some(patch) = patch(&present, of, &BASE64.encode(text(anchors)), against) else {
            return Err(Fault::Conflict(place.to_string()));
        };
        self.patch(place, Patch::Json, &patch, mode).await?;
        Ok(())
    }

    /// Changes certificate and key of a server's Secret.
    pub(super) async fn write_server(
        &self,
        (namespace, name): (&str, &str),
        server: &ServerPair,
        against: &str,
        mode: Mode,
    ) -> Result<(), Fault> {
        let place = Place { kind: SECRETS, word: "Secret", namespace, name };
        let present: Keyed = self.get(place).await?;
        present.still(place, against)?;
        let key = server.pair.key.expose_secret();
        if !server.pair.chain.first().is_some_and(|first| KeyState::of_pem(key.as_bytes()).fits(first)) {
            return Err(Fault::Failed(format!("{place}: the key does not belong to the certificate")));
        }
        // As the charts have them, without a line feed at the end (charts/linkerd-control-plane/templates,
        // `b64enc (trim ...)`).
        let data = [
            ("tls.crt", Hidden::encoded(text(&server.pair.chain).as_bytes())),
            ("tls.key", Hidden::encoded(key.trim_end().as_bytes())),
        ];
        self.patch(place, Patch::Merge, &Changed::new(data, against), mode).await?;
        Ok(())
    }

    /// Sets condition Issuing of a Certificate, as `cmctl renew` does (cmctl, pkg/renew/renew.go).
    pub(super) async fn ask_for_renewal(&self, namespace: &str, name: &str, mode: Mode) -> Result<(), Fault> {
        let place = Place { kind: CERTIFICATES, word: "Certificate", namespace, name };
        let present: Value = self.get(place).await?;
        let body = renewal(&present, Timestamp::now());
        self.patch_at(place, "/status", Patch::Merge, &body, mode).await?;
        Ok(())
    }

    /// What each ready pod behind a Service serves.
    pub(super) async fn ask_servers(&self, service: &ServiceRef) -> Result<Vec<ServerPod>, Fault> {
        probe::served(&self.cluster, service).await.map_err(|why| match why.strip_prefix("forbidden: ") {
            Some(right) => Fault::Forbidden(right.to_owned()),
            None => Fault::Failed(why),
        })
    }

    /// Has the API server call the server.
    pub(super) async fn try_call(&self, caller: &Caller) -> Result<Proof, Fault> {
        let own = caller.calls.namespace == self.namespace;
        match (caller.kind, caller.calls.name.as_str()) {
            (Calls::ApiService, _) => self.try_api(caller).await,
            (_, "linkerd-proxy-injector") if own => Ok(match self.admit().await? {
                Admission::Proxy(_) => Proof::Called("a new pod would get its proxy".to_owned()),
                Admission::Bare => Proof::NotCalled("a new pod would come up without a proxy".to_owned()),
                Admission::Refused(message) => Proof::NotCalled(format!("a new pod would be refused: {message}")),
            }),
            (_, "linkerd-sp-validator") if own => {
                self.try_object(caller, &[PROFILES], "ServiceProfile", &profile()).await
            }
            (_, "linkerd-policy-validator") if own => self.try_object(caller, &SERVERS, "Server", &server()).await,
            _ => Ok(Proof::Untried),
        }
    }

    /// Tries to create something that the validator refuses and nothing before it does: the schema lets it through. The
    /// control plane's namespace is none that the validators are asked about.
    async fn try_object(
        &self,
        caller: &Caller,
        kinds: &[Kind],
        word: &'static str,
        body: &Value,
    ) -> Result<Proof, Fault> {
        let namespace = self.injected().await?.into_iter().next().unwrap_or_default();
        for kind in kinds {
            let place = Place { kind: *kind, word, namespace: &namespace, name: "" };
            let mut body = body.clone();
            body["apiVersion"] = json!(format!("{}/{}", kind.group, kind.version));
            match self.create(place, &body, Mode::Try).await {
                // This version of it is not served, or its namespace is going.
                Err(Fault::Failed(why)) if why.ends_with("is not there") => {}
                Err(Fault::Refused(message)) => return Ok(refused(caller, word, message)),
                Ok(_) => {
                    return Ok(Proof::NotCalled(format!(
                        "a {word} that is not valid would be let in: the webhook is not called, or its failure is ignored"
                    )));
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(Proof::Untried)
    }

    /// The aggregator says that it is available, and answers from it.
    async fn try_api(&self, caller: &Caller) -> Result<Proof, Fault> {
        let place = place(caller);
        let present: Value = self.get(place).await?;
        let conditions = Object::new(&present).conditions();
        match condition(&conditions, "Available") {
            Some(available) if available.status == "True" => {}
            Some(available) => {
                return Ok(Proof::NotCalled(format!("{}: {}", available.reason, available.message)));
            }
            None => return Ok(Proof::NotCalled("it has no condition Available yet".to_owned())),
        }
        let Some((version, group)) = caller.name.split_once('.') else { return Ok(Proof::Untried) };
        let answer = self.ask::<Value>(Request::get(format!("/apis/{group}/{version}")).body(Vec::new())).await;
        Ok(match answer {
            Err(kube::Error::Api(status)) if status.code >= 500 => Proof::NotCalled(status.message.clone()),
            // Whatever else it says, it is the server that said it.
            _ => Proof::Called(
                "its condition Available is True, and its server answers through the API server".to_owned(),
            ),
        })
    }
}

/// Whether the refusal is the webhook's own (kubernetes, apiserver, admission/plugin/webhook/errors/statuserror.go).
fn refused(caller: &Caller, word: &str, message: String) -> Proof {
    let own = format!("admission webhook \"{}.", caller.calls.name);
    if message.contains(&own) && message.contains("denied the request") {
        Proof::Called(format!("a {word} that is not valid was refused by it"))
    } else {
        Proof::NotCalled(message)
    }
}

fn place(of: &Caller) -> Place<'_> {
    let (group, plural) = match of.kind {
        Calls::Mutating => ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        Calls::Validating => ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
        Calls::ApiService => ("apiregistration.k8s.io", "apiservices"),
    };
    Place { kind: Kind { group, version: "v1", plural }, word: of.kind.word(), namespace: "", name: &of.name }
}

/// A JSON patch: the version, so that a change in between is a conflict, and each caBundle; `None` where nothing in the
/// object calls the server any more.
fn patch(present: &Value, of: &Caller, bundle: &str, against: &str) -> Option<Value> {
    let calls = |service: &Value| {
        let service = Object::new(service);
        service.text("/namespace") == Some(&of.calls.namespace) && service.text("/name") == Some(&of.calls.name)
    };
    let mut steps = vec![json!({"op": "replace", "path": "/metadata/resourceVersion", "value": against})];
    let set = |path: String| json!({"op": "add", "path": path, "value": bundle});
    if of.kind == Calls::ApiService {
        if present.pointer("/spec/service").is_some_and(calls) {
            steps.push(set("/spec/caBundle".to_owned()));
        }
    } else {
        let webhooks = present.pointer("/webhooks").and_then(Value::as_array).into_iter().flatten().enumerate();
        for (index, webhook) in webhooks {
            if webhook.pointer("/clientConfig/service").is_some_and(calls) {
                let name = webhook.get("name").cloned().unwrap_or_default();
                steps.push(json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": name}));
                steps.push(set(format!("/webhooks/{index}/clientConfig/caBundle")));
            }
        }
    }
    (steps.len() > 1).then_some(Value::Array(steps))
}

/// The Certificate's conditions with Issuing set, the others as they are.
fn renewal(present: &Value, now: Timestamp) -> Value {
    let conditions = present.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut conditions: Vec<Value> = conditions.into_iter().filter(|one| one["type"] != "Issuing").collect();
    conditions.push(json!({
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "observedGeneration": present.pointer("/metadata/generation").cloned().unwrap_or_default(),
    }));
    json!({
        "metadata": {"resourceVersion": present.pointer("/metadata/resourceVersion").cloned().unwrap_or_default()},
        "status": {"conditions": conditions},
    })
}

/// Valid by its schema, but for a timeout that is none (linkerd2, pkg/profiles/profiles.go, `Validate`).
fn profile() -> Value {
    json!({
        "kind": "ServiceProfile",
        "metadata": {"name": "linkerd-certs"},
        "spec": {"routes": [{"name": "none", "condition": {"method": "GET"}, "timeout": "never"}]},
    })
}

/// Valid by its schema, but for a port and a policy that are none (linkerd2, policy-controller/src/admission.rs); older
/// versions know only one of the two.
fn server() -> Value {
    json!({
        "kind": "Server",
        "metadata": {"name": "linkerd-certs"},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "linkerd-certs"}},
            "port": 0,
            "accessPolicy": "linkerd-certs",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(kind: Calls) -> Caller {
        let calls = ServiceRef { namespace: "linkerd".to_owned(), name: "linkerd-sp-validator".to_owned(), port: 443 };
        Caller { kind, name: "a".to_owned(), calls }
    }

    #[test]
    fn only_what_calls_the_server_is_patched() {
        let service = |name: &str| json!({"service": {"namespace": "linkerd", "name": name}});
        let object = json!({"webhooks": [
            {"name": "x", "clientConfig": service("other")},
            {"name": "y", "clientConfig": service("linkerd-sp-validator")},
        ]});
        let steps = patch(&object, &caller(Calls::Validating), "QQ==", "7").unwrap();
        let paths: Vec<&str> = steps.as_array().unwrap().iter().map(|step| step["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["/metadata/resourceVersion", "/webhooks/1/name", "/webhooks/1/clientConfig/caBundle"]);
        assert!(patch(&json!({"webhooks": []}), &caller(Calls::Validating), "QQ==", "7").is_none());
        let api = json!({"spec": service("linkerd-sp-validator")});
        assert_eq!(patch(&api, &caller(Calls::ApiService), "QQ==", "7").unwrap()[1]["path"], "/spec/caBundle");
    }

    #[test]
    fn a_refusal_by_the_webhook_is_told_from_one_to_call_it() {
        let caller = caller(Calls::Validating);
        let denied = "admission webhook \"linkerd-sp-validator.linkerd.io\" denied the request: ServiceProfile ...";
        assert!(matches!(refused(&caller, "ServiceProfile", denied.to_owned()), Proof::Called(_)));
        for other in [
            "Internal error occurred: failed calling webhook \"linkerd-sp-validator.linkerd.io\": x509",
            "admission webhook \"policy.example.com\" denied the request: no",
        ] {
            assert!(matches!(refused(&caller, "ServiceProfile", other.to_owned()), Proof::NotCalled(_)), "{other}");
        }
    }

    #[test]
    fn cert_manager_is_asked_as_cmctl_asks_it() {
        let present = json!({
            "metadata": {"generation": 3, "resourceVersion": "9"},
            "status": {"conditions": [
                {"type": "Ready", "status": "True"}, {"type": "Issuing", "status": "False", "reason": "Failed"},
            ]},
        });
        let body = renewal(&present, "2026-11-21T12:00:00.5Z".parse().unwrap());
        let conditions = body["status"]["conditions"].as_array().unwrap();
        assert_eq!(conditions.len(), 2);
        assert_eq!(conditions[0]["type"], "Ready");
        assert_eq!(
            (conditions[1]["status"].as_str(), conditions[1]["observedGeneration"].as_u64()),
            (Some("True"), Some(3))
        );
        assert_eq!(conditions[1]["lastTransitionTime"], "2026-11-21T12:00:00Z");
        assert_eq!(body["metadata"]["resourceVersion"], "9");
    }
}

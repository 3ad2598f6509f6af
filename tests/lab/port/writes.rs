use linkerd_certs::{
    cluster::LiveMesh,
    mesh::{Copy, Fault, IssuerPair, Mesh as _, Mode, Write},
    pki::Bundle,
    snapshot::{IssuerScheme, Meta, Snapshot},
};
use serde_json::Value;

use super::{another_anchor, snapshot, target};
use crate::harness::{Result, Target};

fn trust_roots(snapshot: &Snapshot) -> Result<(Bundle, String)> {
    let roots = snapshot.trust_roots.found().ok_or("no trust roots")?;
    Ok((roots.bundle.clone().ok_or("no bundle")?, roots.meta.resource_version.clone()))
}

fn object(target: &Target, kind: &str, name: &str) -> Result<Value> {
    Ok(serde_json::from_str(&target.kubectl(&[
        "get",
        kind,
        name,
        "-n",
        "linkerd",
        "-o",
        "json",
        "--show-managed-fields",
    ])?)?)
}

fn version(target: &Target, kind: &str, name: &str) -> Result<String> {
    Ok(object(target, kind, name)?["metadata"]["resourceVersion"].as_str().ok_or("no version")?.to_owned())
}

#[tokio::test]
async fn the_trust_roots_change_in_one_key_and_against_one_version() -> Result {
    const NAME: (&str, &str) = ("configmap", "linkerd-identity-trust-roots");
    let target = target().await?;
    let mesh = target.live().await?;
    let (before, read) = trust_roots(&snapshot(&mesh).await?)?;
    let was = object(&target, NAME.0, NAME.1)?;
    let mut anchors = before.certificates.clone();
    anchors.push(another_anchor()?);
    let write = Write::TrustRoots { anchors: anchors.clone(), against: read.clone() };

    mesh.write(&write, Mode::Try).await?;
    assert_eq!(version(&target, NAME.0, NAME.1)?, read, "a try changes nothing");
    mesh.write(&write, Mode::Do).await?;
    let (after, changed) = trust_roots(&snapshot(&mesh).await?)?;
    assert_eq!(after.certificates, anchors);
    assert!(after.loads && after.loads_in_identity && after.problems.is_empty());
    let is = object(&target, NAME.0, NAME.1)?;
    assert_eq!(is["metadata"]["labels"], was["metadata"]["labels"]);
    assert_eq!(is["metadata"]["annotations"], was["metadata"]["annotations"]);
    let managers = is["metadata"]["managedFields"].as_array().ok_or("no managers")?;
    assert!(managers.iter().any(|one| one["manager"] == "linkerd-certs"), "{managers:?}");

    for mode in [Mode::Try, Mode::Do] {
        let late = mesh.write(&write, mode).await;
        assert!(matches!(late, Err(Fault::Conflict(_))), "{late:?}");
    }
    let back = Write::TrustRoots { anchors: before.certificates, against: changed };
    mesh.write(&back, Mode::Do).await?;
    let is = object(&target, NAME.0, NAME.1)?;
    assert_eq!(is["data"], was["data"], "byte for byte, as Linkerd wrote it");
    Ok(())
}

fn pair(target: &Target, snapshot: &Snapshot) -> Result<(IssuerPair, Meta, IssuerScheme)> {
    let secret = snapshot.issuer.found().ok_or("no issuer")?;
    let key = secret.scheme.private_key().replace('.', "\\.");
    let path = format!("go-template={{{{index .data \"{}\" | base64decode}}}}", key.replace('\\', ""));
    let key = target.kubectl(&["get", "secret", "linkerd-identity-issuer", "-n", "linkerd", "-o", &path])?;
    let chain = secret.chain.clone().ok_or("no chain")?.certificates;
    Ok((IssuerPair { chain, key: key.into() }, secret.meta.clone(), secret.scheme))
}

/// Writes the issuer that is there once more: whatever reads it finds the same.
async fn issuer_again(target: &Target, mesh: &LiveMesh) -> Result<(Value, Value)> {
    let seen = snapshot(mesh).await?;
    let (anchors, _) = trust_roots(&seen)?;
    let (pair, meta, _) = pair(target, &seen)?;
    let was = object(target, "secret", "linkerd-identity-issuer")?;
    let write = |against: &str| Write::Issuer {
        pair: pair.clone(),
        anchors: anchors.certificates.clone(),
        against: against.to_owned(),
    };
    let late = mesh.write(&write("1"), Mode::Do).await;
    assert!(matches!(late, Err(Fault::Conflict(_))), "{late:?}");
    mesh.write(&write(&meta.resource_version), Mode::Try).await?;
    assert_eq!(version(target, "secret", "linkerd-identity-issuer")?, meta.resource_version);
    mesh.write(&write(&meta.resource_version), Mode::Do).await?;
    let again = snapshot(mesh).await?;
    let (before, after) = (seen.issuer.found().ok_or("no issuer")?, again.issuer.found().ok_or("no issuer")?);
    assert_eq!(
        (&after.chain.as_ref().map(Bundle::set), &after.key),
        (&before.chain.as_ref().map(Bundle::set), &before.key)
    );

    let stranger = IssuerPair { chain: vec![another_anchor()?], key: pair.key.clone() };
    let wrong = Write::Issuer { pair: stranger, anchors: Vec::new(), against: after.meta.resource_version.clone() };
    let refused = mesh.write(&wrong, Mode::Do).await;
    assert!(matches!(&refused, Err(Fault::Failed(why)) if why.contains("does not belong")), "{refused:?}");
    Ok((was, object(target, "secret", "linkerd-identity-issuer")?))
}

#[tokio::test]
async fn the_issuer_is_written_in_the_scheme_that_it_has() -> Result {
    let target = target().await?;
    let (was, is) = issuer_again(&target, &target.live().await?).await?;
    assert_eq!((&is["type"], &is["data"]), (&was["type"], &was["data"]), "byte for byte, as Linkerd wrote it");
    assert_eq!(is["metadata"]["annotations"], was["metadata"]["annotations"]);
    Ok(())
}

#[tokio::test]
async fn the_copies_change_in_anchors_and_issuer_alone() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    let seen = snapshot(&mesh).await?;
    let (bundle, _) = trust_roots(&seen)?;
    for (copy, kind, name) in
        [(Copy::Config, "configmap", "linkerd-config"), (Copy::Overrides, "secret", "linkerd-config-overrides")]
    {
        let was = object(&target, kind, name)?;
        let mut anchors = bundle.certificates.clone();
        anchors.push(another_anchor()?);
        let read = was["metadata"]["resourceVersion"].as_str().ok_or("no version")?.to_owned();
        let write = Write::Copy { copy, anchors: anchors.clone(), against: read.clone() };
        mesh.write(&write, Mode::Try).await?;
        assert_eq!(version(&target, kind, name)?, read);
        mesh.write(&write, Mode::Do).await?;
        let late = mesh.write(&write, Mode::Do).await;
        assert!(matches!(late, Err(Fault::Conflict(_))), "{late:?}");
        let after = snapshot(&mesh).await?;
        let (before, after) = match copy {
            Copy::Config => (&seen.config, &after.config),
            Copy::Overrides => (&seen.overrides, &after.overrides),
        };
        let (before, after) = (before.found().ok_or("no values")?, after.found().ok_or("no values")?);
        assert_eq!(after.anchors.as_ref().map(|bundle| &bundle.certificates), Some(&anchors));
        assert_eq!(after.issuer, before.issuer);
        assert_eq!(after.issuer_key, before.issuer_key);
        assert_eq!((&after.trust_domain, &after.version), (&before.trust_domain, &before.version));
        let back =
            Write::Copy { copy, anchors: bundle.certificates.clone(), against: after.meta.resource_version.clone() };
        mesh.write(&back, Mode::Do).await?;
        assert_eq!(object(&target, kind, name)?["data"], was["data"], "byte for byte, as it was");
    }
    Ok(())
}

#[tokio::test]
async fn under_cert_manager_the_other_scheme_is_kept() -> Result {
    if Target::is_given() {
        return Ok(());
    }
    let target = Target::lab().await?;
    let install = crate::harness::mesh().await?;
    lab::state::set(&install, "external-ca", None).await?;
    let mesh = target.live().await?;
    let (was, is) = issuer_again(&target, &mesh).await?;
    assert_eq!((&is["type"], &is["data"]), (&was["type"], &was["data"]));

    let seen = snapshot(&mesh).await?;
    let config = seen.config.found().ok_or("no config")?;
    let (bundle, _) = trust_roots(&seen)?;
    let anchors = vec![bundle.certificates[0].clone(), another_anchor()?];
    let against = config.meta.resource_version.clone();
    mesh.write(&Write::Copy { copy: Copy::Config, anchors: anchors.clone(), against }, Mode::Do).await?;
    let after = snapshot(&mesh).await?;
    let config = after.config.found().ok_or("no config")?;
    assert_eq!(config.issuer, None, "cert-manager's issuer is not Linkerd's to name");
    assert_eq!(config.anchors.as_ref().map(|bundle| &bundle.certificates), Some(&anchors));
    Ok(())
}

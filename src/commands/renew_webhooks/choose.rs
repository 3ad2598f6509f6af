//! Which webhooks are to be renewed.

use jiff::Timestamp;

use crate::{
    cluster::nearest,
    error::Error,
    pki::Thresholds,
    plan::webhooks::{Ailment, Keeper, Server},
};

/// The named ones, all, or those that are due.
pub(in crate::commands) fn choose<'a>(
    servers: &'a [Server],
    names: &[String],
    all: bool,
    at: Timestamp,
) -> Result<Vec<&'a Server>, Error> {
    if all {
        return Ok(servers.iter().filter(|server| server.secret.is_ok()).collect());
    }
    if names.is_empty() {
        return Ok(servers.iter().filter(|server| is_due(server, at)).collect());
    }
    for name in names {
        if !servers.iter().any(|server| is_named(server, name)) {
            let known: Vec<String> = servers.iter().flat_map(own_names).collect();
            return Err(Error::NoSuchWebhook { name: name.clone(), near: nearest(name, &known) });
        }
    }
    Ok(servers.iter().filter(|server| names.iter().any(|name| is_named(server, name))).collect())
}

/// What cert-manager renews in time is not due before it is late.
fn is_due(server: &Server, at: Timestamp) -> bool {
    let waits = matches!(&server.keeper, Keeper::CertManager { trouble, .. } if trouble.is_empty());
    let ailments = server.ailments(at, &Thresholds::default());
    ailments.iter().any(|ailment| !(waits && *ailment == Ailment::NearEnd))
}

fn is_named(server: &Server, name: &str) -> bool {
    own_names(server).iter().any(|own| own == name) || server.service.to_string() == name
}

fn own_names(server: &Server) -> Vec<String> {
    let hooks = server.hooks.iter().flat_map(|hook| hook.names.iter().chain([&hook.configuration]));
    [server.service.name.clone()].into_iter().chain(hooks.cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::Standing, testing::TestMesh};

    #[test]
    fn webhooks_have_several_names_and_a_wrong_one_is_told_with_what_was_meant() {
        let mesh = TestMesh::healthy();
        let standing = Standing::of(&mesh.snapshot, &[]);
        let choose = |names: &[&str], all: bool| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let chosen = choose(&standing.webhooks, &names, all, standing.at);
            chosen.map(|chosen| chosen.into_iter().map(|one| one.service.name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(choose(&[], false).unwrap(), [""; 0]);
        assert_eq!(choose(&[], true).unwrap(), ["linkerd-proxy-injector", "linkerd-sp-validator"]);
        for name in [
            "linkerd-sp-validator",
            "linkerd/linkerd-sp-validator",
            "linkerd-sp-validator-webhook-config",
            "linkerd-sp-validator.linkerd.io",
        ] {
            assert_eq!(choose(&[name], false).unwrap(), ["linkerd-sp-validator"], "{name}");
        }
        let wrong = choose(&["linkerd-proxy-inject"], false).unwrap_err().to_string();
        assert_eq!(wrong, "there is no webhook `linkerd-proxy-inject`; did you mean `linkerd-proxy-injector`?");
    }
}

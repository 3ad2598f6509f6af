use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;

use super::*;

const NEW: &str = "-----BEGIN CERTIFICATE-----\nTkVX\nTkVX\n-----END CERTIFICATE-----";
const CRT: &str = "identity.issuer.tls.crtPEM";
const KEY: &str = "identity.issuer.tls.keyPEM";
const ANCHORS: &str = "identityTrustAnchorsPEM";

fn changed(yaml: &str, paths: &[&'static str]) -> String {
    let changes: Vec<_> = paths.iter().map(|path| Change::to(path, NEW.to_owned())).collect();
    change(yaml, &changes).unwrap().text().to_owned()
}

fn refused(yaml: &str, path: &'static str) -> String {
    change(yaml, &[Change::to(path, NEW.to_owned())]).map(|_| ()).unwrap_err()
}

#[test]
fn lines_below_a_key_are_replaced_by_such_lines() {
    let before = "a: 1 # one\nidentity:\n  issuer:\n    tls:\n      crtPEM: |\n        OLD\n        OLDER\n\n      keyPEM: |-\n        \
                  KEY\n    scheme: linkerd.io/tls\nidentityTrustAnchorsPEM: |\n  OLD\n\nz: \"off\"\n";
    let after = "a: 1 # one\nidentity:\n  issuer:\n    tls:\n      crtPEM: |\n        -----BEGIN CERTIFICATE-----\n        \
                 TkVX\n        TkVX\n        -----END CERTIFICATE-----\n      keyPEM: |-\n        -----BEGIN CERTIFICATE\
                 -----\n        TkVX\n        TkVX\n        -----END CERTIFICATE-----\n    scheme: linkerd.io/tls\n\
                 identityTrustAnchorsPEM: |\n  -----BEGIN CERTIFICATE-----\n  TkVX\n  TkVX\n  -----END CERTIFICATE\
                 -----\nz: \"off\"\n";
    assert_eq!(changed(before, &[ANCHORS, CRT, KEY]), after);
}

#[test]
fn quoted_plain_and_flow_values_become_quoted_ones() {
    let quoted = NEW.replace('\n', "\\n");
    assert_eq!(
        changed("identityTrustAnchorsPEM: \"OLD\\n\" # ours\nb: 2\n", &[ANCHORS]),
        format!("identityTrustAnchorsPEM: \"{quoted}\\n\" # ours\nb: 2\n")
    );
    assert_eq!(changed("identityTrustAnchorsPEM: 'OLD'\n", &[ANCHORS]), format!("{ANCHORS}: \"{quoted}\"\n"));
    assert_eq!(
        changed("ä: ö\nidentityTrustAnchorsPEM: OLD\nb: 2", &[ANCHORS]),
        format!("ä: ö\n{ANCHORS}: \"{quoted}\"\nb: 2")
    );
    assert_eq!(
        changed("identity: {issuer: {tls: {crtPEM: OLD, keyPEM: 'X'}}, other: [1, 2]}\n", &[CRT]),
        format!("identity: {{issuer: {{tls: {{crtPEM: \"{quoted}\", keyPEM: 'X'}}}}, other: [1, 2]}}\n")
    );
    assert_eq!(
        changed("{\"z\":1,\"identityTrustAnchorsPEM\":\"OLD\\n\",\"a\":[null]}", &[ANCHORS]),
        format!("{{\"z\":1,\"identityTrustAnchorsPEM\":\"{quoted}\\n\",\"a\":[null]}}")
    );
}

#[test]
fn what_is_not_there_stays_away() {
    for yaml in [
        "identity:\n  externalCA: true\n  issuer:\n    tls:\n      crtPEM: \"\"\n",
        "identity:\n  issuer:\n    tls:\n      crtPEM: null\n",
        "identity:\n  issuer:\n    tls:\n      crtPEM:\n",
        "identity: {}\n",
        "identity: null\n",
        "list:\n- identityTrustAnchorsPEM: x\nother:\n  identityTrustAnchorsPEM: y\n",
        "{}",
        "",
    ] {
        assert_eq!(changed(yaml, &[ANCHORS, CRT, KEY]), yaml);
    }
}

#[test]
fn what_cannot_be_done_alone_is_refused_and_not_quoted() {
    let shared = "x: &pem OLDSECRET\nidentityTrustAnchorsPEM: *pem\n";
    assert!(refused(shared, ANCHORS).contains("not where it can be changed"));
    let anchored = "identityTrustAnchorsPEM: &pem OLDSECRET\nx: *pem\n";
    let twice = "identityTrustAnchorsPEM: OLDSECRET\nidentityTrustAnchorsPEM: OLDSECRET\n";
    for yaml in [shared, anchored, twice, "identityTrustAnchorsPEM: \"OLDSECRET\nb: [", "? {a: OLDSECRET}\n: 1\n"] {
        let why = refused(yaml, ANCHORS);
        assert!(!why.contains("OLDSECRET"), "{why}");
    }
}

fn recorded(folder: &Path, file: &str, name: &str) -> Option<Value> {
    let list: Value = serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap();
    list["items"].as_array().unwrap().iter().find(|item| item["metadata"]["name"] == name).cloned()
}

/// What Linkerd's CLI really wrote, in every recorded state, where the recordings are at hand.
#[test]
fn linkerds_own_values_change_in_these_lines_only() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    if !fixtures.is_dir() {
        return;
    }
    let mut seen = 0;
    for folder in fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let config = recorded(&folder, "configmaps.json", "linkerd-config").unwrap();
        let overrides = recorded(&folder, "secrets.json", "linkerd-config-overrides").unwrap();
        let overrides = overrides["data"]["linkerd-config-overrides"].as_str().unwrap();
        let overrides = String::from_utf8(BASE64.decode(overrides).unwrap()).unwrap();
        for text in [config["data"]["values"].as_str().unwrap(), &overrides] {
            let after = changed(text, &[ANCHORS, CRT, KEY]);
            let pem = |text: &str| -> Vec<String> {
                let mut inside = false;
                let outside = text.lines().filter(|line| {
                    let begins = line.trim_start().starts_with("-----BEGIN");
                    let ends = line.trim_start().starts_with("-----END");
                    inside = (inside || begins) && !ends;
                    !(inside || ends)
                });
                outside.map(str::to_owned).collect()
            };
            assert_eq!(pem(text), pem(&after), "{}", folder.display());
            assert_ne!(text, after);
            // And back again, byte for byte.
            let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).unwrap();
            let back: Vec<_> = [ANCHORS, CRT, KEY]
                .into_iter()
                .filter_map(|path| {
                    let value = path.split('.').try_fold(&yaml, |value, key| value.get(key))?;
                    Some(Change::to(path, value.as_str()?.to_owned()))
                })
                .collect();
            assert_eq!(change(&after, &back).unwrap().text(), text);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

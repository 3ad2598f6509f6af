use std::io::Read as _;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::snapshot::HelmRelease;

use super::{Object, values};

/// A release is a rendered chart, a few hundred kilobytes; Helm itself stores none larger than a Secret.
const MOST_UNPACKED: u64 = 64 << 20;

/// The release in a Secret of type `helm.sh/release.v1`: `data.release` is base64 of base64 of gzip of JSON.
///
/// # Errors
/// In plain words, when it cannot be unpacked.
pub fn release(value: &Value) -> Result<HelmRelease, String> {
    let object = Object::new(value);
    let meta = object.meta("Secret");
    let unreadable = |what: &str| format!("the Helm release in {} cannot be read: {what}", meta.reference());
    let outer = object.entry("/data", "release").ok_or_else(|| unreadable("it has no key `release`"))?;
    // Its values may hold the issuer's key.
    let decode = |text: &[u8]| BASE64.decode(text).map(Zeroizing::new);
    let inner = decode(outer.as_bytes()).map_err(|_| unreadable("it is not base64"))?;
    let packed = decode(inner.trim_ascii()).map_err(|_| unreadable("it is not base64 within base64"))?;
    let unpacked = unpack(&packed).map_err(|error| unreadable(&error.to_string()))?;
    let release: Release = serde_json::from_slice(&unpacked).map_err(|error| unreadable(&error.to_string()))?;
    let Chart { name, version } = release.chart.metadata;
    Ok(HelmRelease {
        name: release.name,
        namespace: release.namespace,
        revision: release.version,
        status: release.info.status,
        chart: format!("{name}-{version}"),
        values: values::of(release.config, meta),
    })
}

/// Releases were once stored without compression; Helm still reads them.
fn unpack(packed: &[u8]) -> std::io::Result<Zeroizing<Vec<u8>>> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let mut unpacked = Zeroizing::new(Vec::new());
    if packed.starts_with(&GZIP) {
        // gzip ends with how much it holds: with all of it reserved, growing leaves no copies behind.
        let length = packed.last_chunk().map_or(0, |length| u64::from(u32::from_le_bytes(*length)));
        unpacked.reserve(usize::try_from(length.min(MOST_UNPACKED)).unwrap_or_default());
        GzDecoder::new(packed).take(MOST_UNPACKED).read_to_end(&mut unpacked)?;
    } else {
        unpacked.extend_from_slice(packed);
    }
    Ok(unpacked)
}

/// The fields that are needed; templates, manifest and hooks are skipped unread.
#[derive(Deserialize)]
struct Release {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    version: u32,
    #[serde(default)]
    info: Info,
    #[serde(default)]
    chart: ChartFile,
    /// What the user gave, without the chart's defaults; null where nothing was given.
    #[serde(default)]
    config: serde_yaml_ng::Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChartFile {
    metadata: Chart,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chart {
    name: String,
    version: String,
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    fn stored(release: &[u8]) -> Value {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(release).unwrap();
        let encoded = BASE64.encode(BASE64.encode(gzip.finish().unwrap()));
        json!({"metadata": {"namespace": "linkerd", "name": "sh.helm.release.v1.lcp.v3"}, "data": {"release": encoded}})
    }

    #[test]
    fn as_helm_stores_it() {
        let json = json!({
            "name": "lcp", "namespace": "linkerd", "version": 3, "manifest": "---", "info": {"status": "deployed"},
            "chart": {"metadata": {"name": "linkerd-control-plane", "version": "2026.8.1"}, "templates": []},
            "config": {"identity": {"issuer": {"scheme": "kubernetes.io/tls"}}},
        });
        let release = release(&stored(json.to_string().as_bytes())).unwrap();
        assert_eq!((release.name.as_str(), release.revision, release.status.as_str()), ("lcp", 3, "deployed"));
        assert_eq!(release.chart, "linkerd-control-plane-2026.8.1");
        assert_eq!(release.values.issuer_scheme.as_deref(), Some("kubernetes.io/tls"));
        assert_eq!(release.values.meta.name, "sh.helm.release.v1.lcp.v3");
    }

    #[test]
    fn no_values_at_all() {
        let json = json!({"name": "lcp", "config": null, "info": {}, "chart": {}});
        assert_eq!(release(&stored(json.to_string().as_bytes())).unwrap().values.anchors, None);
    }

    #[test]
    fn broken_in_every_layer() {
        for (value, what) in [
            (json!({}), "no key"),
            (json!({"data": {"release": "***"}}), "not base64"),
            (json!({"data": {"release": BASE64.encode("***")}}), "within base64"),
            (json!({"data": {"release": BASE64.encode(BASE64.encode(b"\x1f\x8b\x08broken"))}}), "cannot be read"),
            (stored(b"{\"name\":"), "EOF"),
        ] {
            let error = release(&value).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}

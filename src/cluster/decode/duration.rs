use jiff::SignedDuration;
use serde_json::Value;

/// The whole seconds of a duration as Go writes it (`24h0m0s`, `1.5h`), or of a plain number of seconds.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<u64>() {
        return Some(number);
    }
    let duration: SignedDuration = text.parse().ok()?;
    u64::try_from(duration.as_secs()).ok()
}

/// The same of a JSON field.
pub(super) fn seconds_of(value: &Value) -> Option<u64> {
    value.as_str().map_or_else(|| value.as_u64(), seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_writes_them() {
        let cases = [
            ("24h0m0s", Some(86_400)),
            ("8760h0m0s", Some(31_536_000)),
            ("20s", Some(20)),
            ("1h30m", Some(5_400)),
            ("1.5h", Some(5_400)),
            ("500ms", Some(0)),
            ("0", Some(0)),
            ("86400", Some(86_400)),
            (" 48h ", Some(172_800)),
            ("-5m", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text), expected, "{text}");
        }
        assert_eq!(seconds_of(&serde_json::json!(60)), Some(60));
        assert_eq!(seconds_of(&serde_json::json!("60s")), Some(60));
        assert_eq!(seconds_of(&serde_json::json!({})), None);
    }
}

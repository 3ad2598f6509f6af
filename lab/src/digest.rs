//! Names made of content.

use std::fmt::Write as _;

use ring::digest::{Context, Digest, SHA256, digest};

/// SHA-256 as lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// A running SHA-256.
pub(crate) fn context() -> Context {
    Context::new(&SHA256)
}

/// What a running SHA-256 came to.
pub(crate) fn finish(context: Context) -> String {
    let digest: Digest = context.finish();
    hex(digest.as_ref())
}

/// A Kubernetes uid that is the same for the same name.
pub(crate) fn uid(name: &str) -> String {
    let hex = sha256(name.as_bytes());
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_uid_has_the_form_of_one() {
        let lengths: Vec<usize> = super::uid("x").split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }
}

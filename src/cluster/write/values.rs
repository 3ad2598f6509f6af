//! Changes a few texts within YAML (or JSON, which is YAML) and leaves every other byte as it was.
//!
//! One parser says where the texts stand, another reads the result: unless both readings agree on everything else,
//! nothing is written.

mod compare;
mod locate;
mod render;

use super::secret::Hidden;

/// A text under a path of keys, such as `identity.issuer.tls.crtPEM`.
pub(super) struct Change {
    path: &'static str,
    text: Hidden,
}

impl Change {
    /// This text there, if there is one already.
    pub(super) fn to(path: &'static str, text: impl Into<Hidden>) -> Self {
        Self { path, text: text.into() }
    }
}

/// `yaml` with these texts, where it had some; a value that is missing, empty or null stays so.
///
/// # Errors
/// Why it can't be done without touching anything else. Values are not quoted.
pub(super) fn change(yaml: &str, changes: &[Change]) -> Result<Hidden, String> {
    let mut found = locate::scalars(yaml, |path| changes.iter().position(|change| change.path == path))?;
    found.sort_by_key(|(_, scalar)| scalar.start);
    let mut expected = Vec::new();
    // Reserved at once, so that no half of it is left behind in memory.
    let room = yaml.len() + changes.iter().map(|change| 2 * change.text.text().len() + 4096).sum::<usize>();
    let mut changed = String::with_capacity(room);
    let mut behind = 0;
    for (which, scalar) in &found {
        if scalar.is_blank {
            continue;
        }
        let change = &changes[*which];
        let text = render::ended_alike(change.text.text(), scalar.ends_with_line_feed);
        changed.push_str(&yaml[behind..scalar.start]);
        render::push(&mut changed, text.text(), scalar);
        behind = scalar.end;
        expected.push((change.path, text));
    }
    changed.push_str(&yaml[behind..]);
    let changed = Hidden::from(changed);
    let paths: Vec<_> = changes.iter().map(|change| change.path).collect();
    compare::same_but_for(yaml, changed.text(), &paths, &expected)?;
    Ok(changed)
}

#[cfg(test)]
mod tests;

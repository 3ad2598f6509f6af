use secrecy::zeroize::Zeroize as _;
use serde_yaml_ng::Value as Yaml;

use super::super::secret::Hidden;

/// Whether `after` has the expected texts under these paths and is `before` in everything else. Where `before` has a
/// text under one of `paths` that is not among the expected, it was not found and the result is not whole.
pub(super) fn same_but_for(
    before: &str,
    after: &str,
    paths: &[&str],
    expected: &[(&str, Hidden)],
) -> Result<(), String> {
    let (mut before, mut after) = (Read::new(before)?, Read::new(after)?);
    for path in paths {
        let is = after.at(path).and_then(|value| value.as_str());
        let was = before.at(path).and_then(|value| value.as_str());
        match expected.iter().find(|(other, _)| other == path) {
            Some((_, text)) if is != Some(text.text()) => return Err(format!("`{path}` would not be read back")),
            None if was.is_some_and(|text| !text.trim().is_empty()) => {
                return Err(format!("`{path}` is there, but not where it can be changed"));
            }
            _ => {}
        }
    }
    for (path, _) in expected {
        for read in [&mut before, &mut after] {
            if let Some(value) = read.at_mut(path) {
                wipe(value);
                *value = Yaml::Null;
            }
        }
    }
    if before.0 == after.0 { Ok(()) } else { Err("something else would change with them".to_owned()) }
}

/// Values as serde reads them, wiped when they are no longer needed.
struct Read(Yaml);

impl Read {
    fn new(text: &str) -> Result<Self, String> {
        // The error may quote a value.
        serde_yaml_ng::from_str(text).map(Self).map_err(|error| match error.location() {
            Some(at) => format!("they are not YAML (line {})", at.line()),
            None => "they are not YAML".to_owned(),
        })
    }

    fn at(&self, path: &str) -> Option<&Yaml> {
        path.split('.').try_fold(&self.0, |value, key| value.get(key))
    }

    fn at_mut(&mut self, path: &str) -> Option<&mut Yaml> {
        path.split('.').try_fold(&mut self.0, |value, key| value.get_mut(key))
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Yaml) {
    match value {
        Yaml::String(text) => text.zeroize(),
        Yaml::Sequence(values) => values.iter_mut().for_each(wipe),
        Yaml::Mapping(values) => values.iter_mut().for_each(|(_, value)| wipe(value)),
        Yaml::Tagged(tagged) => wipe(&mut tagged.value),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
    }
}

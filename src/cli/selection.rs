use clap::Args;
use kube::core::{Expression, Selector};

use crate::plan::{Selection, Which};

use super::value;

/// Which workloads are restarted, and which of them last.
///
/// A SELECTION is what `--leave` takes, cut short at any slash, so that each further part narrows it; or a label selector
/// as kubectl's `-l` takes it. The two cannot be mistaken for each other: no name has a `=`, `!`, `,` or bracket.
#[derive(Clone, Debug, Default, Args)]
pub struct SelectionArgs {
    /// Restart these workloads, beside the control plane, and wait for somebody to restart all others: NAMESPACE,
    /// NAMESPACE/KIND, NAMESPACE/KIND/NAME, or a selector of their labels such as tier=db; may be given more than once
    #[arg(long, value_name = "SELECTION", value_parser = which)]
    pub only: Vec<Which>,
    /// Do not restart these workloads, and wait for somebody to do it; may be given more than once
    #[arg(long, value_name = "SELECTION", value_parser = which)]
    pub exclude: Vec<Which>,
    /// Restart these workloads after all others, each time; may be given more than once
    #[arg(long, value_name = "SELECTION", value_parser = which)]
    pub last: Vec<Which>,
}

impl SelectionArgs {
    /// What is meant by them.
    pub(crate) fn selection(&self) -> Selection {
        Selection { only: self.only.clone(), exclude: self.exclude.clone(), last: self.last.clone() }
    }
}

fn which(text: &str) -> Result<Which, String> {
    if text.contains(['=', '!', ',', '(', ')', '<', '>', ' ']) { labels(text).map(Which::Labels) } else { place(text) }
}

fn place(text: &str) -> Result<Which, String> {
    const NEITHER: &str =
        "neither NAMESPACE, NAMESPACE/KIND or NAMESPACE/KIND/NAME, nor a label selector such as tier=db";
    let (namespace, kind, name) = match text.split('/').collect::<Vec<_>>()[..] {
        [namespace] => (namespace, None, None),
        [namespace, kind] => (namespace, Some(kind), None),
        [namespace, kind, name] => (namespace, Some(kind), Some(name)),
        _ => return Err(NEITHER.to_owned()),
    };
    if kind.into_iter().chain(name).any(str::is_empty) {
        return Err(NEITHER.to_owned());
    }
    Ok(Which::Place {
        namespace: value::namespace(namespace)?,
        kind: kind.map(value::kind),
        name: name.map(ToOwned::to_owned),
    })
}

/// A label selector in kubectl's text form (kubernetes, apimachinery, `labels.Parse`); kube has the rules, but reads only
/// the form of manifests. Comparisons by size are left out: no label of a workload is a number that means more when it
/// is greater.
fn labels(text: &str) -> Result<Selector, String> {
    parts(text).map(|part| expression(part.trim())).collect()
}

/// The parts between commas that stand in no bracket.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

fn expression(text: &str) -> Result<Expression, String> {
    if let Some((head, values)) = text.split_once('(') {
        let values = values.strip_suffix(')').ok_or_else(|| format!("`{text}` lacks its closing bracket"))?;
        let values = values.split(',').map(|one| value(one.trim())).collect::<Result<_, _>>()?;
        return match head.split_whitespace().collect::<Vec<_>>()[..] {
            [name, "in"] => Ok(Expression::In(key(name)?, values)),
            [name, "notin"] => Ok(Expression::NotIn(key(name)?, values)),
            _ => Err(format!("`{text}` is neither `KEY in (...)` nor `KEY notin (...)`")),
        };
    }
    if let Some(name) = text.strip_prefix('!') {
        return key(name).map(Expression::DoesNotExist);
    }
    if let Some((name, wrong)) = text.split_once("!=") {
        return Ok(Expression::NotEqual(key(name)?, value(wrong.trim())?));
    }
    if let Some((name, right)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Expression::Equal(key(name)?, value(right.trim())?));
    }
    key(text).map(Expression::Exists)
}

/// A label's key (kubernetes, apimachinery, `IsQualifiedName`), without the finer rules.
fn key(text: &str) -> Result<String, String> {
    let text = text.trim();
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    if is_name(name) && prefix.is_none_or(is_name) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no label's key"))
    }
}

/// A label's value (kubernetes, apimachinery, `IsValidLabelValue`); it may be empty.
fn value(text: &str) -> Result<String, String> {
    if text.is_empty() || is_name(text) { Ok(text.to_owned()) } else { Err(format!("`{text}` is no label's value")) }
}

fn is_name(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    ends(text.chars().next()) && ends(text.chars().last()) && text.chars().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_further_part_of_a_place_narrows_it() {
        let place = |namespace: &str, kind: Option<&str>, name: Option<&str>| Which::Place {
            namespace: namespace.to_owned(),
            kind: kind.map(ToOwned::to_owned),
            name: name.map(ToOwned::to_owned),
        };
        assert_eq!(which("shop"), Ok(place("shop", None, None)));
        assert_eq!(which("shop/sts"), Ok(place("shop", Some("StatefulSet"), None)));
        assert_eq!(which("shop/deployment/web"), Ok(place("shop", Some("Deployment"), Some("web"))));
        assert_eq!(which("shop/Rollout/web"), Ok(place("shop", Some("Rollout"), Some("web"))));
        assert_eq!(which("shop/Deployment/web").unwrap().to_string(), "shop/Deployment/web");
        for wrong in ["", "/", "shop/", "shop//web", "shop/Deployment/", "shop/Deployment/web/0", "Shop"] {
            assert!(which(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_are_selected_as_kubectl_selects_them() {
        for (typed, read) in [
            ("tier=db", "tier=db"),
            ("tier==db", "tier=db"),
            ("tier = db", "tier=db"),
            ("app.kubernetes.io/name!=web", "app.kubernetes.io/name!=web"),
            ("tier in (db, cache)", "tier in (cache,db)"),
            ("tier notin (db),!canary", "tier notin (db),!canary"),
            ("tier=db,team", "tier=db,team"),
            ("tier=", "tier="),
        ] {
            assert_eq!(which(typed).map(|which| which.to_string()), Ok(format!("'{read}'")), "{typed}");
        }
        for wrong in
            ["=db", "tier=d b", "tier in (db", "tier of (db)", "tier=db,", "a/b/c=d", "size>3", "shop pay", "!"]
        {
            assert!(which(wrong).is_err(), "{wrong}");
        }
    }
}

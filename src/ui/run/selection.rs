//! What a selection makes of a plan, in lines under it.

use crate::{
    mesh::Obstacle,
    plan::{Party, Selection, Standing},
    snapshot::WorkloadRef,
    ui::{Look, text::wrap},
};

use super::step::names;

const NOT_OURS: &str = "not restarted here. The run stops where somebody else has to do it, unless --hold says how long it \
                        may wait for that";

/// Which workloads come last, and which are left to somebody else; nothing where all are restarted alike.
pub fn selection(selection: &Selection, standing: &Standing, look: Look) -> String {
    let seen = standing.clone().selected(selection);
    let those = |which: &dyn Fn(&Party) -> bool| -> Vec<WorkloadRef> {
        seen.parties.iter().filter(|party| which(party)).map(|party| party.who.clone()).collect()
    };
    let rows = [
        ("--last", those(&|party| party.last && party.obstacle.is_none()), "restarted after all others of each round"),
        ("--exclude", those(&|party| party.obstacle == Some(Obstacle::Excluded)), NOT_OURS),
        ("--only", those(&|party| party.obstacle == Some(Obstacle::NotSelected)), NOT_OURS),
    ];
    let mut out = String::new();
    for (flag, workloads, what) in rows.iter().filter(|(_, workloads, _)| !workloads.is_empty()) {
        let names = names(workloads);
        let names = if *flag == "--only" { format!("all others ({names})") } else { names };
        for line in wrap(&format!("      {flag:<9}  "), &format!("{names}: {what}"), look.text_width()) {
            out += &line;
            out.push('\n');
        }
    }
    out
}

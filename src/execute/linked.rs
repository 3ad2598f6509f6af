//! Waits for linked clusters, which somebody else sees to: another run of this program there, as a rule.

use crate::{
    event::{Event, Watch},
    mesh::{Mesh, ProbeScope},
    plan::{Lack, Refusal},
};

use super::{Stop, run::Run};

/// Waits until nothing of this is lacking any more, as long as that was allowed.
pub(super) async fn await_linked<M: Mesh, W: Watch>(run: &mut Run<'_, M, W>, lacks: &[Lack]) -> Result<(), Stop> {
    let begun = run.mesh.now();
    let mut lacks = lacks.to_vec();
    let mut told = Vec::new();
    loop {
        if run.mesh.now().duration_since(begun).unsigned_abs() >= run.options.hold {
            return Err(Stop::Refused(Box::new(Refusal::Linked(lacks))));
        }
        if told != lacks {
            for lack in &lacks {
                run.tell(&Event::Waiting(lack.to_string()));
            }
            told.clone_from(&lacks);
        }
        run.until_next_look().await?;
        let scope = if lacks.iter().any(Lack::is_in_doubt) { ProbeScope::All } else { run.options.probe };
        let left = run.look(scope).await?.standing.still_lacking(&lacks);
        if left.is_empty() {
            return Ok(());
        }
        lacks = left;
    }
}

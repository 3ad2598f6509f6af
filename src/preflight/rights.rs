use std::collections::BTreeSet;

use crate::mesh::{Fault, Mesh, Right};

/// Which of `rights` the user lacks. Who may do something everywhere need not be asked about each object: the widest
/// form of all rights is asked for first, and the narrower ones only where that was refused.
pub(super) async fn lacking<M: Mesh>(mesh: &M, rights: &BTreeSet<Right>) -> Result<Vec<Right>, Fault> {
    let mut open: BTreeSet<Right> = rights.clone();
    for widen in [everywhere, throughout, Right::clone] {
        let asked: Vec<Right> = open.iter().map(widen).collect::<BTreeSet<_>>().into_iter().collect();
        let lacking: BTreeSet<Right> = mesh.may(&asked).await?.into_iter().collect();
        open.retain(|right| lacking.contains(&widen(right)));
    }
    Ok(open.into_iter().collect())
}

/// In all namespaces.
fn everywhere(right: &Right) -> Right {
    Right { namespace: String::new(), name: String::new(), ..right.clone() }
}

/// For all objects of the namespace.
fn throughout(right: &Right) -> Right {
    Right { name: String::new(), ..right.clone() }
}

use jiff::{SignedDuration, Timestamp};

use super::World;

impl World {
    /// Lets everything happen that falls into the next `time`.
    pub fn pass(&mut self, time: SignedDuration) {
        let end = self.now + time;
        self.settle();
        while let Some(next) = self.next_happening().filter(|next| *next <= end) {
            self.now = next;
            self.settle();
            self.witness();
        }
        self.now = end;
    }

    /// Lets happen what is due now, until nothing is.
    pub(super) fn settle(&mut self) {
        loop {
            let reloaded = self.reload();
            let certified = self.certify();
            let rolled = self.roll();
            let reloaded = self.reload_servers() || reloaded;
            if reloaded || certified || rolled {
                self.witness();
            } else {
                return;
            }
        }
    }

    /// When something happens next by itself.
    fn next_happening(&self) -> Option<Timestamp> {
        let now = self.now;
        let of_pods = self.pods().flat_map(|(_, pod)| {
            let reload = pod.controller.as_ref().and_then(|controller| controller.reloads_at);
            [Some(pod.asks_at), pod.ready_at, reload]
        });
        let ends = self.pods().filter_map(|(_, pod)| pod.leaf.as_ref());
        // One second after a leaf's end its bearer is refused.
        let ends = ends.map(|leaf| Some(leaf.certificate.lifetime().not_after + SignedDuration::from_secs(1)));
        of_pods.chain(ends).chain([self.next_reload()]).flatten().filter(|at| *at > now).min()
    }
}

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    cli::{
        BroughtIssuerArgs, ClusterArgs, DueArg, LifetimeArg, ProbeArg, RecoverArgs, RotateAnchorArgs, RotateArgs,
        RotateDueArgs, RotateIssuerArgs, RotatedAnchorArgs, RunArgs, TrimArg,
    },
    cluster::Connect,
    commands::observe::connect,
    error::Error,
    execute::Options,
    mesh::ProbeScope,
    pki::Fingerprint,
    plan::{self, Goal, Request, Standing, Trim, webhooks::Renewal},
    snapshot::Snapshot,
    ui::Ui,
};

use super::{
    due::Wanted,
    materials::{Gathered, KeyFile, Keys, Lifetimes},
    place,
};

/// What a rotation needs to know.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(in crate::commands) struct Settings {
    /// What is to be new; of `rotate`, once that is decided.
    pub(super) goal: Goal,
    /// What `rotate` decides by.
    pub(super) wanted: Option<Wanted>,
    pub(super) keys: Keys,
    /// Whether nobody said what becomes of a new anchor's key.
    pub(super) place_is_open: bool,
    /// Whether what is left to do takes a key.
    pub(super) needs_key: bool,
    pub(super) lifetimes: Lifetimes,
    trim: Trim,
    /// Whether trust roots and issuer are left to their owner.
    pub(super) is_owned: bool,
    /// Whether objects with another owner are written all the same, and what has to be committed there is told.
    pub(super) break_glass: bool,
    /// Which webhook certificates are to be new.
    renewal: Renewal,
    pub(super) common: RotateArgs,
    pub(super) connect: Connect,
    pub(super) now: Timestamp,
}

impl Settings {
    /// The settings of `rotate`.
    pub(in crate::commands) fn of_due(arguments: RotateDueArgs, now: Timestamp) -> Self {
        let RotateDueArgs { due, anchor_key, anchor_key_password_file, anchor, common } = arguments;
        let asked = due.map(|due| if due == DueArg::Anchor { Goal::Anchor } else { Goal::Issuer });
        let anchor_key = anchor_key.map(|file| (file, anchor_key_password_file));
        let keys = Keys::of_issuer(&common.issuer);
        Self { wanted: Some(Wanted { asked, anchor_key }), ..Self::of_new_anchor(anchor, keys, common, now) }
    }

    /// The settings of `rotate-anchor`.
    pub(in crate::commands) fn of_anchor(arguments: RotateAnchorArgs, now: Timestamp) -> Self {
        let RotateAnchorArgs { place, anchor, common } = arguments;
        let keys = Keys {
            anchor_cert: anchor.anchor_cert,
            anchor_key: KeyFile::anchor(anchor.anchor_key, anchor.anchor_key_password_file),
            ..Keys::of_issuer(&common.issuer)
        };
        Self::of_new_anchor(place, keys, common, now)
    }

    fn of_new_anchor(place: RotatedAnchorArgs, keys: Keys, common: RotateArgs, now: Timestamp) -> Self {
        let is_told = place.anchor_key_out.is_some() || place.discard_anchor_key;
        let is_brought = keys.anchor_cert.is_some() || keys.anchor_key.is_some() || keys.request.is_some();
        let keys = Keys { out: place.anchor_key_out, ..keys };
        let trim = if place.trim == TrimArg::Lazy { Trim::Lazy } else { Trim::Now };
        let settings = Self::of(Goal::Anchor, keys, Some(place.anchor_lifetime), common, now);
        Self { place_is_open: !is_told && !is_brought, trim, ..settings }
    }

    /// The settings of `rotate-issuer`.
    pub(in crate::commands) fn of_issuer(arguments: RotateIssuerArgs, now: Timestamp) -> Self {
        let keys = Keys {
            anchor_key: KeyFile::anchor(arguments.anchor_key, arguments.anchor_key_password_file),
            ..Keys::of_issuer(&arguments.common.issuer)
        };
        Self::of(Goal::Issuer, keys, None, arguments.common, now)
    }

    /// The settings of `restore`, which brings its own certificates.
    pub(in crate::commands) fn of_restore(run: RunArgs, cluster: ClusterArgs, now: Timestamp) -> Self {
        let common = RotateArgs {
            issuer_lifetime: LifetimeArg::default(),
            run,
            patient: false,
            force: false,
            issuer: BroughtIssuerArgs::default(),
            cluster,
        };
        Self::of(Goal::Back, Keys::default(), None, common, now)
    }

    /// The settings of `recover-expired`.
    pub(in crate::commands) fn of_recovery(arguments: RecoverArgs, now: Timestamp) -> Self {
        let keys = Keys {
            out: arguments.anchor_key_out,
            anchor_cert: arguments.anchor_cert,
            anchor_key: KeyFile::anchor(arguments.anchor_key, arguments.anchor_key_password_file),
            ..Keys::of_issuer(&arguments.issuer)
        };
        let common = RotateArgs {
            issuer_lifetime: arguments.issuer_lifetime,
            run: arguments.run,
            patient: false,
            force: false,
            issuer: arguments.issuer,
            cluster: arguments.cluster,
        };
        let is_told = keys.out.is_some() || arguments.discard_anchor_key || keys.request.is_some();
        let settings = Self::of(Goal::Recover, keys, Some(arguments.anchor_lifetime), common, now);
        Self { place_is_open: !is_told, break_glass: arguments.break_glass, ..settings }
    }

    /// The settings of `renew-webhooks`, which brings certificates of its own.
    pub(in crate::commands) fn of_webhooks(run: RunArgs, force: bool, cluster: ClusterArgs, now: Timestamp) -> Self {
        let mut settings = Self { goal: Goal::Webhooks, ..Self::of_restore(run, cluster, now) };
        settings.common.force = force;
        settings
    }

    /// Sets what is to be renewed, once that is decided.
    pub(in crate::commands) fn set_renewal(&mut self, renewal: Renewal) {
        self.renewal = renewal;
    }

    /// Whether nobody is asked.
    pub(in crate::commands) fn is_unattended(&self) -> bool {
        self.common.run.yes
    }

    /// Whether nothing is changed.
    pub(in crate::commands) fn is_dry_run(&self) -> bool {
        self.common.run.dry_run
    }

    /// How long a workload may take to get ready with its new pods.
    pub(in crate::commands) fn rollout_deadline(&self) -> std::time::Duration {
        self.common.run.rollout_timeout
    }

    fn of(goal: Goal, keys: Keys, anchor: Option<LifetimeArg>, common: RotateArgs, now: Timestamp) -> Self {
        // A certificate holds whole seconds.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let issuer = common.issuer_lifetime.from(now);
        let lifetimes = Lifetimes { anchor: anchor.map_or(issuer, |anchor| anchor.from(now)), issuer };
        Self {
            goal,
            wanted: None,
            keys,
            place_is_open: false,
            needs_key: true,
            lifetimes,
            trim: Trim::Now,
            is_owned: false,
            break_glass: false,
            renewal: Renewal::default(),
            connect: connect(&common.cluster),
            common,
            now,
        }
    }

    /// Whether each step is asked for.
    pub(in crate::commands) fn is_interactive(&self) -> bool {
        self.common.run.interactive
    }

    /// How many workloads are restarted at once.
    pub(in crate::commands) fn at_once(&self) -> usize {
        self.common.run.max_parallel.max(1)
    }

    /// Whether the operator is there and wants to be asked.
    pub(in crate::commands) fn may_ask(&self, ui: &Ui) -> bool {
        !self.common.run.yes && ui.can_ask()
    }

    /// Whether cert-manager writes the issuer, and is asked for what is new rather than written over.
    pub(in crate::commands) fn leaves_to_owner(&self, snapshot: &Snapshot) -> bool {
        self.goal == Goal::Recover && !self.break_glass && !plan::certificates_to_renew(snapshot).is_empty()
    }

    /// Leaves trust roots and issuer to their owner.
    pub(in crate::commands) fn leave_to_owner(&mut self) {
        self.is_owned = true;
    }

    /// Asks where a new anchor's key is to go.
    ///
    /// # Errors
    /// When the terminal gives no answer.
    pub(in crate::commands) fn ask_for_place(&mut self, ui: &Ui) -> Result<(), Error> {
        self.keys.out = place::of_new(self.now, ui)?;
        self.place_is_open = false;
        Ok(())
    }

    /// Anchors that stay whatever else is decided.
    pub(super) fn keep(&self) -> BTreeSet<Fingerprint> {
        self.common.run.keep_anchor.iter().copied().collect()
    }

    /// How the run goes about it.
    pub(super) fn options(&self, holder: String) -> Options {
        let all = self.common.patient || self.common.run.probe == ProbeArg::All;
        Options {
            probe: if all { ProbeScope::All } else { ProbeScope::Sample },
            at_once: self.common.run.max_parallel.max(1),
            hold: self.common.run.hold,
            patient: self.common.patient,
            rollout_deadline: self.common.run.rollout_timeout,
            holder,
        }
    }

    /// Whether what is selected of the workloads is there.
    pub(in crate::commands) fn check_selection(&self, standing: &Standing) -> Result<(), Error> {
        Ok(self.common.run.selection.selection().check(standing)?)
    }

    /// What is asked of the planner.
    pub(in crate::commands) fn request(&self, gathered: &Gathered) -> Request {
        Request {
            trim: self.trim,
            patient: self.common.patient,
            leave: self.common.run.leave.iter().cloned().collect(),
            selection: self.common.run.selection.selection(),
            answered_for: self.common.run.answer_for.iter().cloned().collect(),
            force: self.common.force,
            owned: self.is_owned,
            accept_refusals: self.common.run.accept_refusals,
            keep: &self.keep() | gathered.kept(),
            renewal: self.renewal.clone(),
            ..Request::new(self.goal, gathered.materials())
        }
    }
}

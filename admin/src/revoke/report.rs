//! What was done, step by step, and what was not.

use std::fmt::Write as _;
use std::time::Duration;

use environment::{RoleArn, visible};
use serde_json::{Value, json};

use super::roles::Changed;
use super::target::Target;
use crate::date;
use crate::difference::Change;
use crate::error::Error;
use crate::output;

pub(super) struct Report {
    id: String,
    issuer: Option<String>,
    change: Option<Change>,
    stamp: u64,
    pub(super) roles: Vec<RoleReport>,
    pub(super) recorded: Recorded,
}

/// What the audit trail has added.
pub(super) enum Recorded {
    Read {
        is_news: bool,
    },
    /// Nothing says where it is.
    NotNamed,
    Failed(Error),
}

/// Of one role.
pub(super) struct RoleReport {
    role: String,
    /// `None` where the role is gone.
    changed: Result<Option<Changed>, Error>,
    pub(super) probe: Probe,
    /// From when on new sessions of the client work, where that lies ahead.
    pub(super) works_from: Option<u64>,
}

/// What an old session may do now.
pub(super) enum Probe {
    /// Nothing; so long after the command began.
    Refused(Duration),
    /// Still what it could before.
    Allowed,
    NotProbed(String),
    NotTried,
}

impl RoleReport {
    pub(super) fn new(role: &RoleArn, changed: Result<Option<Changed>, Error>) -> Self {
        Self { role: role.to_string(), changed, probe: Probe::NotTried, works_from: None }
    }

    pub(super) fn is_denied(&self) -> bool {
        matches!(self.changed, Ok(Some(_)))
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.changed = Err(error);
    }

    /// The role's policy: a line for each statement that goes, and for each that comes.
    fn difference(&self) -> String {
        let Ok(Some(Changed { before, after })) = &self.changed else { return String::new() };
        let (before, after) = (before.lines(), after.lines());
        let mut text = String::new();
        for (sign, side, other) in [('-', &before, &after), ('+', &after, &before)] {
            for line in side.iter().filter(|line| !other.contains(line)) {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  {sign} {}", visible(line));
            }
        }
        text
    }

    fn text(&self, done: &str) -> String {
        let policy = match &self.changed {
            Ok(Some(_)) => done.to_owned(),
            Ok(None) => "is gone, and with it all that its sessions may do".to_owned(),
            Err(error) => format!("FAILED: {error}"),
        };
        let probe = match &self.probe {
            Probe::Refused(after) => {
                Some(format!("an old session was refused {:.1} s after the start", after.as_secs_f64()))
            }
            Probe::Allowed => Some("an old session is STILL ALLOWED".to_owned()),
            Probe::NotProbed(reason) => Some(format!("could not be probed: {reason}")),
            Probe::NotTried => None,
        };
        let lines = [Some(policy), probe].into_iter().flatten().map(|line| format!("  {}\n", visible(&line)));
        lines.fold(format!("role {}\n", visible(&self.role)), |text, line| text + &line)
    }

    fn json(&self) -> Value {
        let (probe, seconds, reason) = match &self.probe {
            Probe::Refused(after) => (json!("refused"), json!(after.as_secs_f64()), Value::Null),
            Probe::Allowed => (json!("allowed"), Value::Null, Value::Null),
            Probe::NotProbed(reason) => (json!("not_probed"), Value::Null, json!(reason)),
            Probe::NotTried => (Value::Null, Value::Null, Value::Null),
        };
        let (policy, problem) = match &self.changed {
            Ok(Some(_)) => ("written", Value::Null),
            Ok(None) => ("role_gone", Value::Null),
            Err(error) => ("failed", json!(error.to_string())),
        };
        json!({"role_arn": self.role, "policy": policy, "problem": problem, "probe": probe,
            "refused_after_seconds": seconds, "not_probed_because": reason,
            "works_from": self.works_from.and_then(date::text)})
    }
}

impl Report {
    pub(super) fn new(target: &Target, change: Option<Change>, stamp: u64) -> Self {
        Self {
            id: target.id.clone(),
            issuer: target.issuer.clone(),
            change,
            stamp,
            roles: Vec::new(),
            recorded: Recorded::NotNamed,
        }
    }

    pub(super) fn print(&self, as_json: bool, dry_run: bool) -> Result<(), Error> {
        let stamp = date::text(self.stamp).unwrap_or_default();
        if as_json {
            let is_read = matches!(self.recorded, Recorded::Read { .. });
            return output::print_json(&self.json(dry_run, json!({"revoked_before": stamp, "audit_read": is_read})));
        }
        let verb = if dry_run { "would be denied" } else { "denied" };
        let note = match &self.recorded {
            Recorded::Read { .. } => "",
            Recorded::NotNamed => {
                "the audit trail was not read (--log-group, --file): roles and names of the last 12 hours that no item says any \
                 more are not denied\n"
            }
            Recorded::Failed(_) => "the audit trail could NOT BE READ\n",
        };
        let done = format!("the client is {verb} everything with credentials issued before {stamp}");
        self.print_text(&done, note, dry_run)
    }

    pub(super) fn print_let_in(&self, as_json: bool, dry_run: bool) -> Result<(), Error> {
        if as_json {
            return output::print_json(&self.json(dry_run, json!({})));
        }
        let from = self.roles.iter().filter_map(|role| role.works_from).max();
        let works = match from {
            Some(from) => format!("credentials work again from {} on", date::text(from).unwrap_or_default()),
            None => "credentials that are vended from now on work".to_owned(),
        };
        self.print_text(&works, "", dry_run)
    }

    fn print_text(&self, done: &str, note: &str, dry_run: bool) -> Result<(), Error> {
        let mut text = match &self.change {
            Some(change) => change.to_text(),
            None => format!("{}: nothing to change in the table\n", visible(&self.id)),
        };
        for role in &self.roles {
            text += &role.text(done);
            if dry_run {
                text += &role.difference();
            }
        }
        text += note;
        if dry_run {
            text += "(dry run: nothing was written)\n";
        }
        output::print(text.as_bytes())
    }

    fn json(&self, dry_run: bool, more: Value) -> Value {
        let mut value = json!({"client_id": self.id, "issuer": self.issuer, "dry_run": dry_run,
            "change": self.change.as_ref().map(Change::to_json),
            "roles": self.roles.iter().map(RoleReport::json).collect::<Vec<_>>()});
        if let (Some(members), Value::Object(more)) = (value.as_object_mut(), more) {
            members.extend(more);
        }
        value
    }

    /// The command's own result.
    pub(super) fn end(self) -> Result<(), Error> {
        let id = self.id;
        if let Recorded::Failed(cause) = self.recorded {
            return Err(Error::TrailNotRead { id, cause: Box::new(cause) });
        }
        if self.roles.is_empty() {
            return Err(Error::NothingToRevoke { id });
        }
        for role in self.roles {
            match role.changed {
                Err(cause) => return Err(Error::NotDenied { id, role: role.role, cause: Box::new(cause) }),
                Ok(_) if matches!(role.probe, Probe::Allowed) => {
                    return Err(Error::StillAllowed { id, role: role.role });
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

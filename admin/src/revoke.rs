//! `credvend-admin revoke ID` and `unrevoke ID`: a client gets nothing any more, and what it was vended does nothing.
//!
//! Each step is done again by the next run, and none takes back what an earlier one did: a run that ends half way is finished
//! by `revoke`, or undone by `unrevoke`.

mod denials;
mod old_session;
mod report;
mod roles;
mod target;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, SystemTime};

use futures_util::future::{join, join_all};
use grant::authorize::Restriction;
use grant::session::AssumeRole;
use tokio::time::Instant;

use self::denials::{Denials, LONGEST_SESSION, Marks, epoch_seconds};
use self::old_session::{Call, OldSession};
use self::report::{Probe, Recorded, Report, RoleReport};
use self::roles::{ROUNDS, Roles, SETTLED};
use self::target::{Added, Role, Target};
use crate::audit::{AuditLog, Question, tell_garbage};
use crate::aws::AwsError;
use crate::cli::{AuditSource, RevokeArguments, UnrevokeArguments};
use crate::clients::Context;
use crate::date;
use crate::difference::Change;
use crate::error::Error;
use crate::item::SCOPE_PREFIX;
use crate::output;
use crate::policy_document::PolicyDocument;
use crate::revoked_item::{self, let_in};

/// So long a deny waits for the session that is to show it.
const LONGEST_OPENING: Duration = Duration::from_secs(3);
/// A vend that had read the item before it was disabled is over by then: with `VEND_CACHE_SECONDS` it may first wait for an equal
/// request's, and then call STS itself. One second more, since `Date` counts whole ones.
const UNDER_WAY: Duration = Duration::from_secs(14 + 1);

pub(crate) async fn revoke(context: &Context, arguments: &RevokeArguments) -> Result<(), Error> {
    let started = Instant::now();
    // Without the service's own variables nobody knows what it calls the client's sessions.
    context.governed.service()?;
    let mut target = target(context, &arguments.id.id).await?;
    let dry_run = arguments.write.dry_run;
    if !dry_run && !arguments.yes {
        let question = format!("Revoke the client {:?}, with all sessions that it has?", target.id);
        output::confirm("`revoke`", &question, arguments.yes)?;
        // Somebody else may have changed the items while the question was read.
        target = self::target(context, &arguments.id.id).await?;
    }
    let (change, seen) = shut_out(context, &target, arguments.reason.as_deref(), dry_run).await?;
    let mut revocation = Revocation { context, roles: Roles::new(&context.aws), target, seen, dry_run };
    let (roles, recorded) = revocation.deny_everywhere(&arguments.source, started).await;
    let mut report = Report::new(&revocation.target, change, revocation.stamp());
    (report.roles, report.recorded) = (roles, recorded);
    report.print(context.json, dry_run)?;
    report.end()
}

pub(crate) async fn unrevoke(context: &Context, arguments: &UnrevokeArguments) -> Result<(), Error> {
    // Without the service's own variables nobody knows whose item it is.
    context.governed.service()?;
    let target = target(context, &arguments.id.id).await?;
    let Some(item) = target.own_item(context, context.table.get(&target.id).await?) else {
        return Err(Error::no_item(&target.id));
    };
    let after = if revoked_item::is_disabled(&item) { let_in(&item) } else { Some(item.clone()) };
    if let Some(after) = after.as_ref().filter(|after| **after != item) {
        context.check(after)?;
    }
    let change = Change::between(Some(item), after);
    if let Some(change) = change.as_ref().filter(|_| !arguments.write.dry_run) {
        context.table.write(change).await?;
    }
    let (_, now) = context.table.get_dated(&target.id).await?;
    let roles = Roles::new(&context.aws);
    let mut report = Report::new(&target, change, epoch_seconds(now));
    for role in target.roles.values() {
        report.roles.push(cleared(&roles, &target, role, epoch_seconds(now), arguments.write.dry_run).await);
    }
    report.print_let_in(context.json, arguments.write.dry_run)?;
    report.end()
}

async fn target(context: &Context, id: &str) -> Result<Target, Error> {
    crate::clients::check_id(id)?;
    if id.starts_with(SCOPE_PREFIX) {
        return Err(Error::ScopeRevoked { id: id.to_owned() });
    }
    Target::find(context, id).await
}

/// Disables the client, and sees it disabled: the time of that by AWS's clock.
async fn shut_out(
    context: &Context,
    target: &Target,
    reason: Option<&str>,
    dry_run: bool,
) -> Result<(Option<Change>, SystemTime), Error> {
    for _ in 0..ROUNDS {
        // Never the item that was read earlier: somebody may have let the client in again since.
        let (item, now) = context.table.get_dated(&target.id).await?;
        let before = target.own_item(context, item);
        if before.is_none() && target.has_item {
            // The items of scopes, by which credentials are vended to it from now on, were not read.
            break;
        }
        let after =
            revoked_item::shut_out(&target.id, before.as_ref(), &target.scope_items, reason, epoch_seconds(now));
        // Without any item, nothing is vended to it.
        let Some(after) = after else { return Ok((None, now)) };
        let change = Change::between(before, Some(after));
        let Some(written) = change.as_ref().filter(|_| !dry_run) else { return Ok((change, now)) };
        match context.table.write(written).await {
            // Whatever somebody else has changed meanwhile stays, and the client is disabled on top of it.
            Err(Error::Conflict { .. }) => {}
            written => {
                written?;
                let (item, seen) = context.table.get_dated(&target.id).await?;
                if item.as_ref().is_some_and(revoked_item::is_disabled) {
                    return Ok((change, seen));
                }
            }
        }
    }
    Err(Error::Conflict { id: target.id.clone() })
}

struct Revocation<'a> {
    context: &'a Context,
    roles: Roles,
    target: Target,
    /// When the client was seen disabled.
    seen: SystemTime,
    dry_run: bool,
}

impl Revocation<'_> {
    /// What was issued before is denied: it may lie ahead, so the deny holds at once.
    fn stamp(&self) -> u64 {
        epoch_seconds(self.seen + UNDER_WAY)
    }

    async fn deny_everywhere(&mut self, source: &AuditSource, started: Instant) -> (Vec<RoleReport>, Recorded) {
        // The trail may be long: what the items say is denied before it is read.
        let reads_first = self.dry_run || self.target.roles.is_empty();
        let mut recorded = Recorded::NotNamed;
        if reads_first {
            recorded = self.read_trail(source).await;
        }
        let this = &*self;
        let opened = this.target.roles.iter().map(|(arn, role)| async move { (arn.clone(), this.opened(role).await) });
        let sessions = join_all(opened).await;
        let mut reports = BTreeMap::new();
        self.deny_all(&mut reports).await;
        if self.dry_run {
            return (reports.into_values().collect(), recorded);
        }
        let denied = sessions.into_iter().filter(|(arn, _)| reports.get(arn).is_some_and(RoleReport::is_denied));
        let refusals = join_all(denied.map(|(arn, session)| async move {
            let probe = match session {
                Err(reason) => Probe::NotProbed(reason),
                Ok(session) => session.refused().await.map_or(Probe::Allowed, |at| Probe::Refused(at - started)),
            };
            (arn, probe)
        }));
        // What the trail adds does not wait until old sessions are seen refused.
        let trail = async {
            if !reads_first {
                recorded = self.read_trail(source).await;
                if matches!(recorded, Recorded::Read { is_news: true }) {
                    self.deny_all(&mut reports).await;
                }
            }
        };
        let (probes, ()) = join(refusals, trail).await;
        for (arn, probe) in probes {
            if let Some(report) = reports.get_mut(&arn) {
                report.probe = probe;
            }
        }
        tokio::time::sleep(SETTLED).await;
        for (arn, role) in &self.target.roles {
            let Some(report) = reports.get_mut(arn).filter(|report| report.is_denied()) else { continue };
            if let Err(error) = self.settle(role).await {
                report.fail(error);
            }
        }
        (reports.into_values().collect(), recorded)
    }

    /// A failure with one role leaves none of the others out.
    async fn deny_all(&self, reports: &mut BTreeMap<String, RoleReport>) {
        for (arn, role) in &self.target.roles {
            let denied = self.deny(role).await;
            match reports.entry(arn.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert(RoleReport::new(&role.arn, denied));
                }
                Entry::Occupied(mut entry) => {
                    if let Err(error) = denied {
                        entry.get_mut().fail(error);
                    }
                }
            }
        }
    }

    /// What the client was vended as long ago as sessions live.
    async fn read_trail(&mut self, source: &AuditSource) -> Recorded {
        let log = match AuditLog::open(source, &self.context.governed, &self.context.aws) {
            Ok(log) => log,
            Err(Error::NoLogGroup) => return Recorded::NotNamed,
            Err(error) => return Recorded::Failed(error),
        };
        let naming_issuer = target::naming_issuer(self.context, self.target.issuer.as_deref());
        let since = date::epoch_millis(self.seen - LONGEST_SESSION);
        let question = Question {
            since: Some(since),
            issuer: self.target.issuer.clone(),
            only_vends: true,
            ..Question::of_client(&self.target.id)
        };
        let (mut is_news, mut garbage) = (false, 0);
        let read = log.read(&question, |line, _| {
            match self.target.add_recorded(line, naming_issuer.clone())? {
                Added::News => is_news = true,
                Added::Nothing => {}
                Added::Garbage => garbage += 1,
            }
            Ok(())
        });
        match read.await {
            Ok(read) => {
                tell_garbage(self.context.log, read);
                if garbage > 0 {
                    let what = "name a session or a role that cannot exist, and were left out";
                    self.context.log.warn(format_args!("{garbage} audit lines {what}"));
                }
                Recorded::Read { is_news }
            }
            Err(error) => Recorded::Failed(error),
        }
    }

    /// As [`Self::old_session`], and soon: the deny waits for it.
    async fn opened(&self, role: &Role) -> Result<OldSession, String> {
        let seconds = LONGEST_OPENING.as_secs();
        let opened = tokio::time::timeout(LONGEST_OPENING, self.old_session(role)).await;
        opened.unwrap_or_else(|_| Err(format!("to make a session of it took longer than {seconds} s")))
    }

    /// A session as the client's, older than any stamp; or why there is none.
    async fn old_session(&self, role: &Role) -> Result<OldSession, String> {
        if self.dry_run {
            return Err("nothing is tried".to_owned());
        }
        let governed = &self.context.governed;
        let grant = role.grant.as_ref().ok_or("no item says how a session of it is made")?;
        let service = governed.service().map_err(|error| error.to_string())?;
        let bucket = Some(service.bucket.as_str()).filter(|bucket| !bucket.is_empty());
        let bucket = bucket.ok_or("S3_BUCKET of the service is not known")?;
        let call = Call::new(bucket, &grant.s3_path_prefix);
        let mut grant = grant.clone();
        grant.restriction = Restriction::Inline(call.policy(role.arn.partition()));
        grant.identity = service.terms.session_identity;
        let session = AssumeRole::new(self.target.caller(), &grant, bucket).map_err(|error| error.to_string())?;
        OldSession::open(&self.context.aws, self.target.caller(), &session, call, self.seen).await
    }

    /// `None` where the role is gone, and with it all that its sessions may do.
    async fn deny(&self, role: &Role) -> Result<Option<roles::Changed>, Error> {
        let Some(trust) = self.roles.trust(&role.arn).await? else {
            self.check_account(role).await?;
            return Ok(None);
        };
        if self.target.has_unwritable_subject(&trust) {
            self.context.log.warn(format_args!(
                "{}: sessions that STS itself makes from the client's tokens are NOT denied, since IAM takes no character \
                 beyond U+00FF in a policy: end the client at its identity provider",
                role.arn
            ));
        }
        let (marks, now, stamp) = (self.target.marks(&trust), epoch_seconds(self.seen), self.stamp());
        let edit = |denials: &mut Denials| {
            denials.clear(now);
            denials.deny(&marks, stamp);
        };
        if self.dry_run {
            let before = self.roles.read(&role.arn).await?;
            let mut after = before.clone();
            edit(&mut after);
            return Ok(Some(roles::Changed { before, after }));
        }
        let mut changed = self.roles.change(&role.arn, edit).await;
        // Other clients' stamps lie as far ahead at most as this one, and fold once they have passed.
        for pause in [Duration::ZERO, UNDER_WAY] {
            if !matches!(changed, Err(Error::PolicyFull { .. })) {
                break;
            }
            tokio::time::sleep(pause).await;
            let shut_out = self.shut_out(&trust).await?;
            let folded = |denials: &mut Denials| {
                denials.fold(&shut_out, now + pause.as_secs());
                edit(denials);
            };
            changed = self.roles.change(&role.arn, folded).await;
        }
        changed.map(Some)
    }

    /// What all clients that are shut out are called.
    async fn shut_out(&self, trust: &PolicyDocument) -> Result<Marks, Error> {
        let mut marks = Marks::new();
        for item in self.context.table.scan().await?.iter().filter(|item| revoked_item::is_shut_out(item)) {
            let issuer = item.text("issuer").or(self.context.governed.default_issuer()).map(str::to_owned);
            marks.extend(Target::of_items(self.context, &item.key, issuer, &[item])?.marks(trust));
        }
        Ok(marks)
    }

    /// Sees that nobody else's write has taken it back.
    async fn settle(&self, role: &Role) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            let Some(trust) = self.roles.trust(&role.arn).await? else { return Ok(()) };
            if self.roles.read(&role.arn).await?.hold(&self.target.marks(&trust), self.stamp()) {
                return Ok(());
            }
            self.deny(role).await?;
            tokio::time::sleep(SETTLED).await;
        }
        Err(Error::PolicyConflict { policy: denials::POLICY_NAME, role: role.arn.to_string() })
    }

    async fn check_account(&self, role: &Role) -> Result<(), Error> {
        let identity = aws_sdk_sts::Client::new(&self.context.aws).get_caller_identity().send().await;
        let account = identity.map_err(|error| AwsError::new("sts:GetCallerIdentity", &error))?.account;
        match account {
            Some(account) if account == role.arn.account_id() => Ok(()),
            account => Err(Error::OtherAccount { role: role.arn.to_string(), account: account.unwrap_or_default() }),
        }
    }
}

/// Drops from the role's policy what has no effect any more; what is left says from when on the client's sessions work.
async fn cleared(roles: &Roles, target: &Target, role: &Role, now: u64, dry_run: bool) -> RoleReport {
    let changed = async {
        let Some(trust) = roles.trust(&role.arn).await? else { return Ok(None) };
        let changed = if dry_run {
            let before = roles.read(&role.arn).await?;
            let mut after = before.clone();
            after.clear(now);
            roles::Changed { before, after }
        } else {
            roles.change(&role.arn, |denials| denials.clear(now)).await?
        };
        let stamp = changed.after.latest(&target.marks(&trust));
        Ok(Some((changed, stamp)))
    };
    match changed.await {
        Ok(Some((changed, stamp))) => {
            let mut report = RoleReport::new(&role.arn, Ok(Some(changed)));
            report.works_from = stamp.filter(|stamp| *stamp > now);
            report
        }
        Ok(None) => RoleReport::new(&role.arn, Ok(None)),
        Err(error) => RoleReport::new(&role.arn, Err(error)),
    }
}

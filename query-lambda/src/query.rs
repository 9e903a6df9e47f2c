//! The pipelines, one line a step. Each step stands in a file of its own; effects and decisions alternate.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use authenticate::{Claims, RateLimit, TrustedIssuers, UnverifiedToken};
use aws_sdk_athena::types::{QueryExecution, QueryExecutionState};
use entrance::Presence;
use environment::Log;
use grant::authorize::{Grant, ScopeDown, authorize};
use grant::session::{AssumeRole, client_name};
use grant::sts::Sts;
use grant::terms::Terms;
use tokio::time::{Instant, sleep_until, timeout};

use crate::athena::{Athena, AthenaError, Session, Start, scanned_bytes};
use crate::budget::Budget;
use crate::error::QueryError;
use crate::failure::Failure;
use crate::identifiers::{Once, is_query_id, request_token};
use crate::output::{Output, OwnerFolder};
use crate::page::Page;
use crate::request::{LookupRequest, StartRequest};
use crate::response::{Facts, room};
use crate::results::{Rows, Wanted};
use crate::roles::Roles;
use crate::scopes::QueryScopes;
use crate::statement::{self, Access, Checked, Kind};

/// The trail of a request.
pub type Trail = audit::Trail<QueryError>;

/// Between two looks at a query: from the first to the longest, each half as long again as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// For what is done on the way out of a request that has failed.
const AFTERMATH: Duration = Duration::from_secs(1);

/// Everything that a query takes.
pub struct Queries {
    /// Whose tokens are accepted.
    pub issuers: TrustedIssuers,
    /// How often a client may ask.
    pub rate_limit: RateLimit,
    /// What a token may ask for.
    pub scopes: QueryScopes,
    /// Which role a client's queries run as.
    pub roles: Roles,
    /// What every client must meet.
    pub terms: Terms,
    /// Assumes the role.
    pub sts: Sts,
    /// Runs the query.
    pub athena: Athena,
    /// The database of a query that names none.
    pub database: String,
    /// Where results go.
    pub output: Output,
    /// Diagnostic lines.
    pub log: Log,
}

/// What surrounds a request.
pub struct Circumstances<'a> {
    /// Names the request.
    pub request_id: &'a str,
    /// Where it came from.
    pub source_ip: Option<IpAddr>,
    /// When it came.
    pub now: SystemTime,
    pub(crate) budget: Budget,
    /// Whether its caller still waits.
    pub presence: &'a Presence,
}

/// What a request is answered with.
pub(crate) enum Reply {
    /// 200.
    Rows(Box<(Facts, Page, Rows)>),
    /// 202 of a query that runs, and 200 of one that was stopped.
    State { status: u16, query_id: String, state: String },
}

/// A query of this request.
#[derive(Clone)]
pub(crate) struct Started {
    pub(crate) query_id: String,
    pub(crate) session: Session,
    /// Under a key of its client it may be the query of other requests as well.
    pub(crate) is_shared: bool,
}

/// Who asks, and as what.
struct Admitted {
    claims: Claims,
    access: Access,
    grant: Grant,
    folder: OwnerFolder,
}

impl Queries {
    /// A query runs, and its rows are read if they come in time. `started` is the query from its start on, whatever becomes
    /// of it afterwards.
    pub(crate) async fn run(
        &self,
        request: &StartRequest,
        around: &Circumstances<'_>,
        trail: &mut Trail,
        started: &mut Option<Started>,
    ) -> Result<Reply, QueryError> {
        let caller = self.admit(&request.access_token, around, trail).await?;
        let checked = trail.wait("statement", around.budget.within(permit(&request.query, caller.access))).await?;
        let session = self.session(&caller, around, trail).await?;
        let query = trail.wait("start", self.start(request, &caller, &checked, session, around)).await?;
        let query = started.insert(query);
        let execution = trail.wait("wait", self.wait(query, &caller.folder, around)).await?;
        let facts = facts(&caller, &query.query_id, &execution);
        let wanted = Wanted {
            query_id: &query.query_id,
            page: &request.page,
            format: request.format,
            is_list: matches!(checked.kind, Kind::Show | Kind::Describe),
            room: room(&facts, around.request_id),
        };
        outcome(&query.session, &execution, &wanted, facts, around, trail).await
    }

    /// How a query stands, or a page of its rows.
    pub(crate) async fn look_up(
        &self,
        request: &LookupRequest,
        around: &Circumstances<'_>,
        trail: &mut Trail,
    ) -> Result<Reply, QueryError> {
        let caller = self.admit(&request.access_token, around, trail).await?;
        let session = self.session(&caller, around, trail).await?;
        let execution = trail.wait("execution", owned(&session, request, &caller.folder, around)).await?;
        let facts = facts(&caller, &request.query_id, &execution);
        let wanted = Wanted {
            query_id: &request.query_id,
            page: &request.page,
            format: request.format,
            // It was checked when it was started.
            is_list: statement::is_list(&facts.query),
            room: room(&facts, around.request_id),
        };
        outcome(&session, &execution, &wanted, facts, around, trail).await
    }

    /// A query is stopped, if it still runs.
    pub(crate) async fn stop(
        &self,
        request: &LookupRequest,
        around: &Circumstances<'_>,
        trail: &mut Trail,
    ) -> Result<Reply, QueryError> {
        let caller = self.admit(&request.access_token, around, trail).await?;
        let session = self.session(&caller, around, trail).await?;
        let mut execution = trail.wait("execution", owned(&session, request, &caller.folder, around)).await?;
        if is_running(&execution) {
            trail.wait("stop", around.budget.within(session.stop(&request.query_id))).await?;
            execution = trail.wait("stopped", around.budget.within(session.execution(&request.query_id))).await?;
        }
        Ok(Reply::State { status: 200, query_id: request.query_id.clone(), state: state(&execution) })
    }

    /// A token becomes a client with a role.
    async fn admit(
        &self,
        access_token: &str,
        around: &Circumstances<'_>,
        trail: &mut Trail,
    ) -> Result<Admitted, QueryError> {
        let (now, budget) = (around.now, around.budget);
        let token = trail.step("token", || UnverifiedToken::parse(access_token))?;
        let issuer = trail.step("issuer", || self.issuers.find(token.issuer()))?;
        let key = trail.wait("jwks", budget.within(issuer.keys.key(token.key_id(), now))).await?;
        let claims = trail.step("verify", || issuer.rules.verify(&token, &key, now))?;
        trail.step("rate_limit", || self.rate_limit.check(&claims, now))?;
        let access = trail.step("scopes", || self.scopes.access(&claims))?;
        let mapping = trail.wait("mapping", budget.within(self.roles.find(&claims, access, now))).await?;
        let nothing_narrower = ScopeDown::default();
        let grant = trail
            .step("authorize", || authorize(&claims, mapping, &nothing_narrower, around.source_ip, &self.terms, now))?;
        let folder = self.output.folder(&client_name(&claims, &grant));
        Ok(Admitted { claims, access, grant, folder })
    }

    /// Athena, as the client's session.
    async fn session(
        &self,
        caller: &Admitted,
        around: &Circumstances<'_>,
        trail: &mut Trail,
    ) -> Result<Session, QueryError> {
        // No item asks for a policy of S3, and so no bucket is named.
        let session = trail.step("session", || AssumeRole::new(&caller.claims, &caller.grant, ""))?;
        let assuming = around.budget.within(self.sts.assume_role(&caller.claims, &session, around.now));
        let assumed = trail.wait("sts", assuming).await?;
        Ok(self.athena.session(&assumed.credentials))
    }

    async fn start(
        &self,
        request: &StartRequest,
        caller: &Admitted,
        checked: &Checked,
        session: Session,
        around: &Circumstances<'_>,
    ) -> Result<Started, QueryError> {
        let once = match &request.idempotency_key {
            Some(key) => Once::Key(key),
            None => Once::Request(around.request_id),
        };
        let start = Start {
            query: request.query.clone(),
            database: request.database.clone().unwrap_or_else(|| self.database.clone()),
            folder: caller.folder.clone(),
            token: request_token(&caller.claims, &caller.grant.role_arn, once),
        };
        match around.budget.within(session.start(&start)).await {
            Ok(query_id) => Ok(Started { query_id, session, is_shared: request.idempotency_key.is_some() }),
            Err(error @ (QueryError::Athena(AthenaError::Unavailable { .. }) | QueryError::OutOfTime)) => {
                // Nobody knows whether it runs. Under a caller's own key it may be one that another request waits for, and the
                // caller can ask for it again.
                if request.idempotency_key.is_some() {
                    return Err(error);
                }
                if checked.access > Access::Read {
                    self.log.warn(format_args!(
                        "the statement of request {} may run, though its start has failed: {error}",
                        around.request_id
                    ));
                    return Err(QueryError::MayRun);
                }
                self.take_back(&session, &start).await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Stops a query whose start may have succeeded. Its id is known by the same token alone, and where the first request has
    /// never arrived, that starts the query: so this is for those that read, which have changed nothing when they are stopped.
    async fn take_back(&self, session: &Session, start: &Start) {
        let stopped = timeout(
            AFTERMATH,
            Box::pin(async {
                let query_id = session.start(start).await?;
                session.stop(&query_id).await
            }),
        );
        if !matches!(stopped.await, Ok(Ok(()))) {
            self.log.warn("a query whose start has failed could not be looked for: it may run");
        }
    }

    /// Waits for the end of a query for as long as the caller wants and is there.
    async fn wait(
        &self,
        query: &Started,
        folder: &OwnerFolder,
        around: &Circumstances<'_>,
    ) -> Result<QueryExecution, QueryError> {
        let waited = tokio::select! {
            waited = poll(query, around.budget) => waited?,
            () = around.presence.lost() => {
                self.give_up(query).await;
                return Err(QueryError::CallerGone);
            }
        };
        let is_misplaced = match location(&waited) {
            Some(location) => !folder.holds(location),
            None => !is_running(&waited),
        };
        if is_misplaced {
            self.end(query).await;
            return Err(QueryError::Misplaced);
        }
        Ok(waited)
    }

    /// Stops a query that nobody will hear of. One with an idempotency key goes on: its client asks for it again.
    pub(crate) async fn give_up(&self, query: &Started) {
        if !query.is_shared {
            self.end(query).await;
        }
    }

    async fn end(&self, query: &Started) {
        if !matches!(timeout(AFTERMATH, Box::pin(query.session.stop(&query.query_id))).await, Ok(Ok(()))) {
            self.log.warn(format_args!("query {} could not be stopped", query.query_id));
        }
    }
}

/// What a statement is, where the token allows it.
async fn permit(query: &str, held: Access) -> Result<Checked, QueryError> {
    let checked = statement::check_beside(query).await?;
    if checked.access > held {
        return Err(QueryError::NotAllowed { kind: checked.kind, needs: checked.access, reason: checked.reason });
    }
    Ok(checked)
}

/// Looks at a query until it has ended, or the time for it is over.
async fn poll(query: &Started, budget: Budget) -> Result<QueryExecution, QueryError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let found = budget.within(query.session.execution(&query.query_id)).await;
        let now = Instant::now();
        match found {
            // As many others look at theirs.
            Err(QueryError::Athena(AthenaError::TooMany)) if now < budget.wait_until => {}
            Ok(execution) if is_running(&execution) && now < budget.wait_until => {}
            found => return found,
        }
        sleep_until((now + pause).min(budget.wait_until)).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// A query that lies in the client's folder. Every other is answered alike, whether it exists or not.
async fn owned(
    session: &Session,
    request: &LookupRequest,
    folder: &OwnerFolder,
    around: &Circumstances<'_>,
) -> Result<QueryExecution, QueryError> {
    if !is_query_id(&request.query_id) {
        return Err(QueryError::NotYours);
    }
    match around.budget.within(session.execution(&request.query_id)).await {
        Ok(execution) if location(&execution).is_some_and(|location| folder.holds(location)) => Ok(execution),
        // The role may look into its own workgroup alone.
        Ok(_) | Err(QueryError::Athena(AthenaError::NoSuchQuery | AthenaError::Denied { .. })) => {
            Err(QueryError::NotYours)
        }
        Err(error) => Err(error),
    }
}

/// Its rows, where it has succeeded.
async fn outcome(
    session: &Session,
    execution: &QueryExecution,
    wanted: &Wanted<'_>,
    facts: Facts,
    around: &Circumstances<'_>,
    trail: &mut Trail,
) -> Result<Reply, QueryError> {
    let still = || Reply::State { status: 202, query_id: wanted.query_id.to_owned(), state: state(execution) };
    if is_running(execution) {
        return Ok(still());
    }
    if let Some(failure) = execution.status().and_then(Failure::of) {
        return Err(QueryError::Failed(failure));
    }
    match trail.wait("results", around.budget.within(wanted.read(session))).await {
        Ok(rows) => Ok(Reply::Rows(Box::new((facts, wanted.page.clone(), rows)))),
        // They can still be asked for.
        Err(QueryError::OutOfTime) => Ok(still()),
        Err(error) => Err(error),
    }
}

fn facts(caller: &Admitted, query_id: &str, execution: &QueryExecution) -> Facts {
    Facts {
        client_id: caller.claims.client_id().to_owned(),
        scopes: caller.claims.scopes().to_vec(),
        role_arn: caller.grant.role_arn.to_string(),
        query: execution.query().unwrap_or_default().to_owned(),
        query_id: query_id.to_owned(),
        scanned_bytes: scanned_bytes(execution).unwrap_or_default(),
    }
}

fn location(execution: &QueryExecution) -> Option<&str> {
    execution.result_configuration()?.output_location()
}

fn is_running(execution: &QueryExecution) -> bool {
    let state = execution.status().and_then(|status| status.state());
    matches!(state, Some(QueryExecutionState::Queued | QueryExecutionState::Running))
}

fn state(execution: &QueryExecution) -> String {
    let state = execution.status().and_then(|status| status.state());
    state.map_or("UNKNOWN", QueryExecutionState::as_str).to_owned()
}

//! One query from its start to its last row, or to the signal that stops it.

use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

use http_client::{HttpClient, Limits, Request, Response, Roots};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::api::{Answer, Page, QueryApi};
use super::error::QueryError;
use crate::error::Error;
use crate::freshness::call::Call;
use crate::freshness::provider::Provider;
use crate::output::query_rows::RowWriter;
use crate::secret::Secret;
use crate::settings::config::TokenConfig;
use environment::Log;

/// The API waits for up to 25 s, and sends 4 MiB and what is around them.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), total: Duration::from_secs(45), max_body: 8 * 1024 * 1024 };
/// One request with all its tries.
const DEADLINE: Duration = Duration::from_secs(90);
/// After a signal.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// Between two questions for the state.
const FIRST_POLL: Duration = Duration::from_millis(500);
const LONGEST_POLL: Duration = Duration::from_secs(5);

/// What is asked.
pub(super) struct Statement {
    pub(super) query: String,
    pub(super) database: Option<String>,
    pub(super) max_rows: Option<u64>,
}

pub(super) enum Outcome {
    Done,
    Failed(QueryError),
    /// The number of the signal.
    Interrupted(u8),
}

/// How a step ended early.
enum Stop {
    Failed(QueryError),
    Signal(u8),
}

impl From<QueryError> for Stop {
    fn from(error: QueryError) -> Self {
        Self::Failed(error)
    }
}

/// What is known of the query.
enum Progress {
    NotAsked,
    /// The request is on its way, so there may be a query.
    Asked,
    Running(String),
    /// Nothing is left to stop.
    Ended(Option<String>),
}

pub(super) struct Run<'a> {
    api: &'a QueryApi,
    config: &'a TokenConfig,
    log: Log,
    http: HttpClient,
    runtime: Runtime,
    signals: [(u8, Signal); 2],
    /// Equal for all tries, so that they are one query.
    key: String,
    progress: Progress,
    started: Instant,
}

impl<'a> Run<'a> {
    pub(super) fn new(api: &'a QueryApi, config: &'a TokenConfig, log: Log) -> Result<Self, Error> {
        let http = HttpClient::new(Roots::System, &config.extra_ca, &config.proxy, LIMITS).map_err(QueryError::from)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| QueryError::Random)?;
        let key = format!("{:032x}", u128::from_ne_bytes(bytes));
        // Before the first signal is watched, so that one ends this program as long as there is nothing to stop.
        Provider::new(config, log).provide().map_err(QueryError::from)?;
        let signals = {
            let _inside = runtime.enter();
            let watch = |kind: SignalKind| signal(kind).map_err(QueryError::Signals);
            // signal(7): SIGINT is 2 and SIGTERM is 15.
            [(2, watch(SignalKind::interrupt())?), (15, watch(SignalKind::terminate())?)]
        };
        let (progress, started) = (Progress::NotAsked, Instant::now());
        Ok(Self { api, config, log, http, runtime, signals, key, progress, started })
    }

    /// Runs the statement and writes all its rows.
    pub(super) fn execute<W: Write>(mut self, statement: &Statement, rows: &mut RowWriter<W>) -> Outcome {
        let outcome = match self.all_rows(statement, rows) {
            Ok(()) => Outcome::Done,
            Err(Stop::Failed(error)) => Outcome::Failed(error),
            Err(Stop::Signal(signal)) => {
                show("");
                self.stop(statement, rows);
                Outcome::Interrupted(signal)
            }
        };
        show("");
        // A name server that hangs must not keep the process.
        self.runtime.shutdown_background();
        outcome
    }

    fn all_rows<W: Write>(&mut self, statement: &Statement, rows: &mut RowWriter<W>) -> Result<(), Stop> {
        self.progress = Progress::Asked;
        let format = rows.format();
        let (api, key) = (self.api, self.key.clone());
        let mut page = self.first_page(|| api.start(statement, &key, format, None), rows)?;
        let mut left = statement.max_rows;
        loop {
            rows.page(&page.rows, &mut left).map_err(|problem| self.unwritten(problem))?;
            let (Some(next), true) = (page.next.take(), left != Some(0)) else { break };
            let Progress::Ended(Some(id)) = &self.progress else {
                return Err(self.unusable("has more pages of a query that it does not name").into());
            };
            let id = id.clone();
            show(&format!("{} rows", rows.written()));
            page = match self.ask(|| api.page(&id, Some(&next), format))? {
                Answer::Page(page) => page,
                Answer::Running { .. } => return Err(self.unusable("has no more rows").into()),
            };
        }
        show("");
        rows.finish().map_err(QueryError::Output)?;
        Ok(())
    }

    /// Waits for the end of the query, however often that takes another question.
    fn first_page<W: Write>(&mut self, start: impl Fn() -> Request, rows: &RowWriter<W>) -> Result<Page, Stop> {
        let (api, format) = (self.api, rows.format());
        let mut answer = self.ask(start)?;
        let mut delay = FIRST_POLL;
        loop {
            match answer {
                Answer::Page(page) => {
                    let id = match std::mem::replace(&mut self.progress, Progress::Ended(None)) {
                        Progress::Running(id) => Some(id),
                        _ => page.id.clone(),
                    };
                    self.progress = Progress::Ended(id);
                    return Ok(page);
                }
                Answer::Running { id, state } => {
                    show(&format!("{state}, {} s", self.started.elapsed().as_secs()));
                    self.progress = Progress::Running(id.clone());
                    self.unless_interrupted(async move |_| {
                        tokio::time::sleep(delay).await;
                        Ok(())
                    })?;
                    delay = (delay * 2).min(LONGEST_POLL);
                    answer = self.ask(|| api.page(&id, None, format))?;
                }
            }
        }
    }

    fn ask(&mut self, request: impl Fn() -> Request) -> Result<Answer, Stop> {
        // One that has ended meanwhile is replaced.
        let token = Provider::new(self.config, self.log).provide().map_err(QueryError::from)?.value.value;
        let (api, id, log) = (self.api, self.id(), self.log);
        self.unless_interrupted(async move |http| {
            let (id, deadline) = (id.as_deref(), Instant::now() + DEADLINE);
            let read = |response: &Response| api.read(response, token.expose(), id);
            persist(http, request, &token, deadline, log, id, read).await
        })
    }

    fn id(&self) -> Option<String> {
        match &self.progress {
            Progress::Running(id) | Progress::Ended(Some(id)) => Some(id.clone()),
            _ => None,
        }
    }

    /// Does the work until a signal comes.
    fn unless_interrupted<T>(
        &mut self,
        work: impl AsyncFnOnce(HttpClient) -> Result<T, QueryError>,
    ) -> Result<T, Stop> {
        let http = self.http.clone();
        let [(interrupt, on_interrupt), (terminate, on_terminate)] = &mut self.signals;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                _ = on_interrupt.recv() => Err(Stop::Signal(*interrupt)),
                _ = on_terminate.recv() => Err(Stop::Signal(*terminate)),
                outcome = work(http) => outcome.map_err(Stop::Failed),
            }
        })
    }

    /// Stops the query, as far as there may be one. Another signal ends that at once.
    fn stop<W: Write>(&mut self, statement: &Statement, rows: &RowWriter<W>) {
        let (api, log, format, key) = (self.api, self.log, rows.format(), self.key.clone());
        let known = match &self.progress {
            Progress::Running(id) => Some(id.clone()),
            Progress::Asked => None,
            Progress::NotAsked | Progress::Ended(_) => return,
        };
        let Ok(token) = Provider::new(self.config, log).provide() else { return };
        let token = token.value.value;
        let stopped = self.unless_interrupted(async move |http| {
            let deadline = Instant::now() + STOP_DEADLINE;
            let read = |response: &Response| api.read(response, token.expose(), None);
            let id = match known {
                Some(id) => id,
                // Its response is lost, but the same key leads to the same query.
                None => {
                    let find = || api.start(statement, &key, format, Some(0));
                    match persist(http.clone(), find, &token, deadline, log, None, read).await? {
                        Answer::Running { id, .. } => id,
                        Answer::Page(_) => return Ok(None),
                    }
                }
            };
            let accepted = |response: &Response| match response.status {
                200..=299 => Ok(()),
                _ => Err(QueryError::answered(&api.endpoint, response, token.expose(), Some(&id))),
            };
            persist(http, || api.stop(&id), &token, deadline, log, Some(&id), accepted).await?;
            Ok(Some(id))
        });
        match stopped {
            Ok(Some(id)) => log.warn(format_args!("interrupted: the query {id} is stopped")),
            Ok(None) => log.warn("interrupted: the query had ended"),
            Err(Stop::Failed(error)) => log.warn(format_args!("interrupted, and the query may still run: {error}")),
            Err(Stop::Signal(_)) => log.warn("interrupted again: the query may still run"),
        }
    }

    fn unusable(&self, problem: &'static str) -> QueryError {
        QueryError::Unusable { endpoint: self.api.endpoint.clone(), status: 200, problem, id: self.id() }
    }

    fn unwritten(&self, error: io::Error) -> QueryError {
        match error.kind() {
            io::ErrorKind::InvalidData => self.unusable("has a row of another form than was asked for"),
            _ => QueryError::Output(error),
        }
    }
}

/// Progress is for a person: on a terminal, and nowhere else.
fn show(state: &str) {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\u{1b}[K{state}");
    }
}

/// Sends a request until it has an answer that trying again would not change.
async fn persist<T>(
    http: HttpClient,
    request: impl Fn() -> Request,
    token: &Secret,
    deadline: Instant,
    log: Log,
    id: Option<&str>,
    read: impl Fn(&Response) -> Result<T, QueryError>,
) -> Result<T, QueryError> {
    let mut call = Call::new(http, None, log, deadline);
    let mut last_failure = None;
    loop {
        let sent = call.send(request().bearer(token.expose())).await;
        let failure = match sent.map_err(|cause| QueryError::Call { cause, id: id.map(str::to_owned) }) {
            Ok(response) => match read(&response) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            },
            // What failed before says more than that there is no time left.
            Err(failure) if failure.is_spent() => return Err(last_failure.unwrap_or(failure)),
            Err(failure) => failure,
        };
        let consequence = failure.consequence();
        if consequence.is_final {
            return Err(failure);
        }
        let Ok(delay) = call.delay(consequence.retry_after) else { return Err(failure) };
        log.info(format_args!("{failure}; next try in {} ms", delay.as_millis()));
        last_failure = Some(failure);
        tokio::time::sleep(delay).await;
    }
}

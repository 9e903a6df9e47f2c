//! The gateway's listeners, its signals and its end.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use environment::Log;
use http_server::{Admission, Limits, Listener, LocalAddress, Refusal, Server, Termination, Workers};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::gateway::Gateway;
use crate::metrics::Open;
use crate::routes::Routes;

/// Pause between two looks at idle connections to the upstream.
const POOL_PAUSE: Duration = Duration::from_secs(10);
/// How long requests under way may take once the door is closed.
const GRACE: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits {
    headers_within: Duration::from_secs(10),
    idle: Duration::from_secs(75),
    keep_alive: true,
    // A token of 16 KiB fits.
    max_head_bytes: 32 * 1024,
    // A connection may be used for as long as its peer likes: those of proxies are.
    lifetime: Duration::MAX,
    grace: GRACE,
    max_connections: 0,
    max_connections_of_source: 0,
    speaks_http_2: true,
    may_wait: true,
};
/// Probes, Prometheus, a person.
const OPERATORS: usize = 64;

/// Where the gateway listens, and what a reload reads.
pub struct Doors {
    listen: SocketAddr,
    metrics: SocketAddr,
    auth: Option<SocketAddr>,
    routes_file: Option<PathBuf>,
    drain_delay: Duration,
    max_connections: usize,
}

impl Doors {
    /// As the environment says.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            listen: config.listen_address,
            metrics: config.metrics_address,
            auth: config.auth_listen_address,
            routes_file: config.routes_file.clone(),
            drain_delay: config.drain_delay,
            max_connections: config.max_connections,
        }
    }
}

/// Serves until SIGTERM or SIGINT, then lets requests under way finish.
///
/// # Errors
/// When an address cannot be listened on, or signals cannot be handled.
pub async fn serve(gateway: Arc<Gateway>, doors: Doors, workers: &[Handle]) -> io::Result<()> {
    let mut termination = Termination::handle()?;
    let mut hangup = signal(SignalKind::hangup())?;
    let proxy_door = bind("LISTEN_ADDRESS", doors.listen)?;
    let operators_door = bind("METRICS_ADDRESS", doors.metrics)?;
    let auth_door = doors.auth.map(|address| bind("AUTH_LISTEN_ADDRESS", address)).transpose()?;
    let background = tokio::spawn(keep_house(Arc::clone(&gateway)));
    // Keys first: whoever is let in at once would be told that there are none.
    first_fetch(&gateway).await;

    let operators = start_operators(&gateway, operators_door);
    let auth = auth_door.map(|door| start_auth(&gateway, door, doors.max_connections, workers));
    let proxy = start_proxy(&gateway, proxy_door, doors.max_connections, workers);
    loop {
        tokio::select! {
            () = termination.requested() => break,
            _ = hangup.recv() => reload(&gateway, &doors),
        }
    }
    gateway.is_draining.store(true, Ordering::Relaxed);
    gateway.log.info(format_args!("stopping: new requests are served for {} s more", doors.drain_delay.as_secs()));
    tokio::time::sleep(doors.drain_delay).await;
    gateway.log.info("stopping: requests under way may finish");
    let (proxied, asked) = tokio::join!(proxy.stop(), async {
        match auth {
            Some(auth) => auth.stop().await,
            None => true,
        }
    });
    if !proxied || !asked {
        gateway.log.warn("some requests did not finish in time");
    }
    background.abort();
    operators.abandon();
    Ok(())
}

fn bind(variable: &str, address: SocketAddr) -> io::Result<Listener> {
    Listener::bind_tcp(address)
        .map_err(|error| io::Error::other(format!("{variable}: cannot listen on {address}: {error}")))
}

#[allow(clippy::disallowed_methods)] // The process's own start.
async fn first_fetch(gateway: &Gateway) {
    gateway.decider.callers.issuers.refresh(std::time::SystemTime::now()).await;
}

async fn keep_house(gateway: Arc<Gateway>) {
    let pool = async {
        loop {
            tokio::time::sleep(POOL_PAUSE).await;
            gateway.upstream.end_idle();
        }
    };
    tokio::join!(pool, gateway.decider.callers.issuers.keep_fresh());
}

fn start_proxy(gateway: &Arc<Gateway>, door: Listener, max_connections: usize, workers: &[Handle]) -> Server {
    announce(gateway, "requests", &door);
    let admission = admission(gateway, max_connections);
    let shared = Arc::clone(gateway);
    let workers = Workers::on(workers.iter().cloned());
    Server::start_on(workers, door, admission, accept_failed(gateway), move |peer, worker| {
        let inbound = shared.inbound(peer.ip(), worker);
        let open = Open::new(shared.metrics.client_connections.clone());
        move |request| {
            let _ = &open;
            Gateway::respond(Arc::clone(&inbound), request)
        }
    })
}

fn start_auth(gateway: &Arc<Gateway>, door: Listener, max_connections: usize, workers: &[Handle]) -> Server {
    announce(gateway, "forward-auth", &door);
    if gateway.trusted_proxies.is_empty() {
        gateway
            .log
            .warn("AUTH_LISTEN_ADDRESS is set and TRUSTED_PROXY_CIDRS is not: forward-auth answers 403 to everybody");
    }
    let admission = admission(gateway, max_connections);
    let shared = Arc::clone(gateway);
    let workers = Workers::on(workers.iter().cloned());
    Server::start_on(workers, door, admission, accept_failed(gateway), move |peer, worker| {
        let inbound = shared.inbound(peer.ip(), worker);
        move |request| Gateway::respond_to_proxy(Arc::clone(&inbound), request)
    })
}

fn start_operators(gateway: &Arc<Gateway>, door: Listener) -> Server {
    announce(gateway, "metrics and probes", &door);
    let mut admission = admission(gateway, OPERATORS);
    admission.limits.speaks_http_2 = false;
    admission.limits.may_wait = false;
    let shared = Arc::clone(gateway);
    Server::start(door, admission, accept_failed(gateway), move |_| {
        let gateway = Arc::clone(&shared);
        move |request| std::future::ready(gateway.respond_to_operator(&request))
    })
}

fn admission(gateway: &Arc<Gateway>, max_connections: usize) -> Admission {
    let refusing = Arc::clone(gateway);
    Admission {
        limits: Limits { max_connections, max_connections_of_source: max_connections, ..LIMITS },
        proxies: gateway.trusted_proxies.clone().into(),
        refuse: Arc::new(move |refusal: Refusal| refusing.refuse(refusal)),
    }
}

fn accept_failed(gateway: &Arc<Gateway>) -> impl Fn(io::Error) + Send + 'static {
    let log = gateway.log;
    move |error| log.warn(format_args!("a connection could not be accepted: {error}"))
}

fn announce(gateway: &Gateway, what: &str, door: &Listener) {
    if let LocalAddress::Tcp(address) = door.address() {
        gateway.log.info(format_args!("listening on http://{address} for {what}"));
    }
}

/// A broken file keeps the routes as they are.
fn reload(gateway: &Gateway, doors: &Doors) {
    let Some(path) = &doors.routes_file else {
        gateway.log.warn("SIGHUP: there is no GATEWAY_CONFIG to read again");
        return;
    };
    match Routes::reread(path, &gateway.routes()) {
        Ok(routes) => {
            gateway.log.info(format_args!("{} routes were read from {}", routes.len(), path.display()));
            warn_of_unreachable(&routes, gateway.log);
            *gateway.routes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routes);
        }
        Err(error) => gateway.log.error(format_args!("{error}; the routes stay as they are")),
    }
}

/// Which route decides is the file's to say; a scope that protects nothing should be known.
pub fn warn_of_unreachable(routes: &Routes, log: Log) {
    for sentence in routes.unreachable() {
        log.warn(sentence);
    }
}

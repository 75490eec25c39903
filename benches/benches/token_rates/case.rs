//! One kind of request against one server: its connections, its rounds, what they cost.

use std::time::Instant;

use tokio::task::JoinSet;

use crate::CONNECTIONS;
use crate::estate::{Backend, Estate, cpu};
use crate::prepared::{assertion, basic, post, token_proof};
use crate::walk::{self, Walk};
use crate::wire::Wire;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Secret,
    AssertionAndProof,
    Certificate,
    Refresh,
    Code,
    Introspection,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Secret,
        Self::AssertionAndProof,
        Self::Certificate,
        Self::Refresh,
        Self::Code,
        Self::Introspection,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Secret => "client credentials: secret, Bearer",
            Self::AssertionAndProof => "client credentials: private_key_jwt, DPoP",
            Self::Certificate => "client credentials: mutual TLS, bound",
            Self::Refresh => "refresh: private_key_jwt, DPoP",
            Self::Code => "PAR, authorize, code: private_key_jwt, DPoP",
            Self::Introspection => "introspection: secret",
        }
    }

    /// Requests of a round; of a walk, whole walks.
    pub(crate) const fn slot(self) -> usize {
        match self {
            Self::Code => 20 * CONNECTIONS,
            _ => 100 * CONNECTIONS,
        }
    }

    /// People need accounts, which a store without disk can't be given from outside.
    pub(crate) fn runs_on(self, backend: Backend) -> bool {
        backend != Backend::Memory || !matches!(self, Self::Refresh | Self::Code)
    }
}

pub(crate) struct Case<'e> {
    pub(crate) estate: &'e Estate,
    pub(crate) kind: Kind,
    wires: Vec<Wire>,
    /// A token to introspect, a refresh token, or a browser's cookie, as the kind needs it.
    held: String,
    rounds: Vec<Round>,
}

struct Round {
    requests: f64,
    seconds: f64,
    server_micros: f64,
    generator_micros: f64,
}

/// What all rounds say together.
pub(crate) struct Sum {
    pub(crate) median: f64,
    pub(crate) best: f64,
    pub(crate) server_micros: f64,
    pub(crate) generator_micros: f64,
}

impl<'e> Case<'e> {
    pub(crate) async fn new(estate: &'e Estate, kind: Kind) -> Self {
        let (address, tls) = match kind {
            Kind::Certificate => (estate.mtls_address, &estate.mutual_tls),
            _ => (estate.address, &estate.tls),
        };
        let mut wires = Vec::new();
        for _ in 0..CONNECTIONS {
            wires.push(Wire::open(address, tls).await);
        }
        let held = match kind {
            Kind::Introspection => {
                let answer = wires[0].ask(&client_credentials(estate, Kind::AssertionAndProof)).await;
                answer.text("access_token")
            }
            Kind::Code => walk::sign_in(estate, &mut wires[0]).await,
            Kind::Refresh => {
                let cookie = walk::sign_in(estate, &mut wires[0]).await;
                let answer = Walk::prepare(estate, &cookie).take(&mut wires[0]).await;
                answer.text("refresh_token")
            }
            _ => String::new(),
        };
        Self { estate, kind, wires, held, rounds: Vec::new() }
    }

    /// One round, which counts when `counts`; how many requests it was.
    pub(crate) async fn run(&mut self, counts: bool) -> usize {
        let each = self.kind.slot() / CONNECTIONS;
        let mut work = Vec::new();
        for _ in 0..CONNECTIONS {
            work.push(Work::prepare(self, each));
        }
        let generator = || cpu("/proc/self/stat");
        let (server_before, generator_before) = (self.estate.server_cpu(), generator());
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for (mut wire, work) in self.wires.drain(..).zip(work) {
            running.spawn(async move {
                work.perform(&mut wire).await;
                wire
            });
        }
        self.wires = running.join_all().await;
        if counts {
            self.rounds.push(Round {
                requests: self.kind.slot() as f64,
                seconds: begun.elapsed().as_secs_f64(),
                server_micros: self.estate.server_cpu() - server_before,
                generator_micros: generator() - generator_before,
            });
        }
        self.kind.slot()
    }

    pub(crate) fn sum(&self) -> Sum {
        let mut rates: Vec<f64> = self.rounds.iter().map(|round| round.requests / round.seconds).collect();
        rates.sort_by(f64::total_cmp);
        let requests: f64 = self.rounds.iter().map(|round| round.requests).sum();
        let server: f64 = self.rounds.iter().map(|round| round.server_micros).sum();
        let generator: f64 = self.rounds.iter().map(|round| round.generator_micros).sum();
        Sum {
            median: rates[rates.len() / 2],
            best: rates[rates.len() - 1],
            server_micros: server / requests,
            generator_micros: generator / requests,
        }
    }

    fn request(&self) -> Vec<u8> {
        match self.kind {
            Kind::Introspection => post("/introspect", &basic("api"), &format!("token={}", self.held)),
            Kind::Refresh => {
                let assertion = assertion(self.estate, "web");
                let form = format!("grant_type=refresh_token&refresh_token={}{assertion}", self.held);
                post("/token", &token_proof(self.estate), &form)
            }
            kind => client_credentials(self.estate, kind),
        }
    }
}

fn client_credentials(estate: &Estate, kind: Kind) -> Vec<u8> {
    const FORM: &str = "grant_type=client_credentials&scope=orders.read";
    match kind {
        Kind::Secret => post("/token", &basic("secret"), FORM),
        Kind::Certificate => post("/token", "", &format!("{FORM}&client_id=certificate")),
        _ => {
            let form = format!("{FORM}{}", assertion(estate, "assertion"));
            post("/token", &token_proof(estate), &form)
        }
    }
}

/// What one connection does in one round.
enum Work {
    Requests(Vec<Vec<u8>>),
    Walks(Vec<Walk>),
}

impl Work {
    fn prepare(case: &Case<'_>, count: usize) -> Self {
        match case.kind {
            Kind::Code => Self::Walks((0..count).map(|_| Walk::prepare(case.estate, &case.held)).collect()),
            _ => Self::Requests((0..count).map(|_| case.request()).collect()),
        }
    }

    async fn perform(self, wire: &mut Wire) {
        match self {
            Self::Requests(requests) => {
                for request in requests {
                    let answer = wire.ask(&request).await;
                    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                }
            }
            Self::Walks(walks) => {
                for walk in walks {
                    walk.take(wire).await;
                }
            }
        }
    }
}

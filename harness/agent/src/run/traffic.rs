//! Rounds of clients.

use crate::events::Events;
use crate::net::{Beyond, Host, Loopback, Topology};
use crate::visit::{Capture, Client, Failed, Pool, Visited};
use anyhow::{Context, Result};
use fastrand::Rng;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tunelab_protocol::{
    Addresses, Answer, Arrivals, Clients, Close, Counted, Event, IpNet, Outcome, Phase, Plan, Protocol, Search, Spread,
    Trial,
};

/// A group of clients on its host; hands out their addresses.
pub struct Group {
    clients: Rc<Clients>,
    /// The addresses that the clients have: their own, or those of their host.
    addresses: Vec<IpNet>,
    host: Rc<Host>,
    beyond: Option<Rc<Beyond>>,
    loopback: Option<Rc<Loopback>>,
    capture: Option<Rc<Capture>>,
    pool: Option<Rc<Pool>>,
    next: Cell<u32>,
}

impl Group {
    /// `beyond` and `loopback` are for the clients that need them.
    pub fn new(
        clients: &Clients,
        plan: &Plan,
        topology: &Topology,
        beyond: Option<Rc<Beyond>>,
        loopback: Option<Rc<Loopback>>,
    ) -> Result<Self> {
        let host = topology.host(&clients.host)?.clone();
        let planned = plan.hosts.iter().find(|host| host.name == clients.host).context("the plan has no such host")?;
        let addresses = match clients.addresses {
            Some(subnet) => vec![subnet],
            None => planned.addresses.iter().map(|address| IpNet::from(*address)).collect(),
        };
        let captures = clients.visit.injected.is_some() || matches!(clients.visit.close, Close::LateDuplicate { .. });
        let capture = match clients.addresses.filter(|_| captures) {
            Some(subnet) => {
                let route = planned.routes.iter().find(|route| route.to.contains(&clients.target.ip()));
                let route = route.context("no route leads to their target")?;
                let link = plan.links.iter().find(|link| link.number == route.link).context("no such link")?;
                let end = link.end_of(&clients.host).context("the host is not on that link")?;
                Some(Rc::new(Capture::start(&host, &link.ends[end].interface, subnet)?))
            }
            None => None,
        };
        let loopback = loopback.filter(|_| clients.visit.protocol == Protocol::Https);
        let pool = match clients.visit.close {
            Close::Pool { size, idle_us } => Some(Rc::new(Pool::new(size, idle_us))),
            _ => None,
        };
        let (clients, next) = (Rc::new(clients.clone()), Cell::new(0));
        Ok(Group { clients, addresses, host, beyond, loopback, capture, pool, next })
    }

    pub fn name(&self) -> &str {
        &self.clients.name
    }

    pub fn addresses(&self) -> &[IpNet] {
        &self.addresses
    }

    fn client(&self) -> Client {
        let number = self.next.replace(self.next.get() + 1);
        let comes_back = self.clients.visit.source_port.is_some();
        let source = self.clients.addresses.map(|subnet| subnet.nth(if comes_back { 0 } else { number.into() }));
        let (clients, host) = (self.clients.clone(), self.host.clone());
        let (beyond, loopback) = (self.beyond.clone(), self.loopback.clone());
        let (capture, pool) = (self.capture.clone(), self.pool.clone());
        Client { clients, host, beyond, loopback, number, source, capture, pool }
    }
}

/// All rounds that were started; a client may outlast its round.
pub struct Rounds {
    rng: Rng,
    events: Events,
    running: JoinSet<()>,
    /// The trials of searches, by phase.
    trials: BTreeMap<String, Trials>,
}

type Trials = Rc<RefCell<Vec<Trial>>>;

impl Rounds {
    pub fn new(seed: u64, events: Events) -> Self {
        Rounds { rng: Rng::with_seed(seed), events, running: JoinSet::new(), trials: BTreeMap::new() }
    }

    pub fn start(&mut self, phase: &Phase, round: u32, groups: &[Group]) -> Result<()> {
        if let Some(search) = &phase.search {
            return self.start_trial(search, phase, round, groups);
        }
        let start = Instant::now();
        for planned in phase.arrivals.iter().filter(|planned| planned.come_in(round)) {
            let group = group(groups, planned)?;
            let arrivals = self.arrivals(planned, group, start);
            let (events, phase, clients) = (self.events.clone(), phase.name.clone(), planned.clients.clone());
            let (at_once, tally) = (planned.at_once, Tally::new(planned.each_time));
            self.running.spawn_local(async move {
                events.emit(receive(arrivals, at_once, tally).await.into_event(phase, round, clients, None));
            });
        }
        Ok(())
    }

    /// Starts a trial at the next rate of a search, if the rate is not found yet. The clients come evenly: two clients
    /// that come a little early and late by chance are a higher rate for a moment.
    fn start_trial(&mut self, search: &Search, phase: &Phase, round: u32, groups: &[Group]) -> Result<()> {
        let trials = self.trials.entry(phase.name.clone()).or_default().clone();
        let Some(per_1000_s) = search.next(&trials.borrow()) else { return Ok(()) };
        let planned = phase.arrivals.first().context("a search without clients")?;
        let (group, start) = (group(groups, planned)?, Instant::now());
        let (count, spacing_us) = search.clients(per_1000_s);
        let at = |number| start + Duration::from_micros(spacing_us * u64::from(number));
        let arrivals = (0..count).map(|number| (at(number), group.client())).collect();
        let (events, phase, clients) = (self.events.clone(), phase.name.clone(), planned.clients.clone());
        let (at_once, tally) = (planned.at_once, Tally::new(planned.each_time));
        self.running.spawn_local(async move {
            let tally = receive(arrivals, at_once, tally).await;
            trials.borrow_mut().push(Trial { per_1000_s, sustained: tally.all_served() });
            events.emit(tally.into_event(phase, round, clients, Some(per_1000_s)));
        });
        Ok(())
    }

    /// The clients and their times, each a little early or late, so that two seeds give two crowds.
    fn arrivals(&mut self, planned: &Arrivals, group: &Group, start: Instant) -> Vec<(Instant, Client)> {
        let one = |number: u32| {
            let jitter = self.rng.u64(..=planned.spacing_us / 2);
            let after = planned.after_us + u64::from(number) * planned.spacing_us + jitter;
            (start + Duration::from_micros(after), group.client())
        };
        (0..planned.count).map(one).collect()
    }

    /// Waits until the last client of the last round is gone.
    pub async fn finish(mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

fn group<'a>(groups: &'a [Group], planned: &Arrivals) -> Result<&'a Group> {
    let group = groups.iter().find(|group| group.name() == planned.clients);
    group.with_context(|| format!("the plan has no clients `{}`", planned.clients))
}

/// The outcomes of a round's clients, and how long they took.
#[derive(Default)]
struct Tally {
    outcomes: BTreeMap<Outcome, Counted>,
    connect: Option<Spread>,
    errors: BTreeMap<String, u64>,
    answers: Vec<Answer>,
    /// Report each time.
    each: bool,
}

impl Tally {
    fn new(each: bool) -> Self {
        Tally { each, ..Tally::default() }
    }

    fn all_served(&self) -> bool {
        self.outcomes.keys().all(|outcome| *outcome == Outcome::Served)
    }

    fn add(&mut self, visited: Visited) {
        let outcome = match visited.ended {
            Ok(()) => Outcome::Served,
            Err(Failed { outcome, error }) => {
                error.into_iter().for_each(|error| *self.errors.entry(error).or_default() += 1);
                outcome
            }
        };
        let counted = self.outcomes.entry(outcome).or_default();
        counted.clients += 1;
        for (spread, us) in [(&mut self.connect, visited.connect_us), (&mut counted.duration, visited.duration_us)] {
            let Some(us) = us else { continue };
            let spread = spread.get_or_insert(Spread::of(us));
            spread.add(us);
            spread.each_us.extend(self.each.then_some(us));
        }
        self.answers.extend(visited.answers);
    }

    fn into_event(self, phase: String, round: u32, clients: String, per_1000_s: Option<u32>) -> Event {
        let Tally { outcomes, connect, errors, answers, .. } = self;
        Event::Round { phase, round, clients, outcomes, connect, per_1000_s, errors, answers }
    }
}

async fn receive(arrivals: Vec<(Instant, Client)>, at_once: u32, mut tally: Tally) -> Tally {
    let places =
        std::sync::Arc::new(Semaphore::new(if at_once == 0 { Semaphore::MAX_PERMITS } else { at_once as usize }));
    let mut clients = JoinSet::new();
    for (at, client) in arrivals {
        sleep_until(at).await;
        let place = places.clone().acquire_owned().await.expect("never closed");
        clients.spawn_local(async move {
            let visited = client.visit().await;
            drop(place);
            visited
        });
    }
    while let Some(visited) = clients.join_next().await {
        tally.add(visited.expect("clients do not panic"));
    }
    tally
}

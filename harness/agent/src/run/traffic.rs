//! Rounds of clients.

use crate::events::Events;
use crate::net::Place;
use crate::visit::{Capture, Fare, Visited, Visitor};
use anyhow::{Context, Result};
use fastrand::Rng;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tunelab_protocol::{Answer, Event, Leave, Phase, Population, Search, Spread, Traffic, Trial, Visits};

/// A group of clients at its site; hands out its addresses.
pub struct Crowd {
    pub population: Rc<Population>,
    place: Place,
    target: SocketAddrV4,
    capture: Option<Rc<Capture>>,
    next: Cell<u32>,
}

impl Crowd {
    pub fn new(population: Population, place: Place, server: Ipv4Addr) -> Result<Self> {
        let target = SocketAddrV4::new(population.target.unwrap_or(server), population.port);
        let capture = match (population.visit.leave, &place) {
            (Leave::LateDuplicate { .. }, Place::Site(site)) => {
                Some(Rc::new(Capture::start(&site.namespace, population.subnet)?))
            }
            _ => None,
        };
        Ok(Crowd { population: Rc::new(population), place, target, capture, next: Cell::new(0) })
    }

    fn visitor(&self) -> Visitor {
        let number = self.next.replace(self.next.get() + 1);
        let comes_back = self.population.visit.source_port.is_some();
        let source = self.population.subnet.host(if comes_back { 0 } else { number });
        let (population, place, capture) = (self.population.clone(), self.place.clone(), self.capture.clone());
        Visitor { population, place, number, source, target: self.target, capture }
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

    pub fn start(&mut self, phase: &Phase, round: u32, crowds: &[Crowd]) -> Result<()> {
        if let Some(search) = &phase.search {
            return self.start_trial(search, phase, round, crowds);
        }
        let start = Instant::now();
        for traffic in &phase.traffic {
            let crowd = crowd(crowds, traffic)?;
            let arrivals = self.arrivals(traffic, crowd, start);
            let (events, phase, population) = (self.events.clone(), phase.name.clone(), traffic.population.clone());
            let (concurrency, tally) = (traffic.concurrency, Tally::new(traffic.each_time));
            self.running.spawn_local(async move {
                events.emit(receive(arrivals, concurrency, tally).await.into_event(phase, round, population, None));
            });
        }
        Ok(())
    }

    /// Starts a trial at the next rate of a search, if the rate is not found yet. The clients come evenly: two clients
    /// that come a little early and late by chance are a higher rate for a moment.
    fn start_trial(&mut self, search: &Search, phase: &Phase, round: u32, crowds: &[Crowd]) -> Result<()> {
        let trials = self.trials.entry(phase.name.clone()).or_default().clone();
        let Some(per_1000_s) = search.next(&trials.borrow()) else { return Ok(()) };
        let traffic = phase.traffic.first().context("a search without visitors")?;
        let (crowd, start) = (crowd(crowds, traffic)?, Instant::now());
        let (visitors, spacing_us) = search.visitors(per_1000_s);
        let at = |number| start + Duration::from_micros(spacing_us * u64::from(number));
        let arrivals = (0..visitors).map(|number| (at(number), crowd.visitor())).collect();
        let (events, phase, population) = (self.events.clone(), phase.name.clone(), traffic.population.clone());
        let (concurrency, tally) = (traffic.concurrency, Tally::new(traffic.each_time));
        self.running.spawn_local(async move {
            let tally = receive(arrivals, concurrency, tally).await;
            trials.borrow_mut().push(Trial { per_1000_s, sustained: tally.visits.refused() == 0 });
            events.emit(tally.into_event(phase, round, population, Some(per_1000_s)));
        });
        Ok(())
    }

    /// The clients and their times, each a little early or late, so that two seeds give two crowds.
    fn arrivals(&mut self, traffic: &Traffic, crowd: &Crowd, start: Instant) -> Vec<(Instant, Visitor)> {
        let one = |number: u32| {
            let jitter = self.rng.u64(..=traffic.spacing_us / 2);
            let after = traffic.after_us + u64::from(number) * traffic.spacing_us + jitter;
            (start + Duration::from_micros(after), crowd.visitor())
        };
        (0..traffic.visitors).map(one).collect()
    }

    /// Waits until the last client of the last round is gone.
    pub async fn finish(mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

fn crowd<'a>(crowds: &'a [Crowd], traffic: &Traffic) -> Result<&'a Crowd> {
    let crowd = crowds.iter().find(|c| c.population.name == traffic.population);
    crowd.with_context(|| format!("no population `{}`", traffic.population))
}

/// The outcomes of a round's clients, and how long they took.
#[derive(Default)]
struct Tally {
    visits: Visits,
    connect: Option<Spread>,
    visit: Option<Spread>,
    errors: BTreeMap<String, u64>,
    answers: Vec<Answer>,
    /// Report each time.
    each: bool,
}

impl Tally {
    fn new(each: bool) -> Self {
        Tally { each, ..Tally::default() }
    }

    fn add(&mut self, visited: Visited) {
        visited.fare.count(&mut self.visits);
        if let Some(error) = visited.fare.error() {
            *self.errors.entry(error).or_default() += 1;
        }
        let served_us = visited.served_us.filter(|_| visited.fare == Fare::Served);
        for (spread, us) in [(&mut self.connect, visited.connect_us), (&mut self.visit, served_us)] {
            let Some(us) = us else { continue };
            let spread = spread.get_or_insert(Spread::of(us));
            spread.add(us);
            spread.each_us.extend(self.each.then_some(us));
        }
        self.answers.extend(visited.answers);
    }

    fn into_event(self, phase: String, round: u32, population: String, per_1000_s: Option<u32>) -> Event {
        let Tally { visits, connect, visit, errors, answers, .. } = self;
        Event::Round { phase, round, population, visits, connect, visit, per_1000_s, errors, answers }
    }
}

async fn receive(arrivals: Vec<(Instant, Visitor)>, concurrency: u32, mut tally: Tally) -> Tally {
    let places = std::sync::Arc::new(Semaphore::new(if concurrency == 0 {
        Semaphore::MAX_PERMITS
    } else {
        concurrency as usize
    }));
    let mut visitors = JoinSet::new();
    for (at, visitor) in arrivals {
        sleep_until(at).await;
        let place = places.clone().acquire_owned().await.expect("never closed");
        visitors.spawn_local(async move {
            let visited = visitor.visit().await;
            drop(place);
            visited
        });
    }
    while let Some(visited) = visitors.join_next().await {
        tally.add(visited.expect("visitors do not panic"));
    }
    tally
}

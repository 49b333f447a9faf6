//! Executes a plan: the server's set-up, the phases, the end.

mod schedule;
mod server;
mod traffic;

use crate::events::Events;
use crate::fault;
use crate::net::{Beyond, Layout, Manner, Place, Site};
use crate::probe::{self, EntryWatch, NginxLog, Packets, Sampler};
use crate::serve::upstream;
use crate::tune;
use anyhow::{Context, Result};
use schedule::{Due, Schedule};
use server::Services;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::Instant;
use traffic::Crowd;
use tunelab_protocol::{At, Event, Link, Phase, Plan, ProbeKind, Server, Speech, Subnet, todays_name};

/// Executes the plan in this file, with its events on standard output, for the user of `tunelab shell`.
pub fn main(plan: &str) -> Result<()> {
    let text = std::fs::read_to_string(plan).with_context(|| format!("failed to read {plan}"))?;
    let events = Events::new(std::io::stdout());
    events.start();
    let plan = serde_json::from_str(&text).with_context(|| format!("{plan} holds no plan"))?;
    execute(plan, &events).inspect_err(|e| events.emit(fault::event(e)))
}

pub fn execute(plan: Plan, events: &Events) -> Result<()> {
    tune::raise_own()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, go(plan, events))
}

async fn go(plan: Plan, events: &Events) -> Result<()> {
    events.emit(Event::Started { scenario: plan.scenario.clone(), variant: plan.variant.clone() });
    let mut services = Services::start(&plan.server, events)?;
    let crowds = build_crowds(&plan, events)?;
    build_upstreams(&plan)?;
    let packets = plan.capture.then(Packets::capture).transpose()?;
    let watch = start_watches(&plan, &crowds, events)?;
    let mut nginx_log = nginx_log(&plan)?;
    let mut samplers: Vec<Option<Sampler>> = plan.probes.iter().map(|p| Sampler::of(p.kind)).collect();
    events.emit(Event::Ready);

    let origin = Instant::now();
    let mut rounds = traffic::Rounds::new(plan.seed, events.clone());
    for (at_us, due) in Schedule::new(&plan) {
        tokio::time::sleep_until(origin + Duration::from_micros(at_us)).await;
        match due {
            Due::Probe(number) => sample(&mut samplers[number], events)?,
            Due::Phase(phase) => {
                nginx_log.as_mut().map_or(Ok(()), |log| log.tell_news(events))?;
                services.check()?;
                begin(&plan.phases[phase], events)?;
            }
            Due::Round { phase, round } => rounds.start(&plan.phases[phase], round, &crowds)?,
            Due::End => break,
        }
    }
    rounds.finish().await;
    samplers.iter_mut().try_for_each(|sampler| sample(sampler, events))?;
    if let Some(watch) = watch {
        watch.finish()?;
    }
    if let Some(packets) = packets {
        packets.drain();
    }
    nginx_log.map_or(Ok(()), |mut log| log.tell(events))?;
    services.finish(events)?;
    events.emit(Event::Done);
    Ok(())
}

fn begin(phase: &Phase, events: &Events) -> Result<()> {
    events.emit(Event::Phase { name: phase.name.clone() });
    tune::change(&phase.sysctls, events)?;
    for sysctl in &phase.sysctls {
        let name = todays_name(&sysctl.name);
        events.emit(Event::Sysctl { value: tune::read(&name), name });
    }
    Ok(())
}

fn sample(sampler: &mut Option<Sampler>, events: &Events) -> Result<()> {
    sampler.as_mut().map_or(Ok(()), |s| s.sample(events))
}

/// Puts each group of clients into a site of its own; groups that speak IPv6 share what they speak to.
fn build_crowds(plan: &Plan, events: &Events) -> Result<Vec<Crowd>> {
    let ipv6 = plan.populations.iter().any(|population| population.visit.speech.is_ipv6());
    let beyond =
        ipv6.then(Beyond::build).transpose().context("failed to build what is spoken to by IPv6")?.map(Rc::new);
    let numbered = plan.populations.iter().zip(1..);
    numbered
        .map(|(population, number)| {
            let layout = Layout {
                number,
                subnet: population.subnet,
                link: population.link,
                seed: plan.seed,
                on_link: population.at == At::OnLink,
                silent: population.visit.speech == Speech::Syn,
                server: plan.server.address,
                manner: manner(&plan.server),
            };
            let place = match (population.at, &beyond) {
                (At::Server, Some(beyond)) if population.visit.speech.is_ipv6() => {
                    Place::ServerToBeyond(beyond.clone())
                }
                (At::Server, _) => Place::Server,
                _ => {
                    let site = build_site(&layout)
                        .with_context(|| format!("failed to build the network of `{}`", population.name))?;
                    if let Some(by) = site.link_by {
                        events.emit(Event::Link { population: population.name.clone(), by });
                    }
                    Place::Site(Rc::new(site))
                }
            };
            Crowd::new(population.clone(), place, plan.server.address)
        })
        .collect()
}

/// The options of the server's routes to all clients.
fn manner(server: &Server) -> Manner {
    Manner {
        source: Some(server.address),
        initcwnd: server.initcwnd,
        rto_min_ms: server.rto_min_us.map(|us| (us / 1000) as u32),
    }
}

fn build_site(layout: &Layout) -> Result<Site> {
    let site = Site::build(layout)?;
    site.namespace.enter(tune::leave_untracked)?;
    Ok(site)
}

/// Builds the upstreams' sites, numbered after those of the clients; their tasks keep them.
fn build_upstreams(plan: &Plan) -> Result<()> {
    let first = plan.populations.len() as u8 + 1;
    for (upstream, number) in plan.upstreams.iter().zip(first..) {
        // The smallest network around its one address.
        let network = u32::from(upstream.address) & !3;
        let subnet: Subnet = format!("{}/30", std::net::Ipv4Addr::from(network)).parse().map_err(anyhow::Error::msg)?;
        let (link, on_link, server) = (Link::default(), upstream.at == At::OnLink, plan.server.address);
        let manner = Manner { source: Some(server), ..Manner::default() };
        let site = build_site(&Layout { number, subnet, link, seed: 0, on_link, silent: false, server, manner })?;
        upstream::start(&site, upstream)?;
    }
    Ok(())
}

fn nginx_log(plan: &Plan) -> Result<Option<NginxLog>> {
    let asked = plan.probes.iter().any(|p| p.kind == ProbeKind::NginxLog);
    plan.server.nginx.as_deref().filter(|_| asked).map(NginxLog::of).transpose()
}

fn start_watches(plan: &Plan, crowds: &[Crowd], events: &Events) -> Result<Option<EntryWatch>> {
    let has = |kind| plan.probes.iter().any(|p| p.kind == kind);
    if has(ProbeKind::KernelLog) {
        probe::follow_kernel_log(events)?;
    }
    let populations: Vec<_> = crowds.iter().map(|c| Rc::clone(&c.population)).collect();
    has(ProbeKind::ConntrackEntries).then(|| EntryWatch::start(&populations, events)).transpose()
}

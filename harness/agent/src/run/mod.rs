//! Executes a plan: the server's set-up, the phases, the end.

mod change;
mod hosts;
mod rules;
mod schedule;
mod traffic;

use crate::events::Events;
use crate::fault::{self, Mistake};
use crate::net::{Beyond, Loopback, Topology};
use crate::probe::{self, EntryWatch, NginxLog, Packets, Sampler, ServiceLog};
use crate::release;
use crate::serve::Services;
use crate::tool;
use crate::tune::{self, Scale};
use anyhow::{Context, Result};
use rules::Rules;
use schedule::{Due, Schedule};
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::Instant;
use traffic::Group;
use tunelab_protocol::probe::{CONNTRACK_ENTRIES, KERNEL_LOG, NGINX_LOG, SERVICE_LOG};
use tunelab_protocol::{Event, Plan, Protocol, ServiceKind, tls_client};

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
    let (scenario, variant) = (plan.scenario.clone(), plan.variant.clone());
    events.emit(Event::Started { scenario, variant, kernel: release::running() });
    let scale = Scale::of(&plan);
    let topology = hosts::build(&plan, &scale, events)?;
    let mut rules = Rules::loaded_by(&plan);
    let mut services = Services::start(&plan, &topology, &scale).await?;
    hosts::report_limits(&plan, &scale, events)?;
    let groups = build_groups(&plan, &topology)?;
    let packets = plan.capture.then(Packets::capture).transpose()?;
    let watch = start_watches(&plan, &groups, events)?;
    let mut nginx_log = nginx_log(&plan)?;
    let mut service_logs = service_logs(&plan)?;
    let samplers: Result<Vec<Option<Sampler>>> =
        plan.probes.iter().map(|probe| Sampler::of(probe, &topology)).collect();
    let mut samplers = samplers?;
    events.emit(Event::Ready);

    let origin = Instant::now();
    let mut rounds = traffic::Rounds::new(plan.seed, events.clone());
    for (at_us, due) in Schedule::new(&plan) {
        tokio::time::sleep_until(origin + Duration::from_micros(at_us)).await;
        match due {
            Due::Probe(number) => sample(&mut samplers[number], &services, events)?,
            Due::Phase(phase) => {
                nginx_log.as_mut().map_or(Ok(()), |log| log.tell_news(events))?;
                service_logs.iter_mut().try_for_each(|log| log.tell(events, false))?;
                services.check()?;
                events.emit(Event::Phase { name: plan.phases[phase].name.clone() });
            }
            Due::Change { phase, change } => {
                let (phase, topology) = (&plan.phases[phase], (&topology, &scale));
                change::make(&plan, phase, change, topology, &mut services, &mut rules, events).await?;
            }
            Due::Round { phase, round } => rounds.start(&plan.phases[phase], round, &groups)?,
            Due::End => break,
        }
    }
    rounds.finish().await;
    samplers.iter_mut().try_for_each(|sampler| sample(sampler, &services, events))?;
    if let Some(watch) = watch {
        watch.finish()?;
    }
    if let Some(packets) = packets {
        packets.drain();
    }
    nginx_log.map_or(Ok(()), |mut log| log.tell(events))?;
    service_logs.iter_mut().try_for_each(|log| log.tell(events, true))?;
    services.finish(events)?;
    let end_us = events.now_us();
    rules.tell(&topology, events, end_us)?;
    events.emit_at(end_us, Event::Done);
    Ok(())
}

fn sample(sampler: &mut Option<Sampler>, services: &Services, events: &Events) -> Result<()> {
    sampler.as_mut().map_or(Ok(()), |s| s.sample(services, events))
}

/// Finds each group of clients its host. Clients that speak to addresses that no host has share them.
fn build_groups(plan: &Plan, topology: &Topology) -> Result<Vec<Group>> {
    let needed = plan.clients.iter().any(|clients| clients.visit.protocol.is_beyond());
    let beyond = needed.then(Beyond::build).transpose().context("failed to build a network for IPv6")?.map(Rc::new);
    let loopback = build_loopback(plan)?.map(Rc::new);
    let group = |clients| Group::new(clients, plan, topology, beyond.clone(), loopback.clone());
    plan.clients.iter().map(group).collect()
}

/// Makes the place where clients that speak HTTPS meet OpenSSL, if there are any.
fn build_loopback(plan: &Plan) -> Result<Option<Loopback>> {
    let mut clients = plan.clients.iter().filter(|clients| clients.visit.protocol == Protocol::Https);
    let Some(clients) = clients.next() else { return Ok(None) };
    let program = &tls_client(0)[0];
    if tool::find(program).is_none() {
        let what = format!(
            "clients `{}` speak HTTPS, and this image has no `{program}`: `packages = [\"{program}\"]` in `[machine]` adds it",
            clients.name
        );
        return Err(Mistake::in_scenario(format!("clients.{}", clients.name), what).into());
    }
    let loopback = Loopback::build().context("failed to build a place for OpenSSL")?;
    loopback.enter(tune::leave_untracked)?;
    Ok(Some(loopback))
}

fn nginx_log(plan: &Plan) -> Result<Option<NginxLog>> {
    let asked = plan.probes(NGINX_LOG);
    let all: Vec<(&str, &str)> = plan
        .services
        .iter()
        .filter_map(|service| match &service.kind {
            ServiceKind::Nginx { config, .. } => Some((service.name.as_str(), config.as_str())),
            _ => None,
        })
        .collect();
    (asked && !all.is_empty()).then(|| NginxLog::of(&all)).transpose()
}

/// The logs that metrics ask for. A service that this variant does not have has none.
fn service_logs(plan: &Plan) -> Result<Vec<ServiceLog>> {
    let asked = plan.probes.iter().filter(|probe| probe.key == SERVICE_LOG).flat_map(|probe| &probe.of);
    let services = asked.filter_map(|name| plan.services.iter().find(|service| service.name == *name));
    services.map(ServiceLog::of).collect()
}

fn start_watches(plan: &Plan, groups: &[Group], events: &Events) -> Result<Option<EntryWatch>> {
    if plan.probes(KERNEL_LOG) {
        probe::follow_kernel_log(events)?;
    }
    let clients: Vec<_> = groups.iter().map(|group| (group.name().to_owned(), group.addresses().to_vec())).collect();
    plan.probes(CONNTRACK_ENTRIES).then(|| EntryWatch::start(clients, events)).transpose()
}

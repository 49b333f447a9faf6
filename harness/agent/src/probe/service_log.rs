//! The logs of services, read at the end of each phase: each line, and how often it came.

use super::written::Written;
use crate::events::Events;
use crate::said;
use crate::serve::nginx;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tunelab_protocol::{Event, Service, ServiceKind};

/// The log of one service.
pub struct ServiceLog {
    service: String,
    files: Vec<Written>,
}

impl ServiceLog {
    pub fn of(service: &Service) -> Result<Self> {
        let files = files(service)?.into_iter().map(Written::to).collect();
        Ok(ServiceLog { service: service.name.clone(), files })
    }

    /// Reports what was written since the last report; nothing if nothing was, unless it is the end.
    pub fn tell(&mut self, events: &Events, at_the_end: bool) -> Result<()> {
        let mut texts = BTreeMap::<String, u64>::new();
        for file in &mut self.files {
            for line in file.news()?.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
                *texts.entry(line.to_owned()).or_default() += 1;
            }
        }
        if at_the_end || !texts.is_empty() {
            events.emit(Event::ServiceLog { service: self.service.clone(), texts });
        }
        Ok(())
    }
}

/// Where it is: what the scenario says, what nginx's configuration says, or the file of its standard streams.
fn files(service: &Service) -> Result<Vec<PathBuf>> {
    if let Some(log) = &service.log {
        return Ok(vec![log.into()]);
    }
    match &service.kind {
        ServiceKind::Nginx { config, .. } => nginx::logs(&service.name, config),
        _ => Ok(vec![said::path_of(&service.name)]),
    }
}

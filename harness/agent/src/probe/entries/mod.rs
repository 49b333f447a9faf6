//! Follows every conntrack entry from birth to expiry, by ctnetlink, without disturbing it.
//!
//! The kernel tells of births, changes of state (with the time left) and deaths. Two things it does not tell: that a
//! packet without a change of state set the timer anew, and when the timer ran out (the gc comes by up to a minute
//! later). So each entry is asked for shortly before its known expiry; asking by tuple does not reap, listing would.

mod table;
mod wire;

use crate::events::Events;
use crate::fd;
use anyhow::{Context, Result};
use netlink_sys::Socket;
use std::cell::RefCell;
use std::io::ErrorKind::WouldBlock;
use std::rc::Rc;
use std::time::Duration;
use table::Table;
use tokio::io::unix::AsyncFd;
use tunelab_protocol::{Event, Population};

pub struct EntryWatch(Rc<Watch>);

struct Watch {
    table: RefCell<Table>,
    news: AsyncFd<Socket>,
    ask: Socket,
    events: Events,
}

impl EntryWatch {
    pub fn start(populations: &[Rc<Population>], events: &Events) -> Result<Self> {
        // Built in is fine; whoever lacks it is told when the socket is opened.
        let _ = crate::tool::modprobe("nf_conntrack_netlink", "");
        let subnets = populations.iter().map(|p| (p.name.clone(), p.subnet)).collect();
        let watch = Rc::new(Watch {
            table: RefCell::new(Table::new(subnets)),
            news: fd::watch(wire::open_news().context("this kernel tells nothing of conntrack (ctnetlink events)")?)?,
            ask: wire::open()?,
            events: events.clone(),
        });
        let follower = watch.clone();
        tokio::task::spawn_local(async move {
            if let Err(e) = follower.follow().await {
                follower.events.emit(Event::Failed { what: format!("lost track of conntrack: {e:#}"), hint: None });
            }
        });
        Ok(EntryWatch(watch))
    }

    /// Tells what each population's entries did. Those alive are looked at once more.
    pub fn finish(&self) -> Result<()> {
        let watch = &self.0;
        watch.hear()?;
        let alive = watch.table.borrow().alive();
        alive.into_iter().try_for_each(|id| watch.look(id))?;
        for entries in watch.table.borrow_mut().summary(watch.events.now_us()) {
            watch.events.emit(Event::Entries(entries));
        }
        Ok(())
    }
}

impl Watch {
    async fn follow(&self) -> Result<()> {
        loop {
            let due = self.table.borrow_mut().next_due();
            let wait = due.map_or(Duration::MAX, |at| Duration::from_micros(at.saturating_sub(self.events.now_us())));
            tokio::select! {
                biased;
                ready = self.news.readable() => {
                    self.hear()?;
                    ready?.clear_ready();
                }
                () = tokio::time::sleep(wait) => self.look_at_due()?,
            }
        }
    }

    fn hear(&self) -> Result<()> {
        let mut table = self.table.borrow_mut();
        loop {
            match self.news.get_ref().recv_from_full() {
                Ok((bytes, _)) => table.note(wire::read(&bytes)?, self.events.now_us()),
                Err(e) if e.kind() == WouldBlock => return Ok(()),
                Err(e) => return Err(e).context("the kernel has dropped news"),
            }
        }
    }

    fn look_at_due(&self) -> Result<()> {
        let due = self.table.borrow_mut().take_due(self.events.now_us());
        due.into_iter().try_for_each(|id| self.look(id))
    }

    /// Asks how much time one entry has left. That it is gone is no news: its death is told, too.
    fn look(&self, id: u32) -> Result<()> {
        let Some(tuple) = self.table.borrow().tuple(id) else { return Ok(()) };
        if let Some(news) = wire::ask(&self.ask, tuple)? {
            self.table.borrow_mut().note_look(news, self.events.now_us());
        }
        Ok(())
    }
}

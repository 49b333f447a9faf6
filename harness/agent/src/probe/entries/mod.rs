//! Follows every conntrack entry from birth to expiry, by ctnetlink, without disturbing it.
//!
//! The kernel tells of births and deaths as they happen. Between an entry's expiry and its death lies up to a minute,
//! until the gc comes by (since Linux 4.9); an entry's time stamps say when its timer ran out: `nf_ct_delete` subtracts
//! the lag (`net.netfilter.nf_conntrack_timestamp`, kernel 2.6.38 and later). Listing the table would reap expired
//! entries; it is done once, at the very end, for those that are still alive.

mod tally;
mod wire;

use crate::events::Events;
use crate::{fault, fd, tune};
use anyhow::{Context, Result};
use netlink_sys::Socket;
use std::cell::RefCell;
use std::io::ErrorKind::WouldBlock;
use std::rc::Rc;
use tally::Tallies;
use tokio::io::unix::AsyncFd;
use tunelab_protocol::{Event, IpNet};

/// Off by default; turned on before the first client comes.
const TIME_STAMPS: &str = "net.netfilter.nf_conntrack_timestamp";

/// Forgets all entries if conntrack is there: a built-in one has tracked since the machine was booted.
pub fn forget() -> Result<()> {
    match tune::read("net.netfilter.nf_conntrack_count") {
        None => Ok(()),
        Some(count) if count == "0" => Ok(()),
        Some(_) => wire::flush().context("failed to empty the conntrack table"),
    }
}

pub struct EntryWatch(Rc<Watch>);

struct Watch {
    tallies: RefCell<Tallies>,
    news: AsyncFd<Socket>,
    events: Events,
}

impl EntryWatch {
    /// Follows the entries of these clients, by their addresses.
    pub fn start(clients: Vec<(String, Vec<IpNet>)>, events: &Events) -> Result<Self> {
        // It may be built in; if it is missing, the error comes when the socket is opened.
        let _ = crate::tool::modprobe("nf_conntrack_netlink", "");
        tune::lacks::conntrack()?;
        tune::write(TIME_STAMPS, "1")
            .context("this kernel does not stamp conntrack entries (CONFIG_NF_CONNTRACK_TIMESTAMP)")?;
        let watch = Rc::new(Watch {
            tallies: RefCell::new(Tallies::new(clients)),
            news: fd::watch(listen().context("this kernel tells nothing of conntrack (CONFIG_NF_CT_NETLINK)")?)?,
            events: events.clone(),
        });
        let follower = watch.clone();
        tokio::task::spawn_local(async move {
            if let Err(e) = follower.follow().await {
                follower.events.emit(fault::event(&e.context("lost track of conntrack")));
            }
        });
        Ok(EntryWatch(watch))
    }

    /// Reports what the entries of each group of clients did; living entries count with the time they have left.
    pub fn finish(&self) -> Result<()> {
        let watch = &self.0;
        watch.hear()?;
        let alive = wire::list().context("failed to list the conntrack table")?;
        // Listing reaps expired entries, and the kernel tells of those deaths as of any other.
        watch.hear()?;
        for entries in watch.tallies.borrow().summary(&alive) {
            watch.events.emit(Event::Entries(entries));
        }
        Ok(())
    }
}

/// Opens the socket for news. It asks once first: only then does a kernel without ctnetlink say so; a socket that only
/// listens hears nothing. The table holds no client yet.
fn listen() -> Result<Socket> {
    wire::list()?;
    wire::open_news()
}

impl Watch {
    async fn follow(&self) -> Result<()> {
        loop {
            let mut ready = self.news.readable().await?;
            self.hear()?;
            ready.clear_ready();
        }
    }

    fn hear(&self) -> Result<()> {
        let mut tallies = self.tallies.borrow_mut();
        loop {
            match self.news.get_ref().recv_from_full() {
                Ok((bytes, _)) => wire::read(&bytes)?.iter().for_each(|news| tallies.note(news)),
                Err(e) if e.kind() == WouldBlock => return Ok(()),
                Err(e) => return Err(e).context("the kernel has dropped news"),
            }
        }
    }
}

//! The network between two TAP devices, for kernels without netem: delay, loss, reordering and rate as netem does them.

use super::netem::LIMIT;
use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{prctl, time::TimeSpec},
};
use std::{
    collections::VecDeque,
    fs::File,
    io::{ErrorKind, Read, Write},
    os::fd::AsFd,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tunelab_protocol::Conditions;

/// The largest Ethernet frame of the largest MTU (9000), and room.
const FRAME: usize = 9216;

/// Carries frames from each end to the other, on a thread of its own, until the process ends.
pub fn start(ends: [File; 2], conditions: Conditions, seed: u64) -> Result<Relay> {
    let relay = Relay(Arc::new(Mutex::new(conditions)));
    let now = relay.clone();
    let carry = move || -> Result<()> {
        // Else the kernel may be 50 us late, and so would be every packet.
        prctl::set_timerslack(1)?;
        let mut ways = [Way::new(conditions, seed), Way::new(conditions, !seed)];
        loop {
            wait(&ends, ways.iter().filter_map(Way::due).min())?;
            let conditions = now.get();
            for (way, [from, to]) in ways.iter_mut().zip([[0, 1], [1, 0]]) {
                way.conditions = conditions;
                way.take(&mut (&ends[from]))?;
                way.deliver(&mut (&ends[to]))?;
            }
        }
    };
    let fall_silent = move || {
        if let Err(e) = carry() {
            eprintln!("tunelab-agent: a network made by the agent has ended: {e:#}");
        }
    };
    std::thread::Builder::new().name("network".into()).spawn(fall_silent).context("failed to start a network")?;
    Ok(relay)
}

/// The conditions of a network, which can be changed while it runs.
#[derive(Clone)]
pub struct Relay(Arc<Mutex<Conditions>>);

impl Relay {
    fn get(&self) -> Conditions {
        *self.0.lock().expect("nothing panics with it")
    }

    /// They hold for frames that are sent from now on.
    pub fn set(&self, conditions: Conditions) {
        *self.0.lock().expect("nothing panics with it") = conditions;
    }
}

/// Waits until a frame comes, or until one is due.
fn wait(ends: &[File; 2], due: Option<Instant>) -> Result<()> {
    let mut polled = [&ends[0], &ends[1]].map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
    let timeout = due.map(|due| TimeSpec::from_duration(due.saturating_duration_since(Instant::now())));
    match ppoll(&mut polled, timeout, None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(e) => Err(e).context("ppoll"),
    }
}

/// One direction.
struct Way {
    conditions: Conditions,
    chance: fastrand::Rng,
    /// The time from which on the link is free for another frame, where it has a rate.
    free: Option<Instant>,
    /// Frames that overtake no other, by the time at which they arrive.
    under_way: VecDeque<(Instant, Vec<u8>)>,
    /// Frames that overtake those.
    ahead: Vec<Vec<u8>>,
}

impl Way {
    fn new(conditions: Conditions, seed: u64) -> Self {
        Way {
            conditions,
            chance: fastrand::Rng::with_seed(seed),
            free: None,
            under_way: VecDeque::new(),
            ahead: Vec::new(),
        }
    }

    /// The time at which the next frame arrives.
    fn due(&self) -> Option<Instant> {
        self.under_way.front().map(|(due, _)| *due)
    }

    /// Takes all frames that have been sent.
    fn take(&mut self, from: &mut impl Read) -> Result<()> {
        let mut frame = [0; FRAME];
        loop {
            match from.read(&mut frame) {
                Ok(length) => self.send(frame[..length].to_vec(), Instant::now()),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e).context("failed to read from a TAP device"),
            }
        }
    }

    fn send(&mut self, frame: Vec<u8>, now: Instant) {
        if self.happens(self.conditions.loss_ppm) || self.under_way.len() >= LIMIT {
            return;
        }
        if self.happens(self.conditions.reorder_ppm) {
            self.ahead.push(frame);
        } else {
            let sent = self.sent(frame.len(), now);
            self.under_way.push_back((sent + Duration::from_micros(self.conditions.delay_us), frame));
        }
    }

    /// The time at which the last bit of a frame of so many bytes is on the link.
    fn sent(&mut self, bytes: usize, now: Instant) -> Instant {
        if self.conditions.rate_bps == 0 {
            return now;
        }
        let takes = Duration::from_nanos(bytes as u64 * 8 * 1_000_000_000 / self.conditions.rate_bps);
        let sent = self.free.map_or(now, |free| free.max(now)) + takes;
        self.free = Some(sent);
        sent
    }

    fn happens(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.chance.u32(0..1_000_000) < ppm
    }

    fn deliver(&mut self, to: &mut impl Write) -> Result<()> {
        for frame in self.ahead.drain(..) {
            arrive(to, &frame)?;
        }
        let now = Instant::now();
        while self.due().is_some_and(|due| due <= now)
            && let Some((_, frame)) = self.under_way.pop_front()
        {
            arrive(to, &frame)?;
        }
        Ok(())
    }
}

/// Delivers a frame; it is lost if the device is down or its queue is full, as on any network.
fn arrive(to: &mut impl Write, frame: &[u8]) -> Result<()> {
    match to.write(frame) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == ErrorKind::WouldBlock || e.raw_os_error() == Some(libc::EIO) => Ok(()),
        Err(e) => Err(e).context("failed to write to a TAP device"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS_50: Conditions = Conditions { delay_us: 50_000, loss_ppm: 0, reorder_ppm: 0, rate_bps: 0, by: None };

    fn sent(conditions: Conditions, frames: u16) -> Way {
        let mut way = Way::new(conditions, 1);
        let now = Instant::now();
        (0..frames).for_each(|n| way.send(n.to_ne_bytes().to_vec(), now));
        way
    }

    fn arrived(way: &mut Way) -> usize {
        let mut frames = Vec::new();
        way.deliver(&mut frames).unwrap();
        frames.len() / 2
    }

    #[test]
    fn a_frame_arrives_after_the_delay_and_not_before() {
        let mut way = sent(MS_50, 3);
        assert_eq!(arrived(&mut way), 0);
        std::thread::sleep(way.due().unwrap().saturating_duration_since(Instant::now()));
        assert_eq!(arrived(&mut way), 3);
        assert_eq!(way.due(), None);
    }

    #[test]
    fn so_many_of_a_million_are_lost_by_seed() {
        let lossy = Conditions { loss_ppm: 250_000, ..MS_50 };
        let kept = |way: Way| way.under_way.into_iter().map(|(_, frame)| frame).collect::<Vec<_>>();
        let once = kept(sent(lossy, 1000));
        assert!((700..800).contains(&once.len()), "{}", once.len());
        assert_eq!(once, kept(sent(lossy, 1000)));
    }

    #[test]
    fn a_frame_that_overtakes_arrives_at_once() {
        let mut way = sent(Conditions { reorder_ppm: 100_000, ..MS_50 }, 900);
        let ahead = arrived(&mut way);
        assert!((60..120).contains(&ahead), "{ahead}");
        assert_eq!(way.under_way.len(), 900 - ahead);
    }

    #[test]
    fn frames_wait_for_each_other_where_there_is_a_rate() {
        let mut way = Way::new(Conditions { rate_bps: 8_000, ..MS_50 }, 1);
        let now = Instant::now();
        (0..3).for_each(|_| way.send(vec![0; 100], now));
        let due: Vec<_> = way.under_way.iter().map(|(due, _)| (*due - now).as_millis()).collect();
        assert_eq!(due, [150, 250, 350]);
    }

    #[test]
    fn no_more_than_a_thousand_are_under_way() {
        assert_eq!(sent(MS_50, 1200).under_way.len(), LIMIT);
    }
}

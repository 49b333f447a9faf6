//! A network namespace that lives as long as its descriptor.

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, setns, unshare};
use std::cell::OnceCell;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;

thread_local! {
    /// The namespace of this thread; looked up once, as a walk through /proc costs more than a packet.
    static HOME: OnceCell<Rc<File>> = const { OnceCell::new() };
}

/// Cheap to clone.
#[derive(Clone)]
pub enum Namespace {
    /// This thread's own.
    Home,
    Other(Rc<File>),
}

/// Opens the calling thread's namespace, by number because `/proc/thread-self` came with Linux 3.17.
fn current() -> Result<File> {
    let path = format!("/proc/self/task/{}/ns/net", nix::unistd::gettid());
    File::open(&path).with_context(|| format!("failed to open {path}"))
}

fn home() -> Result<Rc<File>> {
    HOME.with(|home| match home.get() {
        Some(known) => Ok(known.clone()),
        None => {
            let found = Rc::new(current()?);
            Ok(home.get_or_init(|| found).clone())
        }
    })
}

impl Namespace {
    /// Makes a namespace, on a thread of its own that ends at once.
    pub fn create() -> Result<Self> {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).context("this kernel makes no network namespace (CONFIG_NET_NS)")?;
            current()
        });
        Ok(Namespace::Other(Rc::new(made.join().expect("it does not panic")?)))
    }

    /// Does something inside, on this thread: sockets opened there belong there for good.
    pub fn enter<T>(&self, inside: impl FnOnce() -> Result<T>) -> Result<T> {
        let Namespace::Other(file) = self else { return inside() };
        let home = home()?;
        setns(&**file, CloneFlags::CLONE_NEWNET).context("setns")?;
        let outcome = inside();
        // Going on in the wrong namespace would make every later measurement a lie.
        setns(&*home, CloneFlags::CLONE_NEWNET).expect("one's own namespace can be entered again");
        outcome
    }

    pub fn file(&self) -> Result<Rc<File>> {
        match self {
            Namespace::Home => home(),
            Namespace::Other(file) => Ok(file.clone()),
        }
    }

    /// Whether the process with this number is inside.
    pub fn has(&self, pid: nix::unistd::Pid) -> Result<bool> {
        let here = self.file()?.metadata()?.ino();
        Ok(std::fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|there| there.ino() == here))
    }
}

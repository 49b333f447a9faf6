//! Servers that answer badly or not at all, as happens before the guest's own answers.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::Duration,
};
use tunelab::{
    error::Exit,
    guest::{Keys, Ssh},
    vm::{Allowance, Pulse},
};

/// The first connection hangs, like one that QEMU took before the guest had a network; the second is answered by a
/// server that does not speak SSH for long; those after it hang again.
#[tokio::test]
async fn a_connection_that_hangs_keeps_no_other_waiting_and_the_last_answer_is_what_is_told() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut hanging = Vec::new();
        for (n, client) in listener.incoming().map(Result::unwrap).enumerate() {
            match n {
                1 => tell.send(greeted(client)).unwrap(),
                _ => hanging.push(client),
            }
        }
    });
    let error = Ssh::connect(port, &Keys::generate(), seconds(4)).await.err().expect("nobody is there");
    let banner = heard.try_recv().expect("the second connection is tried while the first hangs");
    assert!(banner.starts_with("SSH-2.0-"), "{banner}");
    assert_eq!(error.message(), "SSH to the guest failed: handshake");
    assert_eq!(error.exit(), Exit::Guest);
}

/// This happens with QEMU while the guest has a network and no sshd yet: the guest's kernel resets what comes (on 7.2
/// five to ten of one boot were closed, on 10.0 under load up to 87).
#[tokio::test]
async fn a_connection_that_is_closed_before_sshd_listens_is_opened_again_at_once() {
    const CLOSED: usize = 20;
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || greeted(listener.incoming().map(Result::unwrap).nth(CLOSED).unwrap()));
    let error = Ssh::connect(port, &Keys::generate(), seconds(4)).await.err().expect("a banner is no login");
    assert_eq!(error.message(), "SSH to the guest failed: handshake");
    assert!(server.join().unwrap().starts_with("SSH-2.0-"));
}

#[tokio::test]
async fn where_nobody_ever_answers_that_is_what_is_told() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = Ssh::connect(port, &Keys::generate(), seconds(1)).await.err().expect("nobody answers");
    let said = error.message();
    assert!(said.starts_with("no SSH in the guest: nothing answers on the guest's port 22; 1."), "{said}");
}

fn seconds(seconds: u64) -> Allowance {
    Pulse::none().allow(Duration::from_secs(seconds))
}

/// Reads what the client says to a banner, before the connection ends.
fn greeted(mut client: TcpStream) -> String {
    client.write_all(b"SSH-2.0-nobody\r\n").unwrap();
    let mut said = String::new();
    BufReader::new(client).read_line(&mut said).unwrap();
    said
}

//! Packets that passed the server's interfaces, as a file that Wireshark opens: Wireshark's own programs read it.

use crate::bench::{self, SHORT, on_bench};
use std::{path::Path, process::Command};

/// The guest's calendar begins at the start of 2026, whatever the host's says.
const FIRST_DAY: std::ops::Range<f64> = 1_767_225_600.0..1_767_225_600.0 + 86_400.0;

#[test]
fn a_capture_is_opened_by_wiresharks_readers_and_has_virtual_time() {
    on_bench(async |bench| {
        let mut spec = bench::spec(&bench.scenario(SHORT), "article");
        spec.plan.capture = true;
        let result =
            bench::run(vec![spec], &bench.cache).await.0.unwrap().remove(0).unwrap_or_else(|e| panic!("{e:?}"));
        let capture = result.path.join("capture.pcap");
        let told = read("capinfos", &["-M"], &capture);
        for expected in ["nsecpcap", "Encapsulation = Ethernet", "Strict time order:   True"] {
            assert!(told.contains(expected), "no `{expected}` in {told}");
        }
        let syns = read(
            "tshark",
            &["-Y", "tcp.flags.syn == 1 && tcp.flags.ack == 0", "-T", "fields", "-e", "frame.time_epoch", "-r"],
            &capture,
        );
        let times: Vec<f64> = syns.lines().map(|line| line.parse().unwrap()).collect();
        // There are three rounds, ten minutes apart, of clients that begin with a SYN.
        assert!(times.iter().all(|at| FIRST_DAY.contains(at)), "{times:?}");
        let lasted = times.last().unwrap() - times[0];
        assert!((1_200.0..1_260.0).contains(&lasted), "{lasted} s from the first SYN to the last");
        let wrong = read(
            "tshark",
            &["-Y", "_ws.malformed || ip.checksum.status == 0", "-o", "ip.check_checksum:TRUE", "-r"],
            &capture,
        );
        assert_eq!(wrong, "", "malformed, or with a wrong IP checksum");
    });
}

fn read(reader: &str, words: &[&str], capture: &Path) -> String {
    let output = Command::new(reader).args(words).arg(capture).env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

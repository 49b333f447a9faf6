//! What passed the server's interfaces, as a file that every reader of packets opens.

use crate::bench::{self, SHORT, on_bench};

#[test]
fn a_capture_is_pcap_with_virtual_time() {
    on_bench(async |bench| {
        let mut spec = bench::spec(&bench.scenario(SHORT), "article");
        spec.plan.capture = true;
        let result =
            bench::run(vec![spec], &bench.cache).await.0.unwrap().remove(0).unwrap_or_else(|e| panic!("{e:?}"));
        let bytes = std::fs::read(result.path.join("capture.pcap")).unwrap();
        let packets = packets(&bytes);
        assert!(packets.len() > 10, "visitors came, and {} packets passed", packets.len());
        let syn = |frame: &[u8]| frame.get(47).is_some_and(|flags| flags & 0x12 == 0x02);
        assert!(packets.iter().any(|(_, frame)| syn(frame)), "a connection begins with a SYN");
        let times: Vec<f64> = packets.iter().map(|(at, _)| *at).collect();
        assert!(times.is_sorted());
        // The guest's calendar begins at the start of 2026, whatever the host's says.
        assert!(times[0] >= 1_767_225_600.0 && times[0] < 1_767_225_600.0 + 86_400.0, "{}", times[0]);
    });
}

/// Seconds since 1970 and the frame of each, as pcap-savefile(5) has them with nanoseconds.
fn packets(mut file: &[u8]) -> Vec<(f64, &[u8])> {
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(number(file, 0), 0xa1b2_3c4d, "nanosecond time stamps, little-endian");
    assert_eq!(number(file, 20), 1, "Ethernet");
    file = &file[24..];
    let mut found = Vec::new();
    while !file.is_empty() {
        let (at, length) = (f64::from(number(file, 0)) + f64::from(number(file, 4)) / 1e9, number(file, 8) as usize);
        found.push((at, &file[16..16 + length]));
        file = &file[16 + length..];
    }
    found
}

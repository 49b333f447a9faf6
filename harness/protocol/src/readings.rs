//! The catalogue of readings: what sampled probes can read, by name. Scenarios ask for them, and outcomes have them in the
//! unit that stands here.
//!
//! A reading that a kernel does not have is absent from the record; a name that no kernel has is refused.

use crate::probe::{SAMPLED, Sampled};
pub use crate::reading::{Reading, Unit};
use Unit::Count;

/// The readings that services tell themselves, at the end.
pub const OF_SERVICES: &[Reading] = &[
    Reading {
        name: "service.NAME.requests",
        unit: Count,
        source: "our own server",
        since: None,
        meaning: "requests that it heard",
    },
    Reading {
        name: "service.NAME.requests_1_0",
        unit: Count,
        source: "our own server",
        since: None,
        meaning: "those by HTTP/1.0",
    },
    Reading {
        name: "service.NAME.requests_1_1",
        unit: Count,
        source: "our own server",
        since: None,
        meaning: "those by HTTP/1.1",
    },
];

/// All readings but the counters of /proc/net/netstat and /proc/net/snmp ([`COUNTERS`]), each with the key of its probe;
/// `None`: services tell it.
pub fn all() -> impl Iterator<Item = (Option<&'static str>, &'static Reading)> {
    let of = |probe: Sampled| probe.readings.iter().map(move |reading| (Some(probe.key), reading));
    SAMPLED.into_iter().flat_map(of).chain(OF_SERVICES.iter().map(|reading| (None, reading)))
}

/// The names that stand for the words in capitals; a service's name is the scenario's own.
const CACHES: &[&str] = &["nf_conntrack", "ip_dst_cache", "arp_cache", "TCP", "tw_sock_TCP", "request_sock_TCP"];
#[rustfmt::skip]
const RT_CACHE: &[&str] = &[
    "in_hit", "in_slow_tot", "in_slow_mc", "in_no_route", "in_brd", "in_martian_dst", "in_martian_src", "out_hit",
    "out_slow_tot", "out_slow_mc", "gc_total", "gc_ignored", "gc_goal_miss", "gc_dst_overflow", "in_hlist_search",
    "out_hlist_search",
];
#[rustfmt::skip]
const ARP_CACHE: &[&str] = &[
    "allocs", "destroys", "hash_grows", "lookups", "hits", "res_failed", "rcv_probes_mcast", "rcv_probes_ucast",
    "periodic_gc_runs", "forced_gc_runs", "unresolved_discards",
];

/// The counters of /proc/net/netstat and /proc/net/snmp by group, of all kernels from 3.2 to 7.x (net/ipv4/proc.c).
pub const COUNTERS: &[(&str, &str)] = &[
    (
        "TcpExt",
        "\
            ArpFilter BeyondWindow BusyPollRxPackets DelayedACKLocked DelayedACKLost DelayedACKs EmbryonicRsts \
            IPReversePathFilter ListenDrops ListenOverflows LockDroppedIcmps OfoPruned OutOfWindowIcmps PAWSActive \
            PAWSEstab PAWSOldAck PAWSPassive PAWSTimewait PFMemallocDrop PruneCalled RcvPruned SyncookiesFailed \
            SyncookiesRecv SyncookiesSent TCPAbortFailed TCPAbortOnClose TCPAbortOnData TCPAbortOnLinger \
            TCPAbortOnMemory TCPAbortOnTimeout TCPAckCompressed TCPACKSkippedChallenge TCPACKSkippedFinWait2 \
            TCPACKSkippedPAWS TCPACKSkippedSeq TCPACKSkippedSynRecv TCPACKSkippedTimeWait TCPAOBad TCPAODroppedIcmps \
            TCPAOGood TCPAOKeyNotFound TCPAORequired TCPAutoCorking TCPBacklogCoalesce TCPBacklogDrop \
            TCPChallengeACK TCPDeferAcceptDrop TCPDelivered TCPDeliveredCE TCPDirectCopyFromBacklog \
            TCPDirectCopyFromPrequeue TCPDSACKIgnoredDubious TCPDSACKIgnoredNoUndo TCPDSACKIgnoredOld \
            TCPDSACKOfoRecv TCPDSACKOfoSent TCPDSACKOldSent TCPDSACKRecv TCPDSACKRecvSegs TCPDSACKUndo \
            TcpDuplicateDataRehash TCPFACKReorder TCPFastOpenActive TCPFastOpenActiveFail TCPFastOpenBlackhole \
            TCPFastOpenCookieReqd TCPFastOpenListenOverflow TCPFastOpenPassive TCPFastOpenPassiveAltKey \
            TCPFastOpenPassiveFail TCPFastRetrans TCPForwardRetrans TCPFromZeroWindowAdv TCPFullUndo TCPHPAcks \
            TCPHPHits TCPHPHitsToUser TCPHystartDelayCwnd TCPHystartDelayDetect TCPHystartTrainCwnd \
            TCPHystartTrainDetect TCPKeepAlive TCPLoss TCPLossFailures TCPLossProbeRecovery TCPLossProbes \
            TCPLossUndo TCPLostRetransmit TCPMD5Failure TCPMD5NotFound TCPMD5Unexpected TCPMemoryPressures \
            TCPMemoryPressuresChrono TCPMigrateReqFailure TCPMigrateReqSuccess TCPMinTTLDrop TCPMTUPFail \
            TCPMTUPSuccess TCPOFODrop TCPOFOMerge TCPOFOQueue TCPOrigDataSent TCPPartialUndo TCPPLBRehash \
            TCPPrequeued TCPPrequeueDropped TCPPureAcks TCPRcvCoalesce TCPRcvCollapsed TCPRcvQDrop TCPRenoFailures \
            TCPRenoRecovery TCPRenoRecoveryFail TCPRenoReorder TCPReqQFullDoCookies TCPReqQFullDrop TCPRetransFail \
            TCPSACKDiscard TCPSackFailures TCPSackMerged TCPSackRecovery TCPSackRecoveryFail TCPSACKReneging \
            TCPSACKReorder TCPSackShifted TCPSackShiftFallback TCPSchedulerFailed TCPSlowStartRetrans \
            TCPSpuriousRTOs TCPSpuriousRtxHostQueues TCPSpuriousRtxHostqueues TCPSYNChallenge TCPSynRetrans \
            TcpTimeoutRehash TCPTimeouts TCPTimeWaitOverflow TCPToZeroWindowAdv TCPTSReorder TCPWantZeroWindowAdv \
            TCPWinProbe TCPWqueueTooBig TCPZeroWindowDrop TSEcrRejected TW TWKilled TWRecycled",
    ),
    (
        "IpExt",
        "\
            InBcastOctets InBcastPkts InCEPkts InCsumErrors InECT0Pkts InECT1Pkts InMcastOctets InMcastPkts \
            InNoECTPkts InNoRoutes InOctets InTruncatedPkts OutBcastOctets OutBcastPkts OutMcastOctets OutMcastPkts \
            OutOctets ReasmOverlaps",
    ),
    (
        "Icmp",
        "\
            InAddrMaskReps InAddrMasks InCsumErrors InDestUnreachs InEchoReps InEchos InErrors InMsgs InParmProbs \
            InRedirects InSrcQuenchs InTimeExcds InTimestampReps InTimestamps OutAddrMaskReps OutAddrMasks \
            OutDestUnreachs OutEchoReps OutEchos OutErrors OutMsgs OutParmProbs OutRateLimitGlobal OutRateLimitHost \
            OutRedirects OutSrcQuenchs OutTimeExcds OutTimestampReps OutTimestamps",
    ),
    (
        "Ip",
        "\
            DefaultTTL Forwarding ForwDatagrams FragCreates FragFails FragOKs InAddrErrors InDelivers InDiscards \
            InHdrErrors InReceives InUnknownProtos OutDiscards OutNoRoutes OutRequests OutTransmits ReasmFails \
            ReasmOKs ReasmReqds ReasmTimeout",
    ),
    (
        "Tcp",
        "\
            ActiveOpens AttemptFails CurrEstab EstabResets InCsumErrors InErrs InSegs OutRsts OutSegs PassiveOpens \
            RetransSegs RtoAlgorithm RtoMax RtoMin",
    ),
    (
        "Udp",
        "\
            IgnoredMulti InCsumErrors InDatagrams InErrors MemErrors NoPorts OutDatagrams RcvbufErrors SndbufErrors",
    ),
    (
        "UdpLite",
        "\
            IgnoredMulti InCsumErrors InDatagrams InErrors MemErrors NoPorts OutDatagrams RcvbufErrors SndbufErrors",
    ),
];

/// The reading of this name, and the key of its probe; a counter's is made up of the group.
pub fn find(name: &str) -> Option<(Option<&'static str>, Reading)> {
    let listed = all().find(|(_, reading)| stands_for(reading.name, name)).map(|(probe, reading)| (probe, *reading));
    listed.or_else(|| {
        let (group, counter) = name.split_once('.')?;
        let (_, counters) = COUNTERS.iter().find(|(known, _)| *known == group)?;
        let source = if group.ends_with("Ext") { "/proc/net/netstat" } else { "/proc/net/snmp" };
        let meaning = "the kernel's counter of that name";
        let known = counters.split_whitespace().any(|known| known == counter);
        known.then_some((Some("netstat"), Reading { name: "GROUP.COUNTER", unit: Count, source, since: None, meaning }))
    })
}

/// The word of a reading that stands for the part that its probe has to be asked for, a port or a service, and the key
/// of that probe; `None`: the probe reads it anyway.
pub fn word(name: &str) -> Option<(&'static str, &str)> {
    let (probe, pattern) = all().find(|(_, reading)| stands_for(reading.name, name))?;
    let asked = pattern.name.split('.').zip(name.split('.')).find(|(part, _)| ["NAME", "PORT"].contains(part));
    probe.zip(asked.map(|(_, word)| word))
}

fn stands_for(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut words) = (pattern.split('.'), name.split('.'));
    let group = name.split('.').next().unwrap_or_default();
    loop {
        match (pattern.next(), words.next()) {
            (None, None) => return true,
            (Some("NAME"), Some(word)) if !word.is_empty() => {}
            (Some("PORT"), Some(word))
                if word.parse::<u16>().is_ok_and(|port| port > 0 && word == port.to_string()) => {}
            (Some(wild @ ("CACHE" | "COLUMN")), Some(word)) if choices(wild, group).contains(&word) => {}
            (Some(part), Some(word)) if part == word => {}
            _ => return false,
        }
    }
}

fn choices(wild: &str, group: &str) -> &'static [&'static str] {
    match (wild, group) {
        ("CACHE", _) => CACHES,
        (_, "rt_cache") => RT_CACHE,
        _ => ARP_CACHE,
    }
}

/// All names, for what is nearest to one that is not there.
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    for (_, Reading { name, .. }) in all() {
        let group = name.split('.').next().unwrap_or_default();
        match ["CACHE", "COLUMN"].into_iter().find(|wild| name.contains(wild)) {
            Some(wild) => names.extend(choices(wild, group).iter().map(|choice| name.replace(wild, choice))),
            None => names.push((*name).to_owned()),
        }
    }
    let counters = COUNTERS
        .iter()
        .flat_map(|(group, counters)| counters.split_whitespace().map(move |counter| format!("{group}.{counter}")));
    names.extend(counters);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_once() {
        let names = names();
        let wrong: Vec<&String> = names.iter().filter(|name| find(name).is_none()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len());
    }

    #[test]
    fn what_a_probe_has_to_be_asked_for() {
        assert_eq!(word("listen.80.queue"), Some(("listeners", "80")));
        assert_eq!(word("files.app.worker"), Some(("open-files", "app")));
        assert_eq!(word("files.worker"), None, "it is read anyway");
        assert_eq!(word("service.app.requests"), None, "no probe reads it");
        assert_eq!(word("TcpExt.ListenDrops"), None);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for name in
            ["tcp.close_wait", "TcpExt.ListenOverflow", "slab.dentry.objects", "conntrack", "", "conntrack.count.x"]
        {
            assert!(find(name).is_none(), "{name}");
        }
        assert!(find("listen.80.queue").is_some());
        assert_eq!(find("listen.web.queue").map(|(_, reading)| reading.name), Some("listen.NAME.queue"));
        assert!(["connection.0.count", "connection.web.count"].iter().all(|name| find(name).is_none()));
        assert_eq!(find("service.app.requests_1_0").map(|(probe, _)| probe), Some(None));
        assert_eq!(find("TcpExt.ListenOverflows").and_then(|(probe, _)| probe), Some("netstat"));
        assert_eq!(find("time_wait.left_ms").map(|(_, reading)| reading.unit), Some(Unit::Milliseconds));
    }
}

//! The catalogue of readings: what a sampled probe can read, by name. The agent reads them by the same names, scenarios ask for
//! them, and outcomes have them in the unit that stands here.
//!
//! A reading that a kernel does not have is absent from the record; a name that no kernel has is refused.

use crate::ProbeKind::{self, Conntrack, Cpu, Lnstat, Memory, OpenFiles, Slab, Sockets, TimeWait};
use Unit::{Bytes, Count, Milliseconds};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    Count,
    Milliseconds,
    Bytes,
    Percent,
}

impl Unit {
    /// As it is written after a number; nothing for a count.
    pub fn word(self) -> &'static str {
        match self {
            Unit::Count => "",
            Unit::Milliseconds => "ms",
            Unit::Bytes => "B",
            Unit::Percent => "%",
        }
    }
}

/// One name, or several that differ in one word: `slab.CACHE.objects`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub name: &'static str,
    pub unit: Unit,
    /// `None`: services tell it themselves, at the end.
    pub probe: Option<ProbeKind>,
    /// The file in which the kernel tells it.
    pub source: &'static str,
    /// The first kernel that has it, where that is later than 3.2.
    pub since: Option<&'static str>,
    pub meaning: &'static str,
}

const fn reading(
    name: &'static str,
    unit: Unit,
    probe: ProbeKind,
    source: &'static str,
    meaning: &'static str,
) -> Reading {
    Reading { name, unit, probe: Some(probe), source, since: None, meaning }
}

const fn since(reading: Reading, kernel: &'static str) -> Reading {
    Reading { since: Some(kernel), ..reading }
}

const NF_STAT: &str = "/proc/net/stat/nf_conntrack";
const SOCKSTAT: &str = "/proc/net/sockstat";
const PROC_TCP: &str = "/proc/net/tcp";
const MEMINFO: &str = "/proc/meminfo";
const RT6: &str = "/proc/net/rt6_stats";
const SLABINFO: &str = "/proc/slabinfo";
const STAT: &str = "/proc/stat";

/// All but the counters of /proc/net/netstat and /proc/net/snmp ([`COUNTERS`]).
#[rustfmt::skip]
pub const READINGS: &[Reading] = &[
    reading("conntrack.count", Count, Conntrack, "net.netfilter.nf_conntrack_count", "entries in the conntrack table"),
    reading("conntrack.max", Count, Conntrack, "net.netfilter.nf_conntrack_max", "the most that it may have"),
    reading("conntrack.drop", Count, Conntrack, NF_STAT, "packets dropped because there was no room for their entry, or for want of a port in NAT"),
    reading("conntrack.early_drop", Count, Conntrack, NF_STAT, "entries without an answer that made room for others"),
    reading("conntrack.insert_failed", Count, Conntrack, NF_STAT, "entries that could not be put into the table"),
    reading("conntrack.invalid", Count, Conntrack, NF_STAT, "packets that belong to no connection conntrack knows"),
    reading("sockets.used", Count, Sockets, SOCKSTAT, "sockets of all kinds"),
    reading("tcp.inuse", Count, Sockets, SOCKSTAT, "TCP sockets in use, without those in TIME_WAIT"),
    reading("tcp.orphan", Count, Sockets, SOCKSTAT, "TCP sockets that no process holds"),
    reading("tcp.time_wait", Count, Sockets, SOCKSTAT, "sockets in TIME_WAIT"),
    reading("tcp.alloc", Count, Sockets, SOCKSTAT, "TCP sockets allocated"),
    reading("tcp.mem_pages", Count, Sockets, SOCKSTAT, "pages of memory that TCP's buffers take"),
    reading("tcp.time_wait_limit", Count, Sockets, "net.ipv4.tcp_max_tw_buckets", "the most sockets that may be in TIME_WAIT"),
    reading("udp.inuse", Count, Sockets, SOCKSTAT, "UDP sockets in use"),
    reading("udp.mem_pages", Count, Sockets, SOCKSTAT, "pages of memory that UDP's buffers take"),
    reading("udplite.inuse", Count, Sockets, SOCKSTAT, "UDP-Lite sockets in use"),
    reading("raw.inuse", Count, Sockets, SOCKSTAT, "raw sockets in use"),
    reading("frag.inuse", Count, Sockets, SOCKSTAT, "datagrams that wait for fragments"),
    reading("frag.memory", Bytes, Sockets, SOCKSTAT, "memory that fragments take"),
    reading("time_wait.inbound", Count, TimeWait, PROC_TCP, "sockets in TIME_WAIT that hold no port of the kernel's choice"),
    reading("time_wait.outbound", Count, TimeWait, PROC_TCP, "sockets in TIME_WAIT that hold a port of net.ipv4.ip_local_port_range"),
    reading("time_wait.left_ms", Milliseconds, TimeWait, PROC_TCP, "time until the last of their timers fires"),
    reading("ports.taken", Count, TimeWait, PROC_TCP, "ports of net.ipv4.ip_local_port_range that sockets hold, in any state"),
    reading("ports.limit", Count, TimeWait, "net.ipv4.ip_local_port_range", "how many ports that range has"),
    reading("memory.total_bytes", Bytes, Memory, MEMINFO, "MemTotal"),
    since(reading("memory.available_bytes", Bytes, Memory, MEMINFO, "MemAvailable"), "3.14"),
    reading("memory.free_bytes", Bytes, Memory, MEMINFO, "MemFree"),
    reading("memory.slab_bytes", Bytes, Memory, MEMINFO, "Slab"),
    reading("rt_cache.entries", Count, Lnstat, "/proc/net/stat/rt_cache", "cached routes; always few from 3.6 on, which has no route cache"),
    reading("rt_cache.COLUMN", Count, Lnstat, "/proc/net/stat/rt_cache", "the column of that name"),
    reading("arp_cache.entries", Count, Lnstat, "/proc/net/stat/arp_cache", "neighbours known by ARP"),
    since(reading("arp_cache.table_fulls", Count, Lnstat, "/proc/net/stat/arp_cache", "neighbours that found no room"), "4.3"),
    reading("arp_cache.COLUMN", Count, Lnstat, "/proc/net/stat/arp_cache", "the column of that name"),
    reading("rt6_stats.routes", Count, Lnstat, RT6, "routes of IPv6 in use"),
    reading("rt6_stats.cached", Count, Lnstat, RT6, "cached routes of IPv6"),
    reading("rt6_stats.dst", Count, Lnstat, RT6, "what is held against net.ipv6.route.max_size, up to 6.2"),
    reading("slab.CACHE.objects", Count, Slab, SLABINFO, "objects in use; each CPU keeps some at hand that count"),
    reading("slab.CACHE.object_bytes", Bytes, Slab, SLABINFO, "what one of them takes"),
    reading("files.nginx", Count, OpenFiles, "/proc/PID/fd", "descriptors of all of nginx's processes"),
    reading("files.worker", Count, OpenFiles, "/proc/PID/fd", "descriptors of the one that has most"),
    reading("files.worker_limit", Count, OpenFiles, "/proc/PID/limits", "its soft limit of open files"),
    reading("files.open", Count, OpenFiles, "fs.file-nr", "files open in the whole machine"),
    reading("files.limit", Count, OpenFiles, "fs.file-nr", "the most that may be (fs.file-max)"),
    reading("cpu.idle_ms", Milliseconds, Cpu, STAT, "time that the CPUs were idle, together"),
    reading("cpu.busy_ms", Milliseconds, Cpu, STAT, "time that they were not"),
    Reading { name: "service.NAME.requests", unit: Count, probe: None, source: "our own server", since: None, meaning: "requests that it heard" },
    Reading { name: "service.NAME.requests_1_0", unit: Count, probe: None, source: "our own server", since: None, meaning: "those by HTTP/1.0" },
    Reading { name: "service.NAME.requests_1_1", unit: Count, probe: None, source: "our own server", since: None, meaning: "those by HTTP/1.1" },
];

/// What stands for the words in capitals; a service's name is the scenario's own.
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

/// The reading of this name; a counter's is made up of the group.
pub fn find(name: &str) -> Option<Reading> {
    let listed = READINGS.iter().find(|reading| stands_for(reading.name, name)).copied();
    listed.or_else(|| {
        let (group, counter) = name.split_once('.')?;
        let (_, counters) = COUNTERS.iter().find(|(known, _)| *known == group)?;
        let source = if group.ends_with("Ext") { "/proc/net/netstat" } else { "/proc/net/snmp" };
        let meaning = "the kernel's counter of that name";
        let known = counters.split_whitespace().any(|known| known == counter);
        known.then(|| reading("GROUP.COUNTER", Count, ProbeKind::Netstat, source, meaning))
    })
}

fn stands_for(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut words) = (pattern.split('.'), name.split('.'));
    let group = name.split('.').next().unwrap_or_default();
    loop {
        match (pattern.next(), words.next()) {
            (None, None) => return true,
            (Some("NAME"), Some(word)) if !word.is_empty() => {}
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
    for Reading { name, .. } in READINGS {
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
    fn what_is_not_there_is_not_found() {
        for name in
            ["tcp.close_wait", "TcpExt.ListenOverflow", "slab.dentry.objects", "conntrack", "", "conntrack.count.x"]
        {
            assert!(find(name).is_none(), "{name}");
        }
        assert_eq!(find("service.app.requests_1_0").map(|reading| reading.probe), Some(None));
        assert_eq!(find("TcpExt.ListenOverflows").and_then(|reading| reading.probe), Some(ProbeKind::Netstat));
        assert_eq!(find("time_wait.left_ms").map(|reading| reading.unit), Some(Unit::Milliseconds));
    }
}

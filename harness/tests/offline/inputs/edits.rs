//! A scenario with one mistake in it, or in a file that it deploys.

use super::{Row, look};

const SCENARIO: &str = "scenarios/whole/scenario.toml";

/// The text that stands there, its replacement, and what is said of it.
type Edit = (&'static str, &'static str, &'static [&'static str]);

/// Words that leave the file: names, texts, requests, settings, command lines.
const WORDS: &[Edit] = &[
    ("summary = \"most of", "summary = \"\\u001b[31mmost of", &["toml:2:11", "a control character", "\\u{1b}"]),
    ("summary = \"most of", "summary = \"\\u202emost of", &["a control character", "\\u{202e}"]),
    ("summary = \"most of", "summary = \"\\nmost of", &["a control character", "\\n"]),
    ("\"most of what there is\"", "\" \"", &["this text is empty"]),
    ("\"most of what there is\"", "7", &["expected a string, found an integer"]),
    ("summary = \"most", "summary = \"\u{1b}[2Jmost", &["this is no TOML", "?[2Jmost"]),
    ("says = \"the table", "says = \"\\u0007the table", &["a control character", "\\u{7}"]),
    ("summary = \"as the kernel", "summary = \"\\u009bas the kernel", &["a control character", "\\u{9b}"]),
    ("'upstream timed out'", "'upstream\\u0000'", &["a control character", "\\u{0}"]),
    ("images = [\"debian-12\"]", "images = [\"../debian-12\"]", &["`../debian-12` is not the name of an image"]),
    ("images = [\"debian-12\"]", "images = [\"\"]", &["`` is not the name of an image"]),
    ("images = [\"debian-12\"]", "images = [\"a\\u001bb\"]", &["a control character"]),
    ("images = [\"debian-12\"]", "images = []", &["`images` is empty"]),
    ("images = [\"debian-12\"]", "images = \"debian-12\"", &["expected an array, found a string"]),
    ("images = [\"debian-12\"]", "images = [\"debian-12\", \"debian-12\"]", &["`debian-12` is named twice"]),
    ("[clients.late]", "[clients.\"\"]", &["`` is not a name"]),
    ("[clients.late]", "[clients.\"../late\"]", &["`../late` is not a name"]),
    ("[clients.late]", "[clients.\"a/b\"]", &["`a/b` is not a name"]),
    ("[clients.late]", "[clients.\"\\u001b[2J\"]", &["`\\u{1b}[2J` is not a name"]),
    (
        "[clients.late]",
        "[clients.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]",
        &["is too long for a name", "at most 64"],
    ),
    ("[metric.said]", "[metric.\"a b\"]", &["`a b` is not a name"]),
    ("name = \"found\"\n", "name = \"\"\n", &["a phase has a name of 1 to 64 characters"]),
    ("name = \"found\"\n", "name = \"a\\tb\"\n", &["a control character", "\\t"]),
    ("name = \"found\"\n", "name = \"found \"\n", &["neither begins nor ends with a blank"]),
    ("name = \"found\"\n", "name = \"day\"\n", &["there are two phases `day`"]),
    ("path = [\"/\", \"/poll\"]", "path = \"/\\r\\nHost: x\"", &["is no path of a request"]),
    ("path = [\"/\", \"/poll\"]", "path = [\"/\", \"/a\\nb\"]", &["`/a\\nb` is no path of a request"]),
    ("path = [\"/\", \"/poll\"]", "path = \"/a b\"", &["`/a b` is no path of a request", "%20"]),
    ("path = [\"/\", \"/poll\"]", "path = \"\"", &["`` is no path of a request"]),
    ("path = [\"/\", \"/poll\"]", "path = \"poll\"", &["`poll` is no path of a request"]),
    ("path = [\"/\", \"/poll\"]", "path = []", &["`path` is empty"]),
    ("pause = \"1 s\"", "pause = []", &["`pause` is empty"]),
    ("pause = \"1 s\"", "times = 0", &["`times` is 0, and a visit has at least one request"]),
    ("pause = \"1 s\"", "times = 65535", &["asks 131070 times, more often than 10000"]),
    (
        "pause = \"1 s\"",
        "pause = [\"1 s\"]\ntimes = 2",
        &["a list of pauses says how many requests there are", "toml:62:9"],
    ),
    ("path = [\"/\", \"/poll\"]", "path = \"/\"", &["`pause` has no effect: there is only one request", "toml:62:9"]),
    (
        "path = [\"/\", \"/poll\"]\npause = \"1 s\"",
        "path = [\"/\", \"/a\", \"/b\"]\npause = [\"1 s\"]",
        &["the pauses are enough for 2 of the 3 requests"],
    ),
    ("never-answer = \"/poll\"", "never-answer = \"/po\\u0000ll\"", &["is no path of a request"]),
    ("cmdline = [\"slub_nomerge\"]", "cmdline = [\"a b\"]", &["`a b` is not one word", "toml:10:12"]),
    ("cmdline = [\"slub_nomerge\"]", "cmdline = [\"a\\nb\"]", &["a control character"]),
    ("cmdline = [\"slub_nomerge\"]", "cmdline = [\"\"]", &["`` is not one word"]),
    ("cmdline = [\"slub_nomerge\"]", "cmdline = [\"é\"]", &["`é` is not one word"]),
    ("cmdline = [\"slub_nomerge\"]", "cmdline = \"quiet\"", &["expected an array, found a string"]),
    ("nf_conntrack = \"hashsize=512\"", "\"../x\" = \"\"", &["`../x` is no name of a module"]),
    ("nf_conntrack = \"hashsize=512\"", "\"-r\" = \"\"", &["`-r` is no name of a module"]),
    ("\"hashsize=512\"", "\"=512\"", &["`=512` is no `PARAMETER=VALUE` of a module"]),
    ("\"hashsize=512\"", "\"-r\"", &["`-r` is no `PARAMETER=VALUE` of a module"]),
    ("\"net.ipv4.tcp_syncookies\" = 1", "\"../../x.y\" = 1", &["`../../x.y` is no sysctl"]),
    ("\"net.ipv4.tcp_syncookies\" = 1", "\"net..x\" = 1", &["`net..x` is no sysctl"]),
    ("\"net.ipv4.tcp_syncookies\" = 1", "\"/etc/passwd\" = 1", &["`/etc/passwd` is no sysctl"]),
    ("\"net.ipv4.tcp_syncookies\" = 1", "\"net.ipv4.x\" = \"1\\n2\"", &["a control character"]),
    ("\"net.ipv4.tcp_syncookies\" = 1", "\"net.ipv4.x\" = \"\"", &["this sets nothing"]),
    ("\"net.ipv4.tcp_syncookies\" = 1", "\"net.ipv4.x\" = true", &["expected a number or a string"]),
    ("sysctls = [\"net.ipv4.tcp_tw_reuse\"]", "sysctls = [\"../../x\"]", &["`../../x` is no sysctl"]),
    ("sysctls = [\"net.ipv4.tcp_tw_reuse\"]", "sysctls = [\"\"]", &["`` is no sysctl"]),
    ("\"net.ipv4.tcp_fin_timeout\" = 5", "\"../x.y\" = 5", &["`../x.y` is no sysctl"]),
    ("\"login:nobody\"", "\"login:no body\"", &["neither a process nor a login"]),
    ("\"login:nobody\"", "\"login:-s\"", &["neither a process nor a login"]),
    ("count(502)", "count(E)", &["unknown thing to count `E`"]),
];

/// Numbers that a machine, a server or a client cannot have.
const NUMBERS: &[Edit] = &[
    ("memory = \"1 GiB\"", "memory = \"64 MiB\"", &["at least `128 MiB`", "toml:8:10"]),
    ("memory = \"1 GiB\"", "memory = \"2000 GiB\"", &["at most `1024 GiB`"]),
    ("memory = \"1 GiB\"", "memory = \"99999999999 GiB\"", &["is more than 16 EiB"]),
    ("memory = \"1 GiB\"", "memory = \"-1 GiB\"", &["`-1 GiB` is not a size"]),
    ("memory = \"1 GiB\"", "memory = 1024", &["expected a size such as `1 GiB`, found an integer"]),
    ("machine.memory = \"2 GiB\"", "machine.memory = \"1 B\"", &["at least `128 MiB`"]),
    ("cpus = 1", "cpus = 1\npackages = [\"a b\"]", &["`a b` is no name of a package"]),
    ("cpus = 1", "cpus = 1\npackages = [\"haproxy-\"]", &["`haproxy-` is no name of a package"]),
    ("cpus = 1", "cpus = 0", &["from 1 to 64 CPUs", "toml:9:8"]),
    ("cpus = 1", "cpus = 65", &["from 1 to 64 CPUs"]),
    ("cpus = 1", "cpus = 4294967297", &["is not a whole number"]),
    ("cpus = 1", "cpus = -1", &["`-1` is not a whole number"]),
    ("cpus = 1", "cpus = 1.5", &["expected a whole number, found a float"]),
    ("initcwnd = 10", "initcwnd = 0", &["1 to 1000 segments"]),
    ("initcwnd = 10", "initcwnd = 99999", &["1 to 1000 segments"]),
    ("rto-min = \"200 ms\"", "rto-min = \"0 ms\"", &["this time is 0"]),
    ("timeout = \"5 s\"", "timeout = \"0 s\"", &["this time is 0"]),
    ("timeout = \"5 s\"", "timeout = \"-5 s\"", &["`-5 s` is not a time"]),
    ("timeout = \"5 s\"", "timeout = \"5\"", &["`5` is not a time"]),
    ("timeout = \"5 s\"", "timeout = \"99999999999999999999 s\"", &["longer than ten years"]),
    ("timeout = \"5 s\"", "timeout = \"4000 d\"", &["longer than ten years"]),
    ("body = \"512 B\"", "body = \"2 GiB\"", &["at most `1 GiB`"]),
    ("to = \"inside:80\"", "to = \"inside:0\"", &["`inside:0` has no port from 1 to 65535"]),
    ("to = \"inside:80\"", "to = \"inside:65536\"", &["`inside:65536` has no port from 1 to 65535"]),
    ("source-port = 50000", "source-port = 0", &["port 0 cannot be used"]),
    ("listen = \"127.0.0.1:3000\"", "listen = \"127.0.0.1:0\"", &["a service cannot listen at"]),
    ("listen = \"127.0.0.1:3000\"", "listen = \"unix:relative\"", &["a service cannot listen at"]),
    ("listen = \"127.0.0.1:3000\"", "listen = \"unix:/a\\u0000b\"", &["a control character"]),
    ("rounds = 24", "rounds = 0", &["this comes to 0 in `phase 1`"]),
    ("rounds = 24", "rounds = 4294967295", &["has 4294967295, more than 1000000"]),
    ("every = \"1 h\"\nclients", "every = \"0 s\"\nclients", &["this time is 0"]),
    ("every = \"1 h\"\nclients", "every = \"3000 d\"\nclients", &["the phases last longer than ten years"]),
    ("duration = \"8 h\"", "duration = \"0 h\"", &["this time is 0"]),
    ("browsers = 4,", "browsers = 4294967295,", &["has 4294967295, more than 1000000"]),
    ("browsers = 4,", "browsers = 999999,", &["do not fit into a round"]),
    ("browsers = 4,", "browsers = -4,", &["`-4` is not a whole number"]),
    ("spacing = \"20 ms\"", "spacing = \"3000 d\"", &["do not fit into a round"]),
    ("for = \"5 min\"", "for = \"0 min\"", &["this time is 0"]),
    ("for = \"5 min\"", "for = \"3000 d\"", &["clients in a trial, more than 1000000"]),
    ("for = \"5 min\"", "for = \"1 s\"", &["is over before a client comes"]),
    ("between = [\"6/min\", \"1/s\"]", "between = [\"1/s\", \"6/min\"]", &["`between` is not two rates"]),
    ("between = [\"6/min\", \"1/s\"]", "between = []", &["`between` is not two rates"]),
    ("to = \"2 %\"", "to = \"200 %\"", &["more than `100 %`"]),
    ("sockets = \"1 min\"", "sockets = \"0 s\"", &["`sockets` looks every 0 µs: too often"]),
    ("sockets = \"1 min\"", "sockets = \"1 us\"", &["`sockets` looks every 1 µs: too often"]),
    ("{ every = \"1 h\", after = \"3 s\" }", "{ every = \"0 s\" }", &["looks every 0 µs"]),
    (
        "of = \"conntrack.count\"\nevery = \"1 h\"",
        "of = \"conntrack.count\"\nevery = \"1500 ms\"",
        &["`every` in `series.table` is not a whole number of seconds"],
    ),
    (
        "tolerance = \"5 %\"",
        "tolerance = { absolute = 5, since = \"six\" }",
        &["`six` is no version of Linux such as `6.5`"],
    ),
    (
        "tolerance = \"5 %\"",
        "tolerance = { absolute = 5, since = \"6.5\", before = \"5.15\" }",
        &["no version of Linux is from `since` on and before `before`"],
    ),
    ("tolerance = \"5 %\"", "tolerance = \"-5 %\"", &["`-5 %` is not a share"]),
];

/// Addresses that no host of a scenario can have.
const ADDRESSES: &[Edit] = &[
    ("addresses = \"10.0.0.1\"", "addresses = \"0.0.0.0\"", &["`0.0.0.0` stands for no host", "toml:15:13"]),
    ("addresses = \"10.0.0.1\"", "addresses = \"127.0.0.1\"", &["`127.0.0.1` is for loopback"]),
    ("addresses = \"10.0.0.1\"", "addresses = \"224.0.0.1\"", &["`224.0.0.1` is for multicast"]),
    ("addresses = \"10.0.0.1\"", "addresses = \"255.255.255.255\"", &["is reserved, or for broadcast"]),
    ("addresses = \"10.0.0.1\"", "addresses = \"10.0.2.15\"", &["is the lab's own, for SSH"]),
    ("addresses = \"10.0.0.1\"", "addresses = \"10.255.1.1\"", &["is the lab's own, between hosts"]),
    ("addresses = \"10.0.0.1\"", "addresses = \"10.0.0.0\"", &["is the address of a network"]),
    ("addresses = \"10.0.0.1\"", "addresses = \"10.0.0.255\"", &["is the broadcast address of a network"]),
    ("addresses = \"10.0.0.1\"", "addresses = \"10.0.0.256\"", &["`10.0.0.256` is not an IP address"]),
    ("addresses = \"10.0.0.1\"", "addresses = [\"10.0.0.1\", \"::1\"]", &["`::1` stands for no host"]),
    ("addresses = \"10.0.0.1\"", "addresses = [\"10.0.0.1\", \"fe80::1\"]", &["`fe80::1` belongs to one link"]),
    ("addresses = \"10.0.0.1\"", "addresses = [\"10.0.0.1\", \"ff02::1\"]", &["`ff02::1` is for multicast"]),
    ("addresses = \"10.0.0.1\"", "addresses = []", &["`addresses` is empty"]),
    ("addresses = [\"10.8.0.1\"", "addresses = [\"127.0.0.1\"", &["`127.0.0.1` is for loopback"]),
    ("addresses = [\"10.8.0.1\"", "addresses = [\"239.1.1.1\"", &["`239.1.1.1` is for multicast"]),
    (
        "[network.internet]",
        "[host.other]\naddresses = \"10.8.0.1\"\n[network.internet]",
        &["`10.8.0.1` is an address of host `inside` too"],
    ),
    ("\"10.1.0.0/16\"", "\"0.0.0.0/8\"", &["that stands for no host"]),
    ("\"10.1.0.0/16\"", "\"127.0.0.0/8\"", &["that is for loopback"]),
    ("\"10.1.0.0/16\"", "\"224.0.0.0/24\"", &["that is for multicast"]),
    ("\"10.1.0.0/16\"", "\"255.255.255.255/32\"", &["that is reserved, or for broadcast"]),
    ("\"10.1.0.0/16\"", "\"10.255.0.0/24\"", &["that is the lab's own"]),
    ("\"10.1.0.0/16\"", "\"10.0.2.0/24\"", &["that is the lab's own"]),
    ("\"10.1.0.0/16\"", "\"10.0.0.0/30\"", &["contains `10.0.0.1`, the address of host `server`"]),
    ("\"10.1.0.0/16\"", "\"10.8.0.0/24\"", &["contains `10.8.0.1`, the address of host `inside`"]),
    ("\"10.1.0.0/16\"", "\"10.1.0.1/16\"", &["has host bits set"]),
    ("\"10.1.0.0/16\"", "\"10.1.0.0/31\"", &["`/31` is not a prefix length from 8 to 30, nor 32"]),
    ("\"10.1.0.0/16\"", "\"10.1.0.0/33\"", &["`10.1.0.0/33` is neither a subnet nor an address"]),
    ("\"10.2.0.0/16\"", "\"ff02::/64\"", &["that is for multicast"]),
    ("\"10.1.0.0/16\"", "\"fd00::/16\"", &["`/16` is not a prefix length from 32 to 128"]),
    ("\"10.1.0.0/16\"", "\"fd01::/64\"", &["host `server` has no IPv6 address", "toml:58:1"]),
    ("\"10.1.0.0/16\"", "\"10.1.0.0/\"", &["`10.1.0.0/` is neither a subnet nor an address"]),
];

/// Hosts and the networks between them.
const TOPOLOGY: &[Edit] = &[
    ("[network.within]", "[network.inside]", &["`inside` is a host, and cannot be a network too", "toml:29:10"]),
    ("interface = \"eth1\"", "interface = \"lo\"", &["`lo` cannot be the name of an interface", "toml:31:13"]),
    ("interface = \"eth1\"", "interface = \"a/b\"", &["`a/b` cannot be the name of an interface"]),
    ("interface = \"eth1\"", "interface = \"sixteen-letters-\"", &["which has 1 to 15 letters"]),
    ("interface = \"eth1\"", "interface = \"internet\"", &["are both interface `internet` of one host"]),
    ("hosts = [\"server\", \"inside\"]", "hosts = []", &["`hosts` is empty"]),
    ("hosts = [\"server\", \"inside\"]", "hosts = [\"server\", \"insid\"]", &["there is no host `insid`", "`inside`?"]),
    ("hosts = [\"server\", \"inside\"]", "hosts = [\"server\", \"server\"]", &["host `server` is named twice"]),
    (
        "hosts = [\"server\", \"inside\"]\n",
        "",
        &["`network.within` joins neither clients nor a second host", "give it clients"],
    ),
    ("delay = \"50 ms\"", "delay = \"50 ms\"\nby = \"kernel\"", &["`kernel` cannot make links", "`netem`, `agent`"]),
    ("delay = \"50 ms\"", "delay = \"50 ms\"\nloss = \"200 %\"", &["more than `100 %`"]),
    ("delay = \"50 ms\"", "delay = \"50 ms\"\nrate = \"10 Mbps\"", &["`10 Mbps` is not a rate such as `10 Mbit/s`"]),
    ("delay = \"50 ms\"", "delay = \"50 ms\"\nrate = \"1 bit/s\"", &["not between `8 kbit/s` and `10 Gbit/s`"]),
    ("delay = \"50 ms\"", "delay = \"50 ms\"\nmtu = 68", &["an MTU is 576 to 9000 bytes"]),
    ("forwards = true\n", "", &["the clients `masked` cannot reach host `inside`", "`forwards = true`", "toml:66:1"]),
    ("forwards = true", "forwards = \"yes\"", &["expected `true` or `false`, found a string"]),
    (
        "firewall = [\"rules.v4\"]",
        "firewall = [\"rules\"]",
        &["the ending of `rules` is that of no known format", "`.v4`, `.v6`, `.nft`, `.ipset`, `.ipvs`"],
    ),
    ("from = \"internet\"", "from = \"internt\"", &["there is neither a network nor a host `internt`", "`internet`?"]),
    ("from = \"internet\"\n", "", &["`from` is missing in `clients.browsers`"]),
    ("to = \"inside:80\"", "to = \"insid:80\"", &["there is no host `insid`", "`inside`?"]),
    ("to = \"inside:80\"", "to = \"[fd08::1]:80\"", &["is not of the same family as the clients' addresses"]),
    ("retries = 2", "addresses = \"10.4.0.0/16\"", &["`addresses` has no effect in `clients.own`"]),
];

/// Services, and what clients do with them.
const SERVICES: &[Edit] = &[
    ("kind = \"http\"", "kind = \"htpp\"", &["unknown kind of service `htpp`", "`http`?", "toml:38:8"]),
    ("kind = \"http\"\n", "", &["`kind` is missing in `service.app`"]),
    ("on = \"inside\"", "on = \"insid\"", &["there is no host `insid`", "`inside`?"]),
    ("started-by = \"init\"", "started-by = \"systemd\"", &["`systemd` is neither a process nor a login"]),
    ("backlog = 128", "backlog = -1", &["`-1` is not a whole number"]),
    ("backlog = 128", "log = \"app.log\"", &["`app.log` is no file that a service can write", "`/var/log/`"]),
    ("backlog = 128", "log = \"/etc/app.log\"", &["`/etc/app.log` is no file that a service can write"]),
    ("backlog = 128", "log = \"/tmp/../etc/app.log\"", &["is no file that a service can write"]),
    ("backlog = 128", "log = \"/tmp/\"", &["`/tmp/` is no file that a service can write"]),
    (
        "backlog = 128",
        "log = \"/tmp/app.log\"",
        &["`log` has no effect: no metric counts the lines of `service.inner`", "toml:51:7"],
    ),
    ("backlog = 128", "idle-timeout = \"0 s\"", &["this time is 0"]),
    (
        "backlog = 128",
        "protocol = \"HTTP/1.0\"\nidle-timeout = \"5 s\"",
        &["`idle-timeout` has no effect: it closes after each answer"],
    ),
    ("listen = \"10.8.0.1:53\"", "listen = \"unix:/run/dns\"", &["a service of UDP listens at an address and a port"]),
    (
        "kind = \"http\"\nlisten = \":80\"\nbacklog = 128",
        "kind = \"haproxy\"\nconfig = \"nginx.conf\"",
        &["`ready` is missing, and no line of the configuration binds a port", "`ready = \"tcp:80\"`"],
    ),
    (
        "kind = \"http\"\nlisten = \":80\"\nbacklog = 128",
        "kind = \"command\"\ncommand = []\nready = \"tcp:80\"",
        &["`command` is empty"],
    ),
    (
        "kind = \"http\"\nlisten = \":80\"\nbacklog = 128",
        "kind = \"command\"\ncommand = [\"true\"]",
        &["`ready` is missing in `service.inner`"],
    ),
    (
        "kind = \"http\"\nlisten = \":80\"\nbacklog = 128",
        "kind = \"command\"\ncommand = [\"true\"]\nready = \"80\"",
        &["`80` is no port", "`tcp:80` or `udp:53`"],
    ),
    ("delay = \"50 ms\"", "delay = \"0 s\"", &["without a delay the answers of `clients.browsers` have no flights"]),
    ("timeout = \"5 s\"", "timeout = { conect = \"5 s\" }", &["unknown key `conect`", "`connect`?"]),
    ("timeout = \"5 s\"", "timeout = { response = \"0 s\" }", &["this time is 0"]),
    ("flights = true", "flights = true\nretries = 1", &["`retries` has no effect in `clients.browsers`"]),
    ("retries = 2", "retries = -1", &["`-1` is not a whole number"]),
    ("keep-alive = false", "keep-alive = false\nkeepalive = \"0 s\"", &["this time is 0"]),
    ("keep-alive = false", "keep-alive = false\nuser-timeout = \"5\"", &["`5` is not a time"]),
    ("keep-alive = false", "keep-alive = false\nmethod = \"PUT\"", &["unknown method `PUT`", "`POST`?"]),
    ("keep-alive = false", "keep-alive = false\nbody = \"1 kB\"", &["only a POST has one"]),
    ("keep-alive = false", "keep-alive = false\nmethod = \"POST\"\nbody = \"2 GiB\"", &["at most `1 GiB`"]),
    ("protocol = \"UDP\"", "protocol = \"DNS\"\nname = \"a b\"", &["`a b` is no name of a host"]),
    (
        "protocol = \"UDP\"",
        "protocol = \"DNS\"\npath = \"/\"",
        &["`path` has no effect in `clients.own`: a query is for a `name`"],
    ),
    ("protocol = \"UDP\"", "protocol = \"UPD\"", &["unknown protocol `UPD`"]),
    ("protocol = \"UDP\"", "protocol = \"UDP\"\nname = \"a.test\"", &["`name` has no effect in `clients.own`"]),
    ("retries = 2", "close = \"client\"", &["`close` has no effect in `clients.own`: there is no connection"]),
];

/// Phases: rates, repeats and changes; and what variants make of them.
const PHASES: &[Edit] = &[
    ("\"2/min\"", "\"2\"", &["`2` is not a rate such as `200/min`"]),
    ("\"2/min\"", "\"0/min\"", &["`0/min` is not a rate"]),
    ("\"2/min\"", "\"2/week\"", &["`2/week` is not a rate"]),
    ("\"2/min\"", "\"1/d\"", &["this comes to 0 in `phase 2`: nothing would happen"]),
    ("\"2/min\"", "\"1000/s\"", &["`phase 2` has 28800000, more than 1000000"]),
    ("repeat = 2", "repeat = 0", &["a phase is repeated 1 to 10000 times"]),
    ("repeat = 2", "repeat = 10001", &["a phase is repeated 1 to 10000 times"]),
    (
        "repeat = 2",
        "repeat = { from = \"dya\", times = 2 }",
        &["there is no phase `dya` before this one", "`day`, `night`"],
    ),
    ("repeat = 2", "repeat = { from = \"found\", times = 2 }", &["there is no phase `found` before this one"]),
    ("repeat = 2", "repeat = { from = \"day\" }", &["`times` is missing in `phase 2.repeat`"]),
    ("repeat = 2", "repeat = { from = \"day\", times = 10000 }", &["the phases last longer than ten years"]),
    ("rounds = 3 }", "rounds = \"3\" }", &["expected a whole number, found a string"]),
    (
        "\nduration = \"8 h\"",
        "\nduration = \"8 h\"\nrounds = 3",
        &["`rounds` has no effect in `phase 2`", "has a `duration`"],
    ),
    ("at = \"1 h\"", "at = \"8 h\"", &["`phase 2, change 1` comes when the phase is over", "toml:98:5"]),
    ("for = \"10 min\"", "for = \"7 h\"", &["`phase 2, change 1` comes when the phase is over"]),
    ("for = \"10 min\"", "for = \"0 s\"", &["this time is 0"]),
    ("network.internet = \"cut\"", "network.internet = \"cutt\"", &["unknown change of a network `cutt`", "`cut`?"]),
    ("network.internet = \"cut\"", "network.intrenet = \"cut\"", &["there is no network `intrenet`", "`internet`?"]),
    (
        "network.internet = \"cut\"",
        "network.internet = \"restore\"",
        &["`for` has no effect: nothing takes this change back"],
    ),
    (
        "network.internet = \"cut\"",
        "network.internet = { delay = \"1 s\", by = \"agent\" }",
        &["unknown key `by`", "network.internet", "`delay`, `loss`, `reorder`, `rate`"],
    ),
    (
        "service.app = \"restart\"",
        "service.app = \"restrat\"",
        &["unknown change of a service `restrat`", "`restart`?"],
    ),
    ("service.app = \"restart\"", "service.ap = \"restart\"", &["there is no service `ap`", "`app`?"]),
    ("service.app = \"restart\"", "service.app = \"reload\"", &["`app` has no configuration to reload"]),
    ("service.app = \"restart\"", "service.app = 7", &["found an integer"]),
    (
        "service.app = \"restart\"",
        "service.node = { response-time = \"1 s\" }",
        &["is not of kind `http`: its response time cannot be set"],
    ),
    ("service.app = \"restart\"", "service.nginx = { response-time = \"1 s\" }", &["is not our own server"]),
    ("service.app = \"restart\"", "host.insid.conntrack = \"flush\"", &["there is no host `insid`", "`inside`?"]),
    (
        "service.app = \"restart\"",
        "host.inside.conntrack = \"drop\"",
        &["unknown change of conntrack `drop`", "`flush`"],
    ),
    ("service.app = \"restart\"", "host.inside.firewall = \"gone.v4\"", &["there is no file `gone.v4`"]),
    ("service.app = \"restart\"", "host.inside.firewall = []", &["`firewall` is empty", "at least one"]),
    ("service.app = \"restart\"", "host.inside.sysctls = { \"../x.y\" = 1 }", &["`../x.y` is no sysctl"]),
    ("at = \"2 h\", service.app = \"restart\"", "at = \"2 h\"", &["this changes nothing"]),
    ("change = [\n", "changes = [\n", &["unknown key `changes` in `phase 2`", "`change`?"]),
    ("phase.night.change =", "phase.nigth.change =", &["there is no phase `nigth`", "`night`?"]),
    ("phase.night.change =", "phase = 7 #", &["a variant changes phases by their names"]),
    ("service.app.body = \"1 kB\"", "service.app.bdy = \"1 kB\"", &["unknown key `bdy` in `service.app`", "`body`?"]),
    ("service.app.body = \"1 kB\"", "service.app = \"nothing\"", &["`service.app` is a table, not a string"]),
    (
        "service.app.body = \"1 kB\"",
        "servce.app.body = \"1 kB\"",
        &["unknown key `servce` in `variant.tuned`", "`service`?"],
    ),
    ("service.app.body = \"1 kB\"", "clients.own = \"none\"", &["there are no clients `own`"]),
    ("service.app.body = \"1 kB\"", "clients.owned = \"none\"", &["there is no `owned` to take away"]),
    (
        "service.app.body = \"1 kB\"",
        "service.app.idle-timeout = \"none\"",
        &["there is no `idle-timeout` to take away"],
    ),
];

/// A reference to a part that was itself refused is no second mistake.
const ONE_EACH: &[Edit] = &[
    ("addresses = \"10.1.0.0/16\"", "addresses = 7", &["expected addresses such as"]),
    ("addresses = \"10.1.0.0/16\"\n", "", &["`addresses` is missing in `clients.browsers`"]),
    ("close = \"client\"", "close = \"cliet\"", &["unknown way to close", "`client`?"]),
    ("close = \"client\"\n", "", &["`close` is missing"]),
    ("addresses = [\"10.8.0.1\", \"fd08::1\"]", "addresses = 7", &["expected an address such as `10.0.0.1`"]),
    ("addresses = [\"10.8.0.1\"", "addresses = [\"ten\"", &["`ten` is not an IP address"]),
    ("name = \"day\"\nrounds = 24", "name = \"day\"\nrounds = \"x\"", &["expected a whole number, found a string"]),
    ("name = \"day\"\nrounds = 24\n", "name = \"day\"\n", &["`rounds` is missing in `phase 1`"]),
    ("duration = \"8 h\"", "duration = 8", &["expected a time such as `10 ms`, found an integer"]),
    ("search = { clients = \"browsers\",", "search = { clients = 7,", &["expected a string, found an integer"]),
    ("search = { clients = \"browsers\",", "search = { clients = \"browser\",", &["there are no clients `browser`"]),
    ("sockets = \"1 min\"", "sockets = 60", &["expected a time such as `10 ms`"]),
    ("nginx-log = \"followed\"", "nginx-log = \"sampled\"", &["is followed as it happens, not sampled"]),
    (
        "sockets = \"1 min\"",
        "sockets = { every = \"1 min\", hosts = [\"insid\"] }",
        &["there is no host `insid`", "`inside`?", "toml:107:39"],
    ),
    ("sockets = \"1 min\"", "sockets = { every = \"1 min\", hosts = [] }", &["`hosts` is empty", "toml:107:38"]),
    (
        "sockets = \"1 min\"",
        "sockets = { every = \"1 min\", hosts = [\"inside\"] }",
        &[
            "no probe reads `tcp.inuse` on host `server`",
            "`sockets = { every = \"1 s\", hosts = [\"inside\", \"server\"] }`",
        ],
    ),
    (
        "sockets = \"1 min\"",
        "sockets = \"1 min\"\nmemory = { every = \"1 s\", hosts = [\"inside\"] }",
        &["`hosts` has no effect in `probe.memory`: it sees the whole guest", "toml:108:35"],
    ),
    (
        "sockets = \"1 min\"",
        "sockets = \"1 min\"\nlisteners = \"1 s\"",
        &["`listeners` reads nothing: no metric", "`value = \"max(listen.80.queue)\"`", "toml:108:1"],
    ),
    (
        "kernel-log = \"followed\"",
        "kernel-log = \"followed\"\nservice-log = \"followed\"",
        &["`service-log` reads nothing: no metric", "`value = \"count(log.app, 'error')\"`", "toml:111:1"],
    ),
    ("max(tcp.inuse)", "max(listen.80.queue)", &["no probe reads `listen.80.queue`", "`listeners = \"1 s\"`"]),
    ("max(tcp.inuse)", "max(listen.web.queue)", &["there is no service `web`"]),
    ("max(tcp.inuse)", "max(connection.0.rto_ms)", &["there is no reading `connection.0.rto_ms`"]),
    ("max(tcp.inuse)", "max(files.ap)", &["there is no service `ap`", "`app`?"]),
    ("where = { phase = \"day\" }", "where = { host = \"insid\" }", &["there is no host `insid`", "`inside`?"]),
    (
        "where = { phase = \"day\" }",
        "where = { host = \"inside\" }",
        &["no probe reads `tcp.inuse` on host `inside`", "hosts = [\"server\", \"inside\"] }`"],
    ),
    ("where = { clients = \"browsers\" }", "where = { host = \"inside\" }", &["`host` has no effect on `count(502)`"]),
    (
        "of = \"conntrack.count\"",
        "of = \"conntrack.count\"\nwhere = { host = \"insid\" }",
        &["there is no host `insid`", "`inside`?", ":140:18"],
    ),
    (
        "of = \"conntrack.count\"",
        "of = \"conntrack.count\"\nwhere = { host = \"inside\" }",
        &["no probe reads `conntrack.count` on host `inside`", "hosts = [\"server\", \"inside\"] }`"],
    ),
    (
        "of = \"conntrack.count\"",
        "of = \"service.app.requests\"\nwhere = { host = \"inside\" }",
        &["`host` has no effect on `service.app.requests`"],
    ),
    (
        "of = \"conntrack.count\"",
        "of = \"conntrack.count\"\nwhere = { phase = \"day\" }",
        &["unknown key `phase` in `series.table.where`", "`host`"],
    ),
    (
        "count(log.kernel)",
        "count(rule.packets, '-j DROP')",
        &["no rule in the files of host `server` has the words `-j DROP`"],
    ),
    (
        "\"count(log.kernel)\"",
        "\"count(rule.packets, '-j ACCEPT')\"\nwhere = { host = \"inside\" }",
        &["no rule in the files of host `inside`", "`where = { host = \"server\" }`"],
    ),
    (
        "\"count(log.kernel)\"",
        "\"count(rule.packets, '-j ACCEPT')\"\nwhere = { phase = \"day\" }",
        &["`phase` has no effect on `count(rule.packets, '-j ACCEPT')`"],
    ),
    ("count(log.kernel)", "count(rule.packets)", &["for example `count(rule.packets, '-j DROP')`"]),
    ("count(log.kernel)", "count(log.ap, 'x')", &["there is no service `ap` with a log", "`app`?"]),
    (
        "count(log.kernel)",
        "count(log.app, 'x')",
        &["no probe follows the logs of services", "`service-log = \"followed\"`"],
    ),
    ("listen = \"unix:/run/tunelab/backend.sock\"\n", "", &["`listen` is missing in `service.app`"]),
    ("listen = \"unix:/run/tunelab/backend.sock\"", "listen = 80", &["expected `unix:/path` or `address:port`"]),
    ("summary = \"with more of it\"", "summary = 7", &["expected a string, found an integer"]),
    ("max(tcp.inuse)", "max(tcp.in_use)", &["there is no reading `tcp.in_use`", "`tcp.inuse`?"]),
    ("\"max(tcp.inuse)\"", "7", &["expected a string, found an integer"]),
    ("max(round_trips)", "mid(round_trips)", &["unknown function `mid`", "`min`?"]),
    ("count(502)", "count(servd)", &["unknown thing to count `servd`", "`served`?"]),
    ("where = { clients = \"browsers\" }", "where = { clients = \"browser\" }", &["there are no clients `browser`"]),
    ("control = [\"tuned\"]", "control = \"tuned\"", &["expected an array, found a string"]),
    ("control = [\"tuned\"]", "control = [\"tunde\"]", &["there is no variant `tunde`", "`tuned`?"]),
    (
        "sysctl-files = [\"base.conf\"]",
        "sysctl-files = [\"bas.conf\"]",
        &["there is no file `bas.conf`", "`base.conf`?"],
    ),
    ("close = \"reset\"", "close = \"vanish\"", &["a client that vanished does not come back", "toml:72:9"]),
    (
        "close = \"reset\"",
        "close = \"server\"",
        &["the server does not close a connection that is kept alive", "toml:72:9"],
    ),
    (
        "{ browsers = 4,",
        "{ late = 70000, browsers = 4,",
        &["1680000 clients vanish from `10.3.0.0/16`, which has 65534 addresses", "toml:74:1"],
    ),
    (
        "listen = \"10.8.0.1:53\"",
        "listen = \"10.8.0.1:53\"\nbody = \"1 kB\"",
        &["unknown key `body` in `service.dns`", "toml:57:1"],
    ),
    (
        "listen = \"127.0.0.1:3000\"",
        "listen = \"unix:/run/tunelab/backend.sock\"",
        &["`service.node` listens where `service.app` does"],
    ),
    ("flights = true", "flights = \"yes\"", &["expected `true` or `false`, found a string"]),
    ("every = \"1 h\"\n\n[variant", "\n[variant", &["`every` is missing in `series.table`"]),
    ("delay = \"50 ms\"", "delay = \"50 m\"", &["`50 m` is not a time"]),
];

/// Claims, and all the rest.
const REST: &[Edit] = &[
    ("assert = [\"log-lines == 1\"]", "assert = []", &["`assert` is empty", "toml:"]),
    ("assert = [\"log-lines == 1\"]", "assert = [\"\"]", &["`` is no comparison"]),
    ("assert = [\"log-lines == 1\"]", "assert = [\"log-lines = 1\"]", &["unknown comparison `=`"]),
    ("assert = [\"log-lines == 1\"]", "assert = \"log-lines == 1\"", &["expected an array, found a string"]),
    ("variants = [\"default\"]", "variants = []", &["`variants` is empty"]),
    ("control = [\"tuned\"]", "control = []", &["has no control"]),
    ("says = \"the table fills up\"", "says = \"\"", &["this text is empty"]),
    ("[variant.tuned]", "[variant.yours]\n[variant.tuned]", &["the variant with the user's own files"]),
    ("[variant.default]", "[variant.default]\nsumary = \"x\"", &["unknown key `sumary`", "`summary`?"]),
    ("config = \"nginx.conf\"", "config = \"\"", &["`` is no name of a file"]),
    ("config = \"nginx.conf\"", "config = \"../whole/nginx.conf\"", &["is no name of a file in the scenario's folder"]),
    ("config = \"nginx.conf\"", "config = \"/etc/passwd\"", &["is no name of a file in the scenario's folder"]),
    ("config = \"nginx.conf\"", "config = \"yours.nginx.conf\"", &["is no name of a file in the scenario's folder"]),
    ("config = \"nginx.conf\"", "config = \"ngnix.conf\"", &["there is no file `ngnix.conf`", "`nginx.conf`?"]),
    ("config = \"nginx.conf\"", "config = [\"nginx.conf\"]", &["expected a string, found an array"]),
    ("[machine]\n", "[machine]\n[machine]\n", &["this is no TOML", "duplicate key"]),
    ("scale = \"1\"", "scale = 100", &["expected a scale such as `1/100`, found an integer"]),
    ("scale = \"1\"", "scale = \"0.01\"", &["`0.01` is not a scale from `1` to `1/100000`"]),
    (
        "absolute = 3, variants = [\"default\"]",
        "absolute = 3, variants = [\"defualt\"]",
        &["there is no variant `defualt`"],
    ),
    ("program = \"server.js\"", "program = \"sever.js\"", &["there is no file `sever.js`"]),
];

/// Edits of files that are deployed.
const DEPLOYED: &[(&str, Edit)] = &[
    ("rules.v4", ("*filter\n", "\u{feff}*filter\n", &["begins with a byte order mark", "rules.v4:1:1"])),
    ("rules.v4", ("*filter\n", "*filter\r\n", &["lines end as on Windows", "rules.v4:1:8"])),
    ("rules.v4", ("COMMIT", "COMIT", &["`COMIT` is no line of a rules file", "rules.v4:4:1"])),
    (
        "rules.v4",
        ("-A INPUT", "-A INPUT -i eth0", &["host `server` has no interface `eth0`", "`-i eth1`", "rules.v4:3:1"]),
    ),
    ("rules.v4", ("-A INPUT", "-A INPUT -i inter+ ! -o lo -s 10.0.0.0/8 -i wlan0", &["no interface `wlan0`"])),
    ("rules.v4", ("-A INPUT", "-A IN\u{1b}PUT", &["a control character in this line", "rules.v4:3:6"])),
    (
        "rules.v4",
        ("-A INPUT", "A INPUT", &["`A INPUT -j ACCEPT` is no line of a rules file", "rules.v4:3:1", "`-A INPUT`?"]),
    ),
    ("base.conf", ("net.core", "\u{feff}net.core", &["begins with a byte order mark", "base.conf:1:1"])),
    ("base.conf", ("net.core", "../../x\nnet.core", &["is no sysctl.d line", "base.conf:1:1"])),
    ("base.conf", ("net.core", "../../x = 1\nnet.core", &["`../../x = 1` is no sysctl.d line"])),
    ("base.conf", ("net.core.somaxconn = 16", "net.core.somaxconn =\nnet.core.somaxconn = 16", &["sets nothing"])),
    ("base.conf", ("= 16", "= 16\u{7}", &["a control character in this line", "base.conf:1:24"])),
    ("limits.conf", ("* soft", "\u{feff}* soft", &["begins with a byte order mark", "limits.conf:1:1"])),
    ("limits.conf", ("1024", "many", &["`many` is no limit", "limits.conf:1:1"])),
    ("limits.conf", ("1024", "unlimited", &["`unlimited` is no number of files", "limits.conf:1:1", "fs.nr_open"])),
    ("nginx.conf", ("events", "\u{feff}events", &["begins with a byte order mark", "nginx.conf:1:1"])),
    ("nginx.conf", ("http {", "http {{", &["`{` is never closed", "nginx.conf:2:6"])),
    ("server.js", ("console.log(1)", " ", &["there is no program in this file"])),
];

/// Files as these programs read them on a real machine: all but iptables-restore take line ends of Windows for blanks.
const RIGHT: &[(&str, &str, &str)] = &[
    ("base.conf", "= 16\n", "= 16\r\n"),
    ("limits.conf", "1024\n", "1024\r\n"),
    ("nginx.conf", "events {}\n", "events {}\r\n"),
    ("server.js", "console", "\u{feff}console"),
    ("scenario.toml", "\nsummary", "\u{feff}\r\nsummary"),
    ("scenario.toml", "\"net.ipv4.tcp_syncookies\"", "\"-net/ipv4/conf/eth0.100/forwarding\""),
    ("scenario.toml", "\"10.2.0.0/16\"", "\"fd01::/64\""),
    ("scenario.toml", "\"10.2.0.0/16\"", "\"10.2.0.7\""),
    ("scenario.toml", "timeout = \"5 s\"", "timeout = { response = \"20 min\" }"),
    ("scenario.toml", "keep-alive = false", "keep-alive = false\nkeepalive = \"off\""),
    (
        "scenario.toml",
        "from = \"internet\"\naddresses = \"10.2.0.0/16\"",
        "from = \"within\"\naddresses = \"10.2.0.0/16\"",
    ),
    ("scenario.toml", "protocol = \"UDP\"", "protocol = \"DNS\"\nname = [\"a.test\", \"b.test\"]"),
    ("scenario.toml", "service.app = \"restart\"", "service.nginx = \"reload\""),
    ("scenario.toml", "machine.memory = \"2 GiB\"", "machine.memory = \"none\""),
    ("scenario.toml", "machine.memory = \"2 GiB\"", "host.inside.addresses = [\"10.8.0.2\", \"10.8.0.1\"]"),
];

pub fn rows() -> Vec<Row> {
    let all = [WORDS, NUMBERS, ADDRESSES, TOPOLOGY, SERVICES, PHASES, ONE_EACH, REST];
    let mut rows: Vec<Row> = all.into_iter().flatten().map(|edit| row(SCENARIO, *edit)).collect();
    rows.extend(DEPLOYED.iter().map(|(file, edit)| row(&format!("scenarios/whole/{file}"), *edit)));
    rows.extend(RIGHT.iter().map(|(file, from, to)| {
        let path = format!("scenarios/whole/{file}");
        let given = move |project: &super::Project| {
            project.edit(&path, from, to);
            look()
        };
        Row::new(format!("right: {file}: {to:?}"), given, &["`whole` has no variant `none`"])
    }));
    rows
}

fn row(file: &str, (from, to, says): Edit) -> Row {
    let (name, file) = (format!("{file}: {to:?}"), file.to_owned());
    let given = move |project: &super::Project| {
        project.edit(&file, from, to);
        look()
    };
    Row::new(name, given, &[&["error: `scenarios/whole/scenario.toml` has a problem\n"], says].concat())
}

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
    ("pause = \"1 s\"", "times = 0", &["a visit asks at least once"]),
    ("pause = \"1 s\"", "times = 65535", &["asks 131070 times, more often than 10000"]),
    ("pause = \"1 s\"", "pause = [\"1 s\"]\ntimes = 2", &["a list of pauses says how often is asked", "toml:40:9"]),
    ("path = [\"/\", \"/poll\"]", "path = \"/\"", &["one request alone has nothing to pause before", "toml:40:9"]),
    (
        "path = [\"/\", \"/poll\"]\npause = \"1 s\"",
        "path = [\"/\", \"/a\", \"/b\"]\npause = [\"1 s\"]",
        &["of 3 requests 2 are made"],
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
    ("memory = \"1 GiB\"", "memory = \"99999999999 GiB\"", &["more bytes than there are numbers for"]),
    ("memory = \"1 GiB\"", "memory = \"-1 GiB\"", &["`-1 GiB` is not a size"]),
    ("memory = \"1 GiB\"", "memory = 1024", &["expected a size such as `1 GiB`, found an integer"]),
    ("machine.memory = \"2 GiB\"", "machine.memory = \"1 B\"", &["at least `128 MiB`"]),
    ("cpus = 1", "cpus = 0", &["from 1 to 64 CPUs", "toml:9:8"]),
    ("cpus = 1", "cpus = 65", &["from 1 to 64 CPUs"]),
    ("cpus = 1", "cpus = 4294967297", &["is not a whole number"]),
    ("cpus = 1", "cpus = -1", &["`-1` is not a whole number"]),
    ("cpus = 1", "cpus = 1.5", &["expected a whole number, found a float"]),
    ("initcwnd = 10", "initcwnd = 0", &["1 to 1000 segments"]),
    ("initcwnd = 10", "initcwnd = 99999", &["1 to 1000 segments"]),
    ("rto-min = \"200 ms\"", "rto-min = \"0 ms\"", &["this takes no time"]),
    ("timeout = \"5 s\"", "timeout = \"0 s\"", &["this takes no time"]),
    ("timeout = \"5 s\"", "timeout = \"-5 s\"", &["`-5 s` is not a time"]),
    ("timeout = \"5 s\"", "timeout = \"5\"", &["`5` is not a time"]),
    ("timeout = \"5 s\"", "timeout = \"99999999999999999999 s\"", &["longer than ten years"]),
    ("timeout = \"5 s\"", "timeout = \"4000 d\"", &["longer than ten years"]),
    ("body = \"512 B\"", "body = \"2 GiB\"", &["at most `1 GiB`"]),
    ("port = 80", "port = 0", &["port 0 is none"]),
    ("port = 80", "port = 65536", &["is not a port from 1 to 65535"]),
    ("source-port = 50000", "source-port = 0", &["port 0 is none"]),
    ("listen = \"127.0.0.1:3000\"", "listen = \"127.0.0.1:0\"", &["nothing to listen on"]),
    ("listen = \"127.0.0.1:3000\"", "listen = \"unix:relative\"", &["nothing to listen on"]),
    ("listen = \"127.0.0.1:3000\"", "listen = \"unix:/a\\u0000b\"", &["a control character"]),
    ("rounds = 24", "rounds = 0", &["`phase 1` has none"]),
    ("rounds = 24", "rounds = 4294967295", &["has 4294967295, more than 1000000"]),
    ("every = \"1 h\"\nclients", "every = \"0 s\"\nclients", &["this takes no time"]),
    ("every = \"1 h\"\nclients", "every = \"3000 d\"\nclients", &["the phases last longer than ten years"]),
    ("duration = \"8 h\"", "duration = \"0 h\"", &["this takes no time"]),
    ("browsers = 4,", "browsers = 4294967295,", &["has 4294967295, more than 1000000"]),
    ("browsers = 4,", "browsers = 999999,", &["do not fit into a round"]),
    ("browsers = 4,", "browsers = -4,", &["`-4` is not a whole number"]),
    ("spacing = \"20 ms\"", "spacing = \"3000 d\"", &["do not fit into a round"]),
    ("for = \"5 min\"", "for = \"0 min\"", &["this takes no time"]),
    ("for = \"5 min\"", "for = \"3000 d\"", &["clients in a trial, more than 1000000"]),
    ("for = \"5 min\"", "for = \"1 s\"", &["is over before a client comes"]),
    ("between = [100, 1000]", "between = [1000, 100]", &["these are no two rates"]),
    ("between = [100, 1000]", "between = []", &["these are no two rates"]),
    ("to = \"2 %\"", "to = \"200 %\"", &["more than `100 %`"]),
    ("sockets = \"1 min\"", "sockets = \"0 s\"", &["`sockets` looks every 0 µs: too often"]),
    ("sockets = \"1 min\"", "sockets = \"1 us\"", &["`sockets` looks every 1 µs: too often"]),
    ("{ every = \"1 h\", after = \"3 s\" }", "{ every = \"0 s\" }", &["looks every 0 µs"]),
    (
        "of = \"conntrack.count\"\nevery = \"1 h\"",
        "of = \"conntrack.count\"\nevery = \"1500 ms\"",
        &["by whole seconds"],
    ),
    ("tolerance = \"5 %\"", "tolerance = \"-5 %\"", &["`-5 %` is not a share"]),
];

/// Addresses that no host of a scenario can have.
const ADDRESSES: &[Edit] = &[
    ("address = \"10.0.0.1\"", "address = \"0.0.0.0\"", &["`0.0.0.0` stands for no host", "toml:13:11"]),
    ("address = \"10.0.0.1\"", "address = \"127.0.0.1\"", &["`127.0.0.1` is for loopback"]),
    ("address = \"10.0.0.1\"", "address = \"224.0.0.1\"", &["`224.0.0.1` is for multicast"]),
    ("address = \"10.0.0.1\"", "address = \"255.255.255.255\"", &["is reserved, or for broadcast"]),
    ("address = \"10.0.0.1\"", "address = \"10.0.2.15\"", &["is the lab's own, for SSH"]),
    ("address = \"10.0.0.1\"", "address = \"10.255.1.1\"", &["is the lab's own, between server and clients"]),
    ("address = \"10.0.0.1\"", "address = \"10.0.0.0\"", &["is the address of a network"]),
    ("address = \"10.0.0.1\"", "address = \"10.0.0.255\"", &["is the broadcast address of a network"]),
    ("address = \"10.0.0.1\"", "address = \"10.0.0.256\"", &["`10.0.0.256` is not an IPv4 address"]),
    ("address = \"10.0.0.1\"", "address = \"::1\"", &["`::1` is not an IPv4 address"]),
    ("address = \"10.8.0.1\"", "address = \"127.0.0.1\"", &["`127.0.0.1` is for loopback"]),
    ("address = \"10.8.0.1\"", "address = \"239.1.1.1\"", &["`239.1.1.1` is for multicast"]),
    (
        "[clients.browsers]",
        "[upstream.other]\naddress = \"10.8.0.2\"\n[clients.browsers]",
        &["as upstream `inside` is"],
    ),
    ("\"10.1.0.0/16\"", "\"0.0.0.0/8\"", &["that stands for no host"]),
    ("\"10.1.0.0/16\"", "\"127.0.0.0/8\"", &["that is for loopback"]),
    ("\"10.1.0.0/16\"", "\"224.0.0.0/24\"", &["that is for multicast"]),
    ("\"10.1.0.0/16\"", "\"255.255.255.255/32\"", &["that is reserved, or for broadcast"]),
    ("\"10.1.0.0/16\"", "\"10.255.0.0/24\"", &["that is the lab's own"]),
    ("\"10.1.0.0/16\"", "\"10.0.2.0/24\"", &["that is the lab's own"]),
    ("\"10.1.0.0/16\"", "\"10.0.0.0/30\"", &["contains `10.0.0.1`, the address of the server"]),
    ("\"10.1.0.0/16\"", "\"10.8.0.0/24\"", &["the address of upstream `inside`"]),
    ("\"10.1.0.0/16\"", "\"10.1.0.1/16\"", &["has host bits set"]),
    ("\"10.1.0.0/16\"", "\"10.1.0.0/33\"", &["is not a prefix length"]),
    ("\"10.1.0.0/16\"", "\"10.1.0.0/\"", &["is not a prefix length"]),
];

/// A reference to a part that was itself refused is no second mistake.
const ONE_EACH: &[Edit] = &[
    ("subnet = \"10.1.0.0/16\"", "subnet = 7", &["expected a subnet"]),
    ("subnet = \"10.1.0.0/16\"\n", "", &["`subnet` is missing in `clients.browsers`"]),
    ("close = \"client\"", "close = \"cliet\"", &["unknown way to close", "`client`?"]),
    ("close = \"client\"\n", "", &["`close` is missing"]),
    ("address = \"10.8.0.1\"\n", "", &["`address` is missing in `upstream.inside`"]),
    ("address = \"10.8.0.1\"", "address = \"ten\"", &["`ten` is not an IPv4 address"]),
    ("name = \"day\"\nrounds = 24", "name = \"day\"\nrounds = \"x\"", &["expected a whole number, found a string"]),
    ("name = \"day\"\nrounds = 24\n", "name = \"day\"\n", &["`rounds` is missing in `phase 1`"]),
    ("duration = \"8 h\"", "duration = 8", &["expected a time such as `10 ms`, found an integer"]),
    ("search = { clients = \"browsers\",", "search = { clients = 7,", &["expected a string, found an integer"]),
    ("search = { clients = \"browsers\",", "search = { clients = \"browser\",", &["there are no clients `browser`"]),
    ("sockets = \"1 min\"", "sockets = 60", &["expected a time such as `10 ms`"]),
    ("nginx-log = \"followed\"", "nginx-log = \"sampled\"", &["is followed as it happens, not sampled"]),
    ("listen = \"unix:/run/tunelab/backend.sock\"\n", "", &["`listen` is missing in `backend.app`"]),
    ("listen = \"unix:/run/tunelab/backend.sock\"", "listen = 80", &["expected `unix:/path` or `address:port`"]),
    ("summary = \"with more of it\"", "summary = 7", &["expected a string, found an integer"]),
    ("max(tcp.inuse)", "max(tcp.in_use)", &["there is no reading `tcp.in_use`", "`tcp.inuse`?"]),
    ("\"max(tcp.inuse)\"", "7", &["expected a string, found an integer"]),
    ("max(round_trips)", "mid(round_trips)", &["unknown function `mid`", "`min`?"]),
    ("count(502)", "count(servd)", &["unknown thing to count `servd`", "`served`?"]),
    ("where = { clients = \"browsers\" }", "where = { clients = \"browser\" }", &["there is no clients `browser`"]),
    ("control = [\"tuned\"]", "control = \"tuned\"", &["expected an array, found a string"]),
    ("control = [\"tuned\"]", "control = [\"tunde\"]", &["there is no variant `tunde`", "`tuned`?"]),
    (
        "sysctl-files = [\"base.conf\"]",
        "sysctl-files = [\"bas.conf\"]",
        &["there is no file `bas.conf`", "`base.conf`?"],
    ),
    ("close = \"reset\"", "close = \"vanish\"", &["a client that vanished does not come back", "toml:50:9"]),
    (
        "close = \"reset\"",
        "keep-alive = false\nclose = \"server\"",
        &["an upstream never closes a connection", "toml:51:9"],
    ),
    (
        "{ browsers = 4,",
        "{ late = 70000, browsers = 4,",
        &["1680000 clients vanish from `10.3.0.0/16`, which has 65534 addresses", "toml:52:1"],
    ),
    (
        "listen = \"127.0.0.1:3000\"",
        "listen = \"udp:10.0.0.1:53\"",
        &["`node` has no effect in `backend.node`", "toml:30:8"],
    ),
    (
        "listen = \"127.0.0.1:3000\"",
        "listen = \"unix:/run/tunelab/backend.sock\"",
        &["`backend.node` listens where `app` does"],
    ),
    ("flights = true", "flights = \"yes\"", &["expected `true` or `false`, found a string"]),
    ("every = \"1 h\"\n\n[variant", "\n[variant", &["`every` is missing in `series.table`"]),
    ("delay = \"50 ms\"", "delay = \"50 m\"", &["`50 m` is not a time"]),
];

/// Claims, and all the rest.
const REST: &[Edit] = &[
    ("assert = [\"log-lines == 1\"]", "assert = []", &["`assert` is empty", "toml:"]),
    ("assert = [\"log-lines == 1\"]", "assert = [\"\"]", &["`` compares nothing"]),
    ("assert = [\"log-lines == 1\"]", "assert = [\"log-lines = 1\"]", &["unknown comparison `=`"]),
    ("assert = [\"log-lines == 1\"]", "assert = \"log-lines == 1\"", &["expected an array, found a string"]),
    ("variants = [\"default\"]", "variants = []", &["`variants` is empty"]),
    ("control = [\"tuned\"]", "control = []", &["has no control"]),
    ("says = \"the table fills up\"", "says = \"\"", &["this text is empty"]),
    ("[variant.tuned]", "[variant.yours]\n[variant.tuned]", &["the variant with the user's own files"]),
    ("[variant.default]", "[variant.default]\nsumary = \"x\"", &["unknown key `sumary`", "`summary`?"]),
    ("nginx = \"nginx.conf\"", "nginx = \"\"", &["`` is no name of a file"]),
    ("nginx = \"nginx.conf\"", "nginx = \"../whole/nginx.conf\"", &["is no name of a file in the scenario's folder"]),
    ("nginx = \"nginx.conf\"", "nginx = \"/etc/passwd\"", &["is no name of a file in the scenario's folder"]),
    ("nginx = \"nginx.conf\"", "nginx = \"yours.nginx.conf\"", &["is no name of a file in the scenario's folder"]),
    ("nginx = \"nginx.conf\"", "nginx = \"ngnix.conf\"", &["there is no file `ngnix.conf`", "`nginx.conf`?"]),
    ("nginx = \"nginx.conf\"", "nginx = [\"nginx.conf\"]", &["expected a string, found an array"]),
    ("[machine]\n", "[machine]\n[machine]\n", &["this is no TOML", "duplicate key"]),
    ("scaled = [\"net.core.somaxconn\"]", "scaled = [\"net.core.nothing\"]", &["nothing here sets `net.core.nothing`"]),
    (
        "absolute = 3, variants = [\"default\"]",
        "absolute = 3, variants = [\"defualt\"]",
        &["there is no variant `defualt`"],
    ),
    ("node = \"server.js\"", "node = \"sever.js\"", &["there is no file `sever.js`"]),
];

/// Edits of files that are deployed.
const DEPLOYED: &[(&str, Edit)] = &[
    ("rules.v4", ("*filter\n", "\u{feff}*filter\n", &["begins with a byte order mark", "rules.v4:1:1"])),
    ("rules.v4", ("*filter\n", "*filter\r\n", &["lines end as on Windows", "rules.v4:1:8"])),
    ("rules.v4", ("COMMIT", "COMIT", &["`COMIT` is no line of a rules file", "rules.v4:4:1"])),
    ("rules.v4", ("-A INPUT", "-A IN\u{1b}PUT", &["a control character in this line", "rules.v4:3:6"])),
    ("rules.v4", ("-A INPUT", "-A INPUT -i eth0", &["has no interface `eth0`", "rules.v4:3:1", "`-i site+`"])),
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
];

pub fn rows() -> Vec<Row> {
    let all = [WORDS, NUMBERS, ADDRESSES, ONE_EACH, REST];
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

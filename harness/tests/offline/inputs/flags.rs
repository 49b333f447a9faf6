//! Words on the command line.

use super::{Project, Row, strings};

type Said = &'static [&'static str];

/// Arguments of a scenario's run.
const SCENARIO: &[(&[&str], Said)] = &[
    (&["--seed", "1..99999999999"], &["that would be 199999999998 runs", "at most 10000"]),
    (&["--seed", "0..18446744073709551615"], &["runs, and one command does at most 10000"]),
    (&["--seed", "1..9000", "--repeat", "4294967295"], &["at most 10000"]),
    (&["--seed", "18446744073709551616"], &["a seed is a number"]),
    (&["--seed", "-1"], &["-1"]),
    (&["--seed", "1..2..3"], &["a seed is a number"]),
    (&["--repeat", "4294967295"], &["that would be 8589934590 runs"]),
    (&["--repeat", "0"], &["0"]),
    (&["--repeat", "4294967296"], &["4294967296"]),
    (&["--jobs", "0"], &["0"]),
    (&["--cpus", "0"], &["from 1 to 64 CPUs"]),
    (&["--cpus", "65"], &["from 1 to 64 CPUs"]),
    (&["--cpus", "two"], &["`two` is no number of CPUs"]),
    (&["--memory", "64 MiB"], &["at least `128 MiB`"]),
    (&["--memory", "2000 GiB"], &["at most `1024 GiB`"]),
    (&["--memory", "99999999999 GiB"], &["is more than 16 EiB"]),
    (&["--memory", "1"], &["is not a size"]),
    (&["--memory", "GiB"], &["is not a size"]),
    (&["--cmdline", "a b"], &["is not one word", "its own `--cmdline`"]),
    (&["--cmdline", "a\nb"], &["is not one word"]),
    (&["--cmdline", ""], &["is not one word"]),
    (&["--cmdline", "a\u{1b}[2J"], &["is not one word"]),
    (&["--module", "../x=a=1"], &["is not `NAME=PARAMETER=VALUE`"]),
    (&["--module=-r=a=1"], &["is not `NAME=PARAMETER=VALUE`"]),
    (&["--module", "x=a=1 2"], &["is not `NAME=PARAMETER=VALUE`"]),
    (&["--module", "x=a=\u{7}"], &["is not `NAME=PARAMETER=VALUE`"]),
    (&["--image", "../debian-12"], &["there is no image `../debian-12`"]),
    (&["--image", "debian-21"], &["there is no image `debian-21`", "did you mean `debian-12`?"]),
    (&["--image", "\u{1b}[31m"], &["there is no image `\\u{1b}[31m`"]),
    (&["--image", ""], &["there is no image ``"]),
    (&["--variant", "\u{202e}x"], &["no variant `\\u{202e}x`"]),
    (&["--clock", "sun"], &["sun"]),
    (&["--format", "xml"], &["xml"]),
    (&["--modules", "x"], &["--kernel"]),
    (&["--kernel", "gone"], &["failed to read the kernel `gone`"]),
    (&["--sysctl", "gone"], &["failed to read your file `gone`"]),
    (&["--accept", "--memory", "1GiB"], &["cannot be used with"]),
];

/// Arguments of the other subcommands.
const OTHERS: &[(&[&str], Said)] = &[
    (&["scenario", "../whole"], &["there is no scenario at `../whole`"]),
    (&["scenario", ""], &["there is no scenario ``"]),
    (&["scenario", "\u{1b}[2Jwhole"], &["there is no scenario `\\u{1b}[2Jwhole`"]),
    (&["scenario", "whol"], &["there is no scenario `whol`", "did you mean `whole`?"]),
    (&["shell", "debian-21"], &["there is no image `debian-21`"]),
    (&["shell", "debian-12", "--scenario", "whol"], &["there is no scenario `whol`"]),
    (&["shell", "debian-12", "--scenario", "whole", "--variant", "tunde"], &["no variant `tunde`", "`tuned`?"]),
    (&["shell", "debian-12", "--cpus", "0"], &["from 1 to 64 CPUs"]),
    (&["shell", "debian-12", "--kernel", "/dev/zero"], &["the kernel `/dev/zero` is a device"]),
    (&["shell", "debian-12", "--variant", "x"], &["--scenario"]),
    (&["image", "build", "../debian-12"], &["no image is called `../debian-12`"]),
    (&["image", "verify", "debian-21"], &["no image is called `debian-21`", "did you mean `debian-12`?"]),
    (&["image", "prune", "--limit", "5"], &["`5` is not a size"]),
    (&["image", "prune", "--limit", "99999999999 GiB"], &["is more than 16 EiB"]),
    (&["image", "prune", "--limit", "-1 GiB"], &["-1"]),
    (&["image", "build", "--jobs", "0"], &["0"]),
    (&["claims", "it-fils"], &["it-fils", "`it-fills`?"]),
    (&["claims", "--image", "debian-21"], &["`debian-21`"]),
    (&["list", "--format", "xml"], &["xml"]),
    (&["matrix", "--format", "xml"], &["xml"]),
    (&["doctor", "--format", "xml"], &["xml"]),
];

pub fn rows() -> Vec<Row> {
    let row = |&(words, says): &(&'static [&'static str], Said)| {
        let given = move |_: &Project| strings(words);
        Row::new(format!("{words:?}"), given, says)
    };
    let of_scenario = |&(words, says): &(&'static [&'static str], Said)| {
        let given = move |_: &Project| [strings(&["scenario", "whole", "--no-install"]), strings(words)].concat();
        Row::new(format!("scenario {words:?}"), given, says)
    };
    let mut rows: Vec<Row> = SCENARIO.iter().map(of_scenario).chain(OTHERS.iter().map(row)).collect();
    rows.push(long_command_line());
    rows.push(without_a_scenario());
    rows.push(with_an_odd_name());
    rows
}

/// Each word is short enough, but all together are not.
fn long_command_line() -> Row {
    let given = |_: &Project| {
        let words = (0..5).flat_map(|_| ["--cmdline".to_owned(), "x".repeat(250)]);
        strings(&["scenario", "whole", "--no-install"]).into_iter().chain(words).collect()
    };
    Row::new("five long words", given, &["1268 characters of the kernel's command line", "room for 1024"])
}

/// The folder is named, and the others are listed.
fn without_a_scenario() -> Row {
    let given = |project: &Project| {
        project.put("scenarios/unfinished/nginx.conf", b"");
        strings(&["list"])
    };
    let says = &["scenarios/unfinished` is no scenario: it has no `scenario.toml`", "most of what there is"];
    Row { exit: 0, ..Row::new("a folder without a scenario", given, says) }
}

fn with_an_odd_name() -> Row {
    let given = |project: &Project| {
        let from = project.home().join("scenarios/whole");
        std::fs::rename(&from, from.with_file_name("a\u{1b}b")).unwrap();
        strings(&["list"])
    };
    Row::new("a folder with an escape in its name", given, &["the folder `a\\u{1b}b` does not name a scenario"])
}

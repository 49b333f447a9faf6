//! Odd files in the place of each file that a user brings.

use super::{Project, Row, look, odd, path, project::FILES, strings};
use std::{fs, os::unix::fs::symlink};

/// The arguments of a command that reads the file; keyrings are no text.
fn reads(file: &str) -> Vec<String> {
    match file {
        "scenarios/article.toml" => strings(&["claims"]),
        "snapshots/whole@debian-12.snap" => strings(&["claims"]),
        file if file.starts_with("images/") => strings(&["image", "list"]),
        _ => look(),
    }
}

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (file, _) in FILES {
        let odds = odd::ALL.iter().filter(|odd| !(odd.is_text && file.ends_with(".gpg")));
        rows.extend(odds.map(|odd| {
            let given = move |project: &Project| {
                fs::remove_file(path(project, file)).unwrap();
                (odd.put)(&path(project, file));
                reads(file)
            };
            Row::new(format!("{file}: {}", odd.name), given, &[&[*file], odd.says].concat())
        }));
    }
    rows.extend(own());
    rows.extend(links());
    rows
}

const FLAGS: &[&str] = &["--sysctl", "--rules", "--nginx", "--limits", "--kernel", "--modules"];

/// The same for files that a flag names.
fn own() -> Vec<Row> {
    let mut rows = Vec::new();
    for flag in FLAGS {
        let is_text = !matches!(*flag, "--kernel" | "--modules");
        let folder = |odd: &&odd::Odd| !(*flag == "--modules" && odd.name == "a folder");
        for odd in odd::ALL.iter().filter(|odd| is_text || !odd.is_text).filter(folder) {
            let given = move |project: &Project| {
                (odd.put)(&path(project, "mine"));
                let mut args = look();
                if *flag == "--modules" {
                    project.put("kernel", &crate::kernel::modern("6.1.0"));
                    args.extend(strings(&["--kernel", "kernel"]));
                }
                args.extend(strings(&[flag, "mine"]));
                args
            };
            // A link to a device may be given here: the device that it leads to is looked at.
            let says =
                if odd.name == "a link to a device" { &["is a device, not a regular file"][..] } else { odd.says };
            rows.push(Row::new(format!("{flag}: {}", odd.name), given, &[&["mine"], says].concat()));
        }
    }
    rows
}

/// Links in a scenario's own folder.
fn links() -> Vec<Row> {
    let link = |name: &'static str, from: &'static str, to: &'static str, says: &'static [&'static str]| {
        let given = move |project: &Project| {
            let path = path(project, from);
            fs::rename(&path, path.with_extension("kept")).unwrap();
            symlink(to, path).unwrap();
            look()
        };
        Row::new(name, given, says)
    };
    let out = &["is a link out of its folder, to `", "put a copy of the file there"];
    vec![
        link("a link within the folder", "scenarios/whole/nginx.conf", "nginx.kept", &["has no variant `none`"]),
        link("a link to beside the folder", "scenarios/whole/base.conf", "../article.toml", out),
        link("a link to a file of the host", "scenarios/whole/nginx.conf", "/etc/passwd", out),
        link("the scenario itself", "scenarios/whole/scenario.toml", "../../images/debian-12.toml", out),
    ]
}

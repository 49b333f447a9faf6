//! A distribution's disk with its own init: downloaded, verified, inspected, booted, and then a machine like any other.
//!
//! The disk is made here from Debian's packages, as distributions make theirs: GPT, root as partition 1, a boot
//! partition of its own, labels in fstab, systemd, cloud-init, no keys, compressed qcow2.

use crate::{
    bench::{Bench, SHORT, Use, recipes_in, run_from, run_under, spec, with},
    kernel::Own,
};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tunelab::{
    cache::Cache,
    host::{InstallPolicy, namespace},
    image::GivenKernel,
    lab,
    plan::RunSpec,
    story::{RunName, Teller},
};

const IMAGE: &str = "debian-12-cloud-made-here";
const DISK: &str = "disk.qcow2";
const SECTOR: u64 = 512;

#[test]
#[ignore = "makes a distribution's disk and boots it with systemd: 10 minutes on two cores"]
fn a_signed_disk_with_systemd_is_a_machine_like_any_other() {
    with(Use::None, Use::None, async |bench| {
        let home = bench.repository();
        let (published, images) = (home.join("published"), home.join("own-images"));
        fs::create_dir_all(images.join("keys")).unwrap();
        fs::create_dir_all(&published).unwrap();
        make_disk(&published).await;
        sign(&published, &images.join("keys/made-here.gpg"));
        write_recipe(&images, &serve(published));

        let scenario = bench.scenario(SHORT);
        let twice = [1, 2].map(|repeat| {
            let spec = spec(&scenario, "article");
            RunSpec { run: RunName { image: IMAGE.into(), repeat, ..(*spec.run).clone() }.into(), ..spec }
        });
        let (results, notices) = run_from(&images, twice.into(), &bench.cache).await;
        let results: Vec<_> = results
            .and_then(|results| results.into_iter().collect::<Result<Vec<_>, _>>())
            .unwrap_or_else(|e| panic!("{e:?}\n{notices:#?}"));
        assert_eq!(results[0].record.fingerprint, results[1].record.fingerprint);
        assert!(results[0].kernel.ends_with("-cloud-amd64"), "{}", results[0].kernel);
        is_built_the_same_again(bench, &images).await;
        with_a_kernel_of_ones_own(bench, &images).await;
    });
}

/// Builds the same image to the byte, from the same disk and packages, in a cache that has neither.
async fn is_built_the_same_again(bench: &Bench, images: &Path) {
    let recipe = recipes_in(images).find(IMAGE).unwrap_or_else(|e| panic!("{e:?}"));
    let another = Cache::at(bench.repository().join("another-cache")).unwrap();
    let [one, again] = [&bench.cache, &another].map(async |cache| {
        lab::ready_image(&recipe, InstallPolicy::Never, cache, &Teller::silent())
            .await
            .unwrap_or_else(|e| panic!("{e:?}"))
    });
    assert_eq!(one.await.manifest.files, again.await.manifest.files);
    fs::remove_dir_all(another.root()).unwrap();
}

/// Boots the same disk under a kernel of the user's own, with modules of its own.
async fn with_a_kernel_of_ones_own(bench: &Bench, images: &Path) {
    let own = Own::of(bench);
    let given = GivenKernel::open(&own.kernel, Some(&own.modules)).unwrap_or_else(|e| panic!("{e:?}"));
    let spec = spec(&bench.scenario(SHORT), "article");
    let run = RunName { image: IMAGE.into(), kernel: Some(given.release.clone()), ..(*spec.run).clone() };
    let spec = RunSpec { run: run.into(), ..spec };
    let (results, notices) = run_under(Some(given), images, vec![spec], &bench.cache).await;
    let result = results.and_then(|mut results| results.remove(0)).unwrap_or_else(|e| panic!("{e:?}\n{notices:#?}"));
    assert_eq!(result.kernel, bench.shared.image.release());
    assert!(result.modules_sha256.is_some());
}

/// Makes `disk.qcow2` in `folder`.
async fn make_disk(folder: &Path) {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let script = ["sh", "-ec", include_str!("distribution.sh")];
    let environment = [("OUT", scratch.path()), ("TMPDIR", scratch.path())];
    let child = namespace::spawn(&script, |command| {
        command.envs(environment).env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive");
    });
    let output = child.await.unwrap_or_else(|e| panic!("{e:?}")).wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    let raw = scratch.path().join("disk.raw");
    let at = |file: &str| scratch.path().join(file);
    write_disk(&raw, &[(1, at("root.ext4")), (16, at("boot.ext4"))]);
    ran(Command::new("qemu-img").args(["convert", "-c", "-O", "qcow2"]).arg(&raw).arg(folder.join(DISK)));
}

/// Writes each file as the partition of its number, one behind the other, 1 MiB apart from the table.
fn write_disk(raw: &Path, partitions: &[(usize, PathBuf)]) {
    let disk = File::create(raw).unwrap();
    let mut entries = vec![0; 128 * 128];
    let mut start: u64 = 2048;
    for (number, file) in partitions {
        let mut from = File::open(file).unwrap();
        let sectors = from.metadata().unwrap().len() / SECTOR;
        let entry = &mut entries[(number - 1) * 128..][..128];
        // The type is Linux file system data; the partition's own number may be any.
        entry[..16].copy_from_slice(&hex::decode("af3dc60f838472478e793d69d8477de4").unwrap());
        entry[16] = *number as u8;
        entry[32..40].copy_from_slice(&start.to_le_bytes());
        entry[40..48].copy_from_slice(&(start + sectors - 1).to_le_bytes());
        copy_at(&mut from, &disk, start * SECTOR);
        start += sectors;
    }
    let sectors = start + 2048;
    disk.set_len(sectors * SECTOR).unwrap();
    // Linux looks at a GPT only behind an MBR with one partition that says that there is one.
    disk.write_all_at(&[0xee, 0, 0, 0, 1], 446 + 4).unwrap();
    disk.write_all_at(&[0x55, 0xaa], 510).unwrap();
    let header = gpt_header(sectors, &entries);
    disk.write_all_at(&header, SECTOR).unwrap();
    disk.write_all_at(&entries, 2 * SECTOR).unwrap();
}

/// The header of UEFI specification, 5.3.2.
fn gpt_header(sectors: u64, entries: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 92];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"EFI PART\0\0\x01\0");
    put(12, &92u32.to_le_bytes());
    put(24, &1u64.to_le_bytes());
    put(32, &(sectors - 1).to_le_bytes());
    put(40, &34u64.to_le_bytes());
    put(48, &(sectors - 34).to_le_bytes());
    put(56, &[1; 16]);
    put(72, &2u64.to_le_bytes());
    put(80, &128u32.to_le_bytes());
    put(84, &128u32.to_le_bytes());
    put(88, &crc32(entries).to_le_bytes());
    let sum = crc32(&header);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    header
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn copy_at(from: &mut File, to: &File, mut at: u64) {
    use std::io::Read;
    let mut block = vec![0; 1 << 20];
    loop {
        match from.read(&mut block).unwrap() {
            0 => return,
            n if block[..n].iter().all(|b| *b == 0) => at += n as u64,
            n => {
                to.write_all_at(&block[..n], at).unwrap();
                at += n as u64;
            }
        }
    }
}

/// Writes SHA256SUMS and its signature beside the disk, and the key to check it with to `keyring`.
fn sign(folder: &Path, keyring: &Path) {
    let home = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap();
    let gpg = || {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--no-tty", "--homedir"]).arg(home.path()).current_dir(folder);
        command
    };
    let sums = Command::new("sha256sum").arg("--binary").arg(DISK).current_dir(folder).output().unwrap();
    fs::write(folder.join("SHA256SUMS"), sums.stdout).unwrap();
    ran(gpg().args(["--passphrase", "", "--quick-generate-key", "made-here@example.org", "rsa2048", "sign", "never"]));
    ran(gpg().args(["--output", "SHA256SUMS.gpg", "--detach-sign", "SHA256SUMS"]));
    ran(gpg().arg("--output").arg(keyring).arg("--export"));
    ran(Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]));
}

fn write_recipe(images: &Path, url: &str) {
    let text = format!(
        r#"
summary = "Debian 12 with its own init, made by a test"
init = "distribution"

[disk]
urls = ["{url}/{DISK}"]
sums = {{ file = "SHA256SUMS", signature = "SHA256SUMS.gpg", keyring = "made-here.gpg" }}

[packages]
suite = "bookworm"
install = ["nginx-light", "iptables", "conntrack", "procps", "kmod"]

[machine]
memory = "1 GiB"
"#
    );
    fs::write(images.join(format!("{IMAGE}.toml")), text).unwrap();
}

/// Serves the files of `folder` for as long as this process lives; returns the URL.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that hangs up is its own business.
            let _ = answer(stream.unwrap(), &folder);
        }
    });
    url
}

fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines.by_ref() {
        if line?.is_empty() {
            break;
        }
    }
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    match File::open(folder.join(name)) {
        Ok(mut file) => {
            let length = file.metadata()?.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")?;
            std::io::copy(&mut file, &mut stream).map(drop)
        }
        Err(_) => write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    }
}

fn ran(command: &mut Command) {
    let status = command.stdin(Stdio::null()).status().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(status.success(), "{command:?}: {status}");
}

//! Reads a publisher's list of checksums: fetches it from beside the image, checks its signature, and reads one line.

use super::{Attempts, Digest, again, http, http::Ended, signature};
use crate::{
    error::{Context, Error, Result},
    image::Sums,
    story::Teller,
};

/// Returns the checksum from the first of `urls` that has a list. A list that is there and is not signed as it should
/// be is an error, not a reason to look elsewhere.
pub async fn digest(sums: &Sums, urls: &[String], attempts: Attempts, teller: &Teller) -> Result<Digest> {
    let mut failures = Vec::new();
    for url in urls {
        let (folder, image) = url.rsplit_once('/').expect("a checked URL names a file");
        let step = teller.step(format!("downloading `{folder}/{}`", sums.file));
        match files(folder, [&sums.file, &sums.signature], attempts, teller).await? {
            Ok([text, signed]) => {
                step.done();
                signature::check(&format!("{folder}/{}", sums.file), &text, &signed, &sums.keyring).await?;
                return find(&String::from_utf8_lossy(&text), image).ok_or_else(|| {
                    Error::host(format!("`{folder}/{}` does not name `{image}`", sums.file))
                        .hint("its publisher may have renamed or removed the image; look into the folder of `urls`")
                });
            }
            Err(why) => failures.push(why),
        }
    }
    Err(Error::host(format!("failed to download what proves the disk image: {}", failures.join("; ")))
        .hint("check the network and the recipe's `urls` and `sums`"))
}

/// Fetches the list and its signature. The inner error is about this folder: another mirror may do.
async fn files(
    folder: &str,
    names: [&String; 2],
    attempts: Attempts,
    teller: &Teller,
) -> Result<Result<[Vec<u8>; 2], String>> {
    let mut found = Vec::new();
    for name in names {
        let url = format!("{folder}/{name}");
        match file(&url, attempts, teller).await? {
            Ok(Some(bytes)) => found.push(bytes),
            Ok(None) => return Ok(Err(format!("`{url}` is not there"))),
            Err(why) => return Ok(Err(format!("`{url}`: {why}"))),
        }
    }
    Ok(Ok(found.try_into().expect("two were asked for")))
}

async fn file(url: &str, attempts: Attempts, teller: &Teller) -> Result<Result<Option<Vec<u8>>, String>> {
    let mut wait = attempts.first_wait;
    for left in (0..attempts.tries).rev() {
        let (asked, stall) = (url.to_owned(), attempts.stall);
        let answer = tokio::task::spawn_blocking(move || http::small(&asked, stall)).await;
        match answer.host(|| "the download panicked".into())? {
            Ok(bytes) => return Ok(Ok(bytes)),
            Err(Ended::Broken(why)) if left > 0 => {
                teller.notice(again(url, &why, wait));
                tokio::time::sleep(wait).await;
            }
            Err(Ended::Broken(why) | Ended::Refused(why)) => return Ok(Err(why)),
            Err(Ended::Whole) => unreachable!("a small file is given back"),
        }
        wait *= 2;
    }
    Ok(Err("not asked".into()))
}

/// Finds the image's line, `CHECKSUM *NAME` or `CHECKSUM  NAME`, as sha256sum(1) writes them.
fn find(text: &str, image: &str) -> Option<Digest> {
    text.lines().find_map(|line| {
        let (hex, name) = line.split_once(' ')?;
        let name = name.trim_start_matches([' ', '*']).trim_start_matches("./").trim_end();
        (name == image).then(|| Digest::parse(hex))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_the_whole_name() {
        let sha = "ab".repeat(32);
        let text = format!("{} *disk.img.manifest\n{sha} *disk.img\n", "00".repeat(32));
        assert_eq!(find(&text, "disk.img"), Some(Digest::Sha256(sha)));
        assert_eq!(find(&text, "isk.img"), None);
        let sha512 = "cd".repeat(64);
        assert_eq!(find(&format!("{sha512}  disk.qcow2\n"), "disk.qcow2"), Some(Digest::Sha512(sha512)));
        assert_eq!(find("1234 *disk.img", "disk.img"), None);
    }
}

//! Tries a boot that went wrong once more, and says so: a failure that one boot of many has by chance breaks no run.

use super::room::{Room, given_up};
use crate::{
    cache::Cache,
    error::{Error, Exit, Result},
    story::Teller,
};

/// Makes something of a machine of this image in a room of its own, at most twice. Returns it with the room and with
/// the earlier error. It tries again only where the guest broke: a mistake of the user or the host would only repeat.
pub async fn twice<T>(
    room: &str,
    image: &str,
    cache: &Cache,
    teller: &Teller,
    attempt: impl AsyncFn(&Room) -> Result<T>,
) -> Result<(T, Room, Vec<String>)> {
    let first = match once(room, cache, &attempt).await {
        Ok((made, room)) => return Ok((made, room, Vec::new())),
        Err(e) => e,
    };
    if first.exit() != Exit::Guest {
        return Err(first);
    }
    teller.notice(format!("`{image}` did not come up: {}; booting it once more", in_a_line(&first)));
    match once(room, cache, &attempt).await {
        Ok((made, room)) => Ok((made, room, vec![format!("{first:?}")])),
        Err(second) => Err(of_both(first, second)),
    }
}

async fn once<T>(room: &str, cache: &Cache, attempt: impl AsyncFn(&Room) -> Result<T>) -> Result<(T, Room)> {
    let room = Room::open(cache, room)?;
    match attempt(&room).await {
        Ok(made) => Ok((made, room)),
        Err(e) => Err(given_up(room, e)),
    }
}

/// Returns the second error; with the first, if the two differ.
fn of_both(first: Error, second: Error) -> Error {
    if second.exit() != Exit::Guest || in_a_line(&first) == in_a_line(&second) {
        return second;
    }
    let earlier = Error::guest(format!("the boot before it failed otherwise: {}", in_a_line(&first)));
    second.related(vec![match first.hint_text() {
        Some(hint) => earlier.hint(hint),
        None => earlier,
    }])
}

/// The message without the console's last lines, which have times in them.
fn in_a_line(error: &Error) -> &str {
    error.message().lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;
    use std::cell::Cell;

    type End = Result<u8, fn() -> Error>;

    /// Makes attempts that end so, one after the other; returns how often it was tried, the result, and the notices.
    async fn tried(ends: &[End]) -> (usize, Result<(u8, Vec<String>)>, Vec<String>) {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::at(home.path().to_owned()).unwrap();
        let (teller, mut story) = Teller::new();
        let tries = Cell::new(0);
        let attempt = async |_: &Room| {
            tries.set(tries.get() + 1);
            ends[tries.get() - 1].map_err(|error| error())
        };
        let made = twice("boot", "debian-12", &cache, &teller, attempt).await;
        let mut told = Vec::new();
        while let Ok(Story::Notice(line)) = story.try_recv() {
            told.push(line);
        }
        (tries.get(), made.map(|(made, _, retries)| (made, retries)), told)
    }

    fn panics() -> Error {
        Error::guest("the guest's kernel panicked: why\nthe console's last lines:\n  x")
    }

    #[tokio::test]
    async fn a_boot_that_broke_is_tried_once_more_and_that_is_told() {
        let (tries, made, told) = tried(&[Err(|| panics().hint("look there")), Ok(7)]).await;
        assert_eq!(tries, 2);
        let (made, retries) = made.unwrap();
        assert_eq!((made, retries.len()), (7, 1));
        assert!(retries[0].starts_with("the guest's kernel panicked: why\n"), "{retries:?}");
        assert_eq!(told, ["`debian-12` did not come up: the guest's kernel panicked: why; booting it once more"]);
    }

    #[tokio::test]
    async fn what_user_and_host_do_wrong_is_not() {
        for wrong in [(|| Error::input("a flag")) as fn() -> Error, || Error::host("no room"), Error::interrupted] {
            let (tries, made, told) = tried(&[Err(wrong)]).await;
            assert_eq!((tries, made.unwrap_err().message()), (1, wrong().message()));
            assert!(told.is_empty(), "{told:?}");
        }
    }

    #[tokio::test]
    async fn the_same_panic_twice_is_one_error_and_two_kinds_are_both_told() {
        let (_, made, _) = tried(&[Err(panics), Err(panics)]).await;
        let once = format!("{:?}", made.unwrap_err());
        assert!(once.starts_with(panics().message()) && !once.contains("before"), "{once}");
        let (_, made, _) = tried(&[Err(panics), Err(|| Error::guest("no SSH").hint("h"))]).await;
        let both = format!("{:?}", made.unwrap_err());
        let expected = "no SSH\nhint: h\nthe boot before it failed otherwise: the guest's kernel panicked: why\nhint: ";
        assert!(both.starts_with(expected), "{both}");
    }
}

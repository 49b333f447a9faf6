//! The article's catalogue, and what scenarios say of it: right ones are read, wrong ones refused once, completely.

use crate::made;
use tunelab::{
    outcome::claims,
    report::diagnostic,
    scenario::{Article, load},
};

#[test]
fn the_shipped_article_has_its_33_claims() {
    let article = Article::of(&made::repository()).unwrap_or_else(|e| panic!("{e:?}"));
    let numbers: Vec<u32> = article.claims.iter().map(|c| c.number).collect();
    assert_eq!(numbers, (1..=33).collect::<Vec<_>>());
    for claim in &article.claims {
        let texts = [&claim.says, &claim.quote, &claim.section];
        assert!(texts.iter().all(|text| !text.is_empty()) && !claim.says.ends_with('.'), "{claim:?}");
    }
}

/// The rendered refusal of an article, without the temporary folder's name.
fn refused(text: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("scenarios")).unwrap();
    made::article(home.path(), text);
    let error = Article::of(home.path()).expect_err("must be refused");
    diagnostic::render(&error, false).replace(&format!("{}/", home.path().display()), "")
}

#[test]
fn all_problems_of_an_article_at_once() {
    insta::assert_snapshot!(refused(
        r#"
title = "An article"

[claim.no-number]
says = "x"
article = "x"
section = "x"

[claim.first]
number = 7
says = "x"
artcle = "x"
section = "x"

[claim.Second]
number = 7
says = 2
article = "x"
section = "x"
verdict = "holds"
"#
    ));
}

#[test]
fn an_article_without_claims() {
    assert!(refused("").contains("there is no claim"));
    assert!(refused("[claim.x\n").contains("this is no TOML"));
}

#[test]
fn an_article_out_of_order_is_read_in_its_order() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("scenarios")).unwrap();
    made::article(home.path(), &made::ARTICLE.replace("number = 1", "number = 9"));
    assert_eq!(Article::of(home.path()).unwrap().ids(), ["one-line", "good-load", "it-fills"]);
}

/// What `check` says of the small scenario with this under its first claim.
fn checked(keys: &str, article: Option<&str>) -> Result<(), String> {
    let text = made::SMALL.replace("[claim.grows]", &format!("[claim.grows]\n{keys}"));
    let (home, folder) = made::scenario("small", &text, &[("base.conf", "")]);
    if let Some(article) = article {
        made::article(home.path(), article);
    }
    let refusal = load(&folder).and_then(|scenario| claims::check(&scenario));
    refusal.map_err(|e| format!("{e:?}").replace(&format!("{}/", home.path().display()), ""))
}

#[test]
fn a_scenario_settles_what_the_article_claims() {
    let good = Some(made::ARTICLE);
    assert_eq!(checked(r#"settles = "it-fills""#, good), Ok(()));
    assert_eq!(checked(r#"settles = ["it-fills", "one-line"]"#, good), Ok(()));
    assert_eq!(checked("", None), Ok(()), "a scenario need not be about the article");
    let wrong = checked("settles = [\"it-fils\", \"good-load\"]\napplies = [\"tabel.limit > 0\"]", good);
    insta::assert_snapshot!(wrong.unwrap_err(), @r"
    `scenarios/small/scenario.toml` makes claims that cannot be judged
    there is no `tabel.limit` in an outcome of this scenario
    hint: did you mean `table.limit`?
    the article has no claim `it-fils`
    hint: did you mean `it-fills`?
    no experiment can settle `good-load`: nobody knows the load
    hint: that is its `cannot` in `article.toml`
    ");
    let absent = checked(r#"settles = "it-fills""#, None).unwrap_err();
    assert!(absent.starts_with("failed to read the article `scenarios/article.toml`"), "{absent}");
    assert!(checked("settles = 7", good).unwrap_err().contains("expected a string, found an integer"));
    assert!(checked(r#"applies = ["table"]"#, good).unwrap_err().contains("compares nothing"));
}

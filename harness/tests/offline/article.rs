//! The article's catalogue, and what scenarios say of it: correct ones are read, wrong ones refused once, completely.

use crate::made;
use tunelab::{
    outcome::claims::{self, Experiment},
    report::diagnostic,
    scenario::{Article, load},
};

#[test]
fn the_shipped_article_has_its_33_claims() {
    let article = Article::of(&made::repository()).unwrap_or_else(|e| panic!("{e:?}")).unwrap();
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
    let article = Article::of(home.path()).unwrap().unwrap();
    let ids: Vec<&str> = article.claims.iter().map(|claim| claim.id.as_str()).collect();
    assert_eq!(ids, ["one-line", "good-load", "it-fills"]);
}

/// The output of `tunelab claims` for an article that names these claims of the small scenario.
fn checked(by: &[(&str, &str)]) -> Result<(), String> {
    let (home, folder) = made::scenario("small", made::SMALL, &[("base.conf", "")]);
    made::article(home.path(), &made::settled(by));
    let experiments =
        [Experiment { scenario: load(&folder).unwrap(), outcomes: Default::default(), verdicts: Default::default() }];
    let article = Article::of(home.path()).map(Option::unwrap);
    let refusal = article.and_then(|article| claims::check_article(&article, &experiments));
    refusal.map_err(|e| format!("{e:?}").replace(&format!("{}/", home.path().display()), ""))
}

#[test]
fn an_article_says_what_settles_its_claims() {
    assert_eq!(checked(&[("it-fills", r#"["small/grows"]"#)]), Ok(()));
    assert_eq!(checked(&[("it-fills", r#"["small/grows", "small/one-line"]"#)]), Ok(()));
    assert_eq!(checked(&[]), Ok(()), "an article may be new");
    let wrong = checked(&[("it-fills", r#"["small/grow"]"#), ("one-line", r#"["smal/one-line"]"#)]);
    insta::assert_snapshot!(wrong.unwrap_err(), @r"
    `scenarios/article.toml` names claims that no scenario makes
    `small` has no claim `grow`
    hint: did you mean `grows`?
    there is no scenario `smal`
    hint: did you mean `small`?
    ");
    let refused = |claim, by| checked(&[(claim, by)]).unwrap_err();
    assert!(refused("it-fills", "[]").contains("`settled-by` is empty"));
    assert!(refused("it-fills", r#"["grows"]"#).contains("`grows` names no claim of a scenario"));
    assert!(refused("it-fills", "7").contains("expected an array, found an integer"));
    assert!(
        refused("good-load", r#"["small/grows"]"#).contains("`claim.good-load` has both `cannot` and `settled-by`")
    );
}

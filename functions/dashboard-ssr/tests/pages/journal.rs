//! The journal: every line with who did what to which experiment, escaped, and pages that follow one another.

use crate::site::Site;
use aiv1_model::{Action, DesignCost, JournalEntry, Note};

#[tokio::test]
async fn a_line_says_who_did_what_to_which_experiment_and_why() {
    let (site, [first, _, best]) = Site::measured().await;
    assert_eq!(site.page("/journal").await.text(".empty"), "Nothing has been done to the lab yet.");
    let catalog = &site.lab.catalog;
    let reason = "a bug <b>in the lab</b>\u{202e}".to_owned();
    catalog.act(&best, JournalEntry::OPERATOR, &Action::Retracted { reason }).await.unwrap();
    let (model, outcome) = ("a-model".to_owned(), "proposed".to_owned());
    let cost = DesignCost { model, replies: 1, input_tokens: 9_000, output_tokens: 70, microdollars: None };
    catalog.note("loop", &Note::ModelCalled { outcome, cost, at_most_microdollars: None }).await.unwrap();
    catalog.note(JournalEntry::OPERATOR, &Note::Paused).await.unwrap();
    let page = site.page("/journal").await;
    let rows = page.texts("main tbody tr");
    assert!(rows[0].starts_with("3 ") && rows[0].ends_with("operator loop paused — —"), "{}", rows[0]);
    let called = "loop language model asked — proposed a-model, 9 000 tokens read, 70 written, —";
    assert!(rows[1].ends_with(called), "{}", rows[1]);
    let retracted = format!("operator retracted {best} a bug <b>in the lab</b>\u{fffd}");
    assert!(rows[2].ends_with(&retracted), "{}", rows[2]);
    assert_eq!(page.attributes("main tbody a", "href"), [format!("/blog/{best}")]);
    // What was done takes effect on the pages.
    assert_eq!(site.page(&format!("/blog/{best}")).await.all(".entry .retraction").len(), 1);
    let cards = site.page("/").await.attributes(".card h3 a", "href");
    assert_eq!(cards[0], format!("/blog/{first}"));
}

#[tokio::test]
async fn pages_of_the_journal_follow_one_another() {
    let (site, [first, ..]) = Site::measured().await;
    for n in 0..55 {
        let reason = format!("line {n}");
        site.lab.catalog.act(&first, JournalEntry::OPERATOR, &Action::Flagged { reason }).await.unwrap();
    }
    let page = site.page("/journal").await;
    assert_eq!(page.texts("main tbody th")[0], "55");
    let next = page.attributes(".pager a[rel=next]", "href")[0].clone();
    assert_eq!(site.page(&next).await.texts("main tbody th"), ["5", "4", "3", "2", "1"]);
}

//! What no longer stands is marked wherever its number appears; what waits for a person says so; what was removed is gone.

use crate::site::{Ids, PUBLIC_URL, Site};
use aiv1_model::{Attention, Experiment, Resolved, Retraction, Status, Verified, VerifiedOutcome};
use aiv1_store::contract::fixtures;
use axum::http::StatusCode;

/// A site that has taken over the three results of another, the best one changed.
async fn changed(change: impl FnOnce(&mut Experiment)) -> (Site, Ids) {
    let (origin, ids) = Site::furnished().await;
    let site = Site::empty();
    site.lab.furnish().await;
    for id in [&ids.first, &ids.random] {
        site.lab.adopt(&origin.lab, id, |_| ()).await;
    }
    site.lab.adopt(&origin.lab, &ids.best, change).await;
    (site, ids)
}

fn retract(experiment: &mut Experiment) {
    let reason = "points[0].bitrate differs <b>".to_owned();
    experiment.retraction = Some(Retraction { at: fixtures::START, by: "bench-2".to_owned(), reason });
}

#[tokio::test]
async fn a_retracted_result_is_marked_wherever_its_number_appears() {
    let (site, ids) = changed(retract).await;
    let title = "transform, retracted: 14.9 % fewer bits than svt-av1-8 at equal PSNR-Y";
    let page = site.page(&format!("/blog/{}", ids.best)).await;
    assert_eq!(page.text("h1"), title);
    let banner = page.text(".entry .retraction .lead");
    assert!(
        banner.starts_with("⊘ Retracted on ")
            && banner.ends_with("by bench-2: points[0].bitrate differs <b>"),
        "{banner}"
    );
    assert_eq!(page.text(".big .headline s"), "14.9 % fewer bits", "it stays readable");
    assert!(page.all(".big .ruler").is_empty());
    assert_eq!(page.all("article.retracted").len(), 1, "its tables are struck through");

    let list = site.page("/").await;
    let row = list.texts(".ledger tbody tr").into_iter().find(|row| row.contains("14.9")).unwrap();
    assert!(row.contains("⊘ Retracted"), "{row}");
    assert_eq!(list.texts(".ledger s").len(), 1);
    let best = list.attributes(".card h3 a", "href");
    assert_eq!(best, [&ids.first, &ids.random].map(|id| format!("/blog/{id}")), "it is ranked nowhere");

    let notebook = site.page("/blog").await;
    assert!(notebook.texts(".posts h2").contains(&title.to_owned()));
    assert_eq!(notebook.texts(".posts .badge.retracted").len(), 1);
    let compare = site.page(&format!("/compare?ids={},{}", ids.best, ids.first)).await;
    assert_eq!(compare.texts("thead th")[1], "transform No. 3 (retracted)");
    assert_eq!(compare.text("td.saving s"), "14.9 % fewer bits than svt-av1-8");
    let codec = site.page("/codecs").await.attributes("main tbody a", "href")[0].clone();
    assert!(
        !site.page(&codec).await.texts(".ledger tbody tr").concat().contains("14.9"),
        "not among its best"
    );

    let feed: atom_syndication::Feed = site.get("/feed.xml").await.body.parse().unwrap();
    let link = format!("{PUBLIC_URL}/blog/{}", ids.best);
    let entry = feed.entries().iter().find(|entry| entry.links()[0].href() == link).unwrap();
    assert!(entry.title().as_str().contains("transform, retracted: "), "{}", entry.title().as_str());
    assert!(entry.summary().unwrap().as_str().starts_with("Retracted by bench-2: points[0]"));
    assert_eq!(entry.categories().last().unwrap().term(), "retracted");
}

#[tokio::test]
async fn what_waits_for_a_person_says_so_and_what_for() {
    let reason = "tries are used up: resolve it".to_owned();
    let waits = Attention { since: fixtures::START, reason, resolved: None };
    let (site, ids) = changed(|one| one.attention = Some(waits.clone())).await;
    let page = site.page(&format!("/blog/{}", ids.best)).await;
    let panel = page.text(".state.attention");
    assert!(
        panel.starts_with("⚑ Waits for a person since ")
            && panel.ends_with(": tries are used up: resolve it"),
        "{panel}"
    );
    let list = site.page("/").await;
    assert_eq!(list.texts(".ledger .badge.attention"), ["⚑ Waits for a person"]);
    assert!(list.texts(".ledger tbody tr")[0].contains("tries are used up: resolve it"));
    let (at, by, note) = (fixtures::START, "operator".to_owned(), "the <b>kit</b> was wrong".to_owned());
    let seen_to = Attention { resolved: Some(Resolved { at, by, note }), ..waits };
    let (site, ids) = changed(|one| one.attention = Some(seen_to)).await;
    let panel = site.page(&format!("/blog/{}", ids.best)).await.text(".state.attention");
    assert!(panel.ends_with("by operator: the <b>kit</b> was wrong"), "{panel}");
    assert!(site.page("/").await.texts(".ledger .badge.attention").is_empty());
}

#[tokio::test]
async fn a_result_says_when_it_was_last_derived_again_and_by_whom() {
    let (site, ids) = Site::furnished().await;
    let page = site.page(&format!("/blog/{}", ids.best)).await;
    assert!(page.text(".verified").starts_with("Derived again from what is stored: never yet."));
    let outcome = VerifiedOutcome::Confirmed;
    let verified = Verified { times: 2, at: fixtures::START, by: "bench-2".to_owned(), outcome };
    let (site, ids) = changed(|one| one.verified = Some(verified)).await;
    let said = site.page(&format!("/blog/{}", ids.best)).await.text(".verified");
    assert!(said.contains("by bench-2: every figure came out again. 2 times so far"), "{said}");
}

#[tokio::test]
async fn what_was_removed_for_good_says_that_and_nothing_else() {
    let (site, ids) = changed(|one| {
        one.status = Status::Other;
        one.purged_at = Some(fixtures::START);
        (one.findings, one.bundle) = (None, None);
        one.origin.rationale.clear();
    })
    .await;
    let answer = site.get(&format!("/blog/{}", ids.best)).await;
    assert_eq!(answer.status, StatusCode::GONE);
    let page = answer.document();
    assert_eq!(page.text("h1"), "Removed for good");
    assert!(
        page.text(".lead").contains(&format!("what experiment {} showed was removed for good", ids.best))
    );
    assert!(page.all("table, svg.chart, pre").is_empty());
    let list = site.page("/?tab=other").await;
    assert_eq!(list.texts(".ledger td")[1], "removed for good");
}

//! Where codecs come from: trees, versions with what changed, and the best at each rate and decode cost.

use crate::sample::SOURCE;
use crate::site::Site;
use aiv1_model::{Arm, Digest, ExperimentId, Origin};

fn codec(source: &str) -> String {
    format!("/codecs/{}", Digest::of(source.as_bytes()))
}

fn made_of(parent: &ExperimentId) -> Origin {
    Origin { parent: Some(parent.clone()), ..Origin::new(Arm::Llm, "Another transform.") }
}

#[tokio::test]
async fn what_descends_from_what_is_a_tree_newest_first() {
    let (site, [first, random, best]) = Site::measured().await;
    assert_eq!(
        site.page("/lineage").await.text("#trees .empty"),
        "No codec has been changed by a language model yet."
    );
    let child = site.lab.change(made_of(&best), "fn one() {}\n", 0.78).await;
    let grandchild = site.lab.change(made_of(&child), "fn two() {}\n", 0.9).await;
    let other = site.lab.change(made_of(&first), "fn three() {}\n", 1.1).await;
    let sibling = site.lab.change(made_of(&child), "fn four() {}\n", 0.7).await;
    let page = site.page("/lineage").await;
    let order = page.attributes("#trees a", "href");
    let expected = [&best, &child, &sibling, &grandchild, &first, &other].map(|id| format!("/blog/{id}"));
    assert_eq!(order, expected, "the tree with the latest experiment first, and in it the latest branch");
    assert!(!order.contains(&format!("/blog/{random}")), "who has no descendants is in no tree");
    // An only child follows its parent in the same list; branches have lists of their own.
    assert_eq!(page.all("#trees .tree > ul > li").len(), 4);
    assert_eq!(page.all("#trees .tree > ul > li > ul").len(), 2);
    assert_eq!(
        page.texts("#trees li > ul > li")[0],
        "transform No. 7 language model −25.5 % against svt-av1-8"
    );
}

#[tokio::test]
async fn a_codec_shows_its_versions_and_what_it_changed() {
    let (site, [_, _, best]) = Site::measured().await;
    let changed = SOURCE.replace("code(frames)", "code(<b>&frames)");
    let again = format!("{changed}// The last word.\n");
    let child = site.lab.change(made_of(&best), &changed, 0.78).await;
    let id = site.lab.change(made_of(&child), &again, 0.9).await;
    let page = site.page(&codec(&again)).await;
    let versions = page.attributes("#history tbody td a", "href");
    assert_eq!(versions, [&id, &child, &best].map(|id| format!("/blog/{id}")));
    let rows = page.texts("#history tbody tr");
    assert!(rows[1].contains("language model transform: 17.0 % fewer bits than svt-av1-8"), "{}", rows[1]);
    assert!(rows[2].contains("search transform: 14.9 % fewer bits"), "{}", rows[2]);
    assert_eq!(page.attributes("#changes a", "href"), [codec(&changed)]);
    assert_eq!(page.texts("#history .diff ins"), ["+ // The last word."]);
    let page = site.page(&codec(&changed)).await;
    assert_eq!(page.texts("#history .diff del"), ["− code(frames)"]);
    assert_eq!(page.texts("#history .diff ins"), ["+ code(<b>&frames)"]);
    let start = site.page(&codec(SOURCE)).await;
    assert!(start.text("#history").contains("It was not made from another codec"));
}

#[tokio::test]
async fn the_archive_has_the_best_of_each_rate_and_decode_cost() {
    let (site, [_, _, best]) = Site::measured().await;
    let cheap = site.lab.measure(Arm::Random, 2.7, 1.9, "").await;
    let page = site.page("/lineage").await;
    let links = page.attributes("#archive td a", "href");
    assert!(
        links.contains(&format!("/blog/{best}")) && links.contains(&format!("/blog/{cheap}")),
        "{links:?}"
    );
    assert_eq!(page.texts("#archive thead th")[..2], ["Rate", "under 50 fuel/px"]);
    assert_eq!(page.texts("#archive tbody th")[1], "0.05 to 0.1 bit/px");
}

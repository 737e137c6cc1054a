//! What held-out clips say stands beside each headline; what they show stays where it is.

use crate::sample;
use crate::site::Site;

#[tokio::test]
async fn the_generalisation_gap_stands_beside_the_headline() {
    let (site, [_, _, best]) = Site::measured().await;
    let path = format!("/blog/{best}");
    assert_eq!(site.page(&path).await.text(".big .generalisation"), "not measured on held-out clips");
    assert_eq!(site.page("/").await.texts(".card .generalisation").len(), 3);
    site.lab.hold_out().await;
    let id = site.lab.check(&best, 0.9).await;
    // 0.8 of x265's rate is 0.851 of SVT-AV1's, 0.9 is 0.957: 10.6 points less is saved elsewhere.
    let said = "On held-out clips −4.3 % against svt-av1-8: a generalisation gap of +10.6 points";
    assert_eq!(site.page(&path).await.text(".big .generalisation"), said);
    let front = site.page("/").await;
    assert_eq!(front.texts(".card .generalisation")[0], said);
    assert_eq!(front.texts(".card .generalisation")[1], "not measured on held-out clips");
    assert_eq!(front.attributes(".card .generalisation a", "href"), [format!("/blog/{id}")]);
    assert!(!front.attributes(".card h3 a", "href").contains(&format!("/blog/{id}")), "it is ranked nowhere");
    for told in ["/method", "/efficacy"] {
        assert_eq!(site.page(told).await.text("[data-looks]"), "once", "{told}");
    }
}

#[tokio::test]
async fn held_out_clips_are_hashes_and_nothing_else() {
    let (site, [_, _, best]) = Site::measured().await;
    assert!(site.page("/clips").await.all("#held-out").is_empty());
    site.lab.hold_out().await;
    let id = site.lab.check(&best, 0.9).await;
    let page = site.page("/clips").await;
    assert_eq!(page.texts("main tbody th"), ["facade", "juggle", "sign_person"]);
    let hashes: Vec<String> = sample::held_out().iter().map(|clip| clip.info.id.to_string()).collect();
    assert_eq!(page.texts("#held-out li"), hashes);
    assert!(page.text("#held-out p").starts_with("3 clips are kept from every designer"));
    let links = page.attributes("a", "href");
    assert!(hashes.iter().all(|hash| links.iter().all(|link| !link.contains(hash))), "no file is linked");
    let check = site.page(&format!("/blog/{id}")).await;
    assert!(check.all("#look").is_empty(), "no frame is shown");
    let asked = site.page(&format!("/blog/{id}?video=1")).await;
    assert!(asked.all(".rebuilding, video").is_empty(), "and none is made to be shown");
    assert!(check.text("#before").contains(&format!("It measures the codec of {best}")));
}

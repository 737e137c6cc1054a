//! What the pages say: counts, savings at equal quality, absent values, tabs, filters, paging.

use crate::sample;
use crate::site::{Document, Site};
use aiv1_model::{Action, Arm, JournalEntry, Status};
use aiv1_store::contract::fixtures;

#[tokio::test]
async fn the_front_page_counts_everything_and_shows_the_best_first() {
    let (site, ids) = Site::furnished().await;
    let page = site.page("/").await;
    assert_eq!(page.texts(".tally .count"), ["3", "1", "1", "1", "6"]);
    assert_eq!(page.texts(".tabs a"), ["Successful 3", "In progress 1", "Queued 1", "Failed 1"]);
    assert_eq!(page.text(".tabs a[aria-current]"), "Successful 3");
    let best = page.attributes(".card h3 a", "href");
    assert_eq!(best, [&ids.best, &ids.first, &ids.random].map(|id| format!("/blog/{id}")));
    // 0.8 of x265's rate is 0.85 of SVT-AV1's, the stronger one: the headline is the least favourable saving.
    assert_eq!(page.texts(".card .headline")[0], "14.9 % fewer bits");
    assert_eq!(page.texts(".card .against")[0], "than svt-av1-8 at equal PSNR-Y");
    assert_eq!(page.texts(".card .headline")[1], "27.7 % more bits");
    assert_eq!(page.all("svg.chart").len(), 2);
    assert!(page.text(".loop").contains("The loop is on"));
    assert_eq!(page.texts("#workers ~ .wide tbody th"), ["bench-1", "bench-2"]);
}

#[tokio::test]
async fn the_workers_are_shown_with_what_they_run_and_when_they_were_heard_of() {
    let empty = Site::empty();
    assert_eq!(empty.page("/workers").await.text(".empty"), "No worker has been heard of in the last day.");
    let (site, ids) = Site::furnished().await;
    let page = site.page("/workers").await;
    assert_eq!(page.texts("main tbody th"), ["bench-1", "bench-2"]);
    let info = fixtures::worker("bench-1");
    let cells = page.texts("main tbody tr:first-child td");
    assert_eq!((cells[0].as_str(), cells[1].as_str()), ("at work", ids.running.as_str()));
    assert_eq!(cells[3], info.version);
    assert_eq!(cells[4], info.machine.unwrap_or_else(|| "—".to_owned()));
    assert_eq!(page.attributes("main tbody td a", "href")[0], format!("/blog/{}", ids.running));
}

#[tokio::test]
async fn each_tab_shows_its_own_and_says_so_in_the_address() {
    let (site, ids) = Site::furnished().await;
    let rows = |page: &Document| page.attributes(".ledger .what a", "href");
    let of =
        |ids: &[&aiv1_model::ExperimentId]| ids.iter().map(|id| format!("/blog/{id}")).collect::<Vec<_>>();
    let failed = site.page("/?tab=failed").await;
    assert_eq!(rows(&failed), of(&[&ids.failed]));
    assert_eq!(failed.text(".tabs a[aria-current]"), "Failed 1");
    assert!(failed.text(".ledger .why").starts_with("The codec’s own fault: trap"));
    let running = site.page("/?tab=in_progress").await;
    assert_eq!(rows(&running), of(&[&ids.running]));
    assert_eq!(running.text(".ledger .progress"), "Execution 50 %");
    assert_eq!(running.attributes(".ledger progress", "value"), ["50"]);
    assert_eq!(rows(&site.page("/?tab=queued").await), of(&[&ids.queued]));
    assert_eq!(rows(&site.page("/?sort=best").await), of(&[&ids.best, &ids.first, &ids.random]));
    assert_eq!(rows(&site.page("/?arm=random").await), of(&[&ids.random]));
    let none = site.page(&format!("/?codec={}&tab=failed", "0".repeat(64))).await;
    assert!(rows(&none).is_empty());
    assert_eq!(none.text(".empty"), "No experiment of this kind has failed.");
}

#[tokio::test]
async fn pages_follow_one_another_without_a_gap_or_a_repetition() {
    let site = Site::empty();
    site.lab.furnish().await;
    for n in 0..45 {
        site.lab.submit(Arm::Random, 0.4 + f64::from(n) * 0.05, "").await;
    }
    let (mut address, mut seen, mut pages) = ("/?tab=queued".to_owned(), Vec::new(), 0);
    loop {
        let page = site.page(&address).await;
        seen.extend(page.texts(".ledger .number"));
        pages += 1;
        match page.attributes(".pager a[rel=next]", "href").first() {
            Some(next) => address.clone_from(next),
            None => break,
        }
        address.truncate(address.find('#').unwrap());
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, (1..=45).rev().map(|number: u32| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_experiment_says_what_was_tried_what_came_out_and_what_it_rests_on() {
    let (site, ids) = Site::furnished().await;
    let page = site.page(&format!("/blog/{}", ids.best)).await;
    assert_eq!(page.text("h1"), "transform: 14.9 % fewer bits than svt-av1-8 at equal PSNR-Y");
    assert_eq!(page.text(".rationale"), "lambda_scale moved from 1.00 to 1.30.");
    assert_eq!(page.texts("tr.turned th"), ["lambda_scale", "search_range"]);
    let savings = page.texts("#after table:first-of-type tbody tr");
    assert_eq!(
        savings[1],
        "x265-medium −20.0 % (−25.6 % … −16.0 %) −21.1 % (−26.6 % … −17.2 %) −21.4 % (−26.9 % … −17.5 %)"
    );
    assert_eq!(page.all("#after svg.chart").len(), 3);
    assert_eq!(page.all("#points > .wide").len(), 3);
    let point = &page.texts("#points tbody tr")[0];
    assert!(
        point.starts_with("16 1.31 Mbit/s 42.10 dB 42.98 dB 0.9783 40.20 dB at 47 6 500 fuel/px"),
        "{point}"
    );
    assert_eq!(page.text("#verify"), format!("aiv1 verify https://lab.example/blog/{}", ids.best));
    assert_eq!(page.texts("#phases tbody tr")[2], "Execution clips are encoded 31.0 s 900 s ✓ completed");
    assert!(
        page.text("#after .badge.note").contains("dB PSNR-Y, SSIM-Y"),
        "a low rate never stands without its quality"
    );
    let links = page.attributes("#files a[download]", "href");
    for name in ["decoder", "source", "record", "manifest"] {
        assert!(links.contains(&format!("/api/experiments/{}/{name}", ids.best)), "{name}");
    }
    assert!(
        page.attributes("#points a[download]", "href")[0]
            .starts_with(&format!("/api/experiments/{}/streams/", ids.best))
    );
}

#[tokio::test]
async fn a_failure_says_whose_it_is_where_it_happened_and_what_shows_it() {
    let (site, ids) = Site::furnished().await;
    let page = site.page(&format!("/blog/{}", ids.failed)).await;
    assert_eq!(page.text("h1"), "transform failed in execution: trap");
    assert_eq!(page.text("#failure .lead"), "The codec’s own fault, in execution: trap");
    assert!(page.text("#failure .diagnosis").starts_with("runtime error, high: Find the panic"));
    assert_eq!(page.texts("#failure .evidence figcaption"), ["Evidence: panic", "Evidence: backtrace"]);
    assert!(page.text("#failure > p").contains("on juggle at quality index 16"));
    assert!(page.all("#after, #points, #look").is_empty());
    assert_eq!(
        page.texts("#phases tbody tr").last().unwrap(),
        "Execution clips are encoded 9.0 s 900 s ✕ failed"
    );
}

#[tokio::test]
async fn what_has_not_ended_shows_where_it_stands_and_refreshes() {
    let (site, ids) = Site::furnished().await;
    let running = site.page(&format!("/blog/{}", ids.running)).await;
    assert_eq!(running.text(".state .progress"), "Execution 50 %");
    assert_eq!(
        running.attributes("[data-refresh]", "data-refresh"),
        [format!("/partials/live?id={}", ids.running)]
    );
    assert_eq!(running.texts("noscript").len(), 1);
    let queued = site.page(&format!("/blog/{}", ids.queued)).await;
    assert!(queued.text(".state").contains("It waits for a worker since"));
    // The codec has been compiled for another experiment: its declaration is known, defaults included.
    assert_eq!(queued.texts("#before tbody th"), ["lambda_scale", "search_range", "deblock"]);
    assert!(site.page(&format!("/blog/{}", ids.best)).await.all("noscript").is_empty());
}

#[tokio::test]
async fn what_nobody_measured_is_an_em_dash_and_never_a_nought() {
    let site = Site::empty();
    site.lab.furnish().await;
    site.lab.submit(Arm::Search, 1.0, "").await;
    let refused =
        |submission: &aiv1_model::Submission| fixtures::record_for(submission, Status::Successful, None);
    let id = site.lab.end("bench-1", refused).await;
    let page = site.page(&format!("/blog/{id}")).await;
    assert_eq!(page.text("h1"), "transform: measured, no saving to state");
    assert_eq!(page.text(".big .headline"), "—");
    let lead = page.text("#after .lead");
    assert!(lead.contains("its luma PSNR reaches from") && lead.contains("the anchors’ from"), "{lead}");
    let savings = page.texts("#after table:first-of-type tbody tr");
    assert_eq!(
        savings[1],
        "x265-medium — refused on 3 clips: the curves share 20 % of their quality range, 50 % is needed — —"
    );
    assert!(page.text("#before").contains("No reason was given."));
    let list = site.page("/").await;
    assert_eq!(list.text(".ledger .saving"), "— none stated");
    assert!(list.text("#best ~ .empty").contains("No experiment has a saving to state yet"));
    let site = Site::empty();
    let page = site.page("/").await;
    assert_eq!(page.texts(".tally .count"), ["0", "0", "0", "0", "0"]);
    assert!(page.all("svg.chart, .card").is_empty());
}

#[tokio::test]
async fn a_headline_says_what_it_was_measured_on() {
    let site = Site::empty();
    site.lab.furnish().await;
    site.lab.submit(Arm::Search, 1.0, "").await;
    let id = site.lab.end("bench-1", |submission| sample::record(submission, 0.8)).await;
    let lead = site.page(&format!("/blog/{id}")).await.text("#after .lead");
    assert!(lead.ends_with("on 3 clips, 360 frames in all."), "{lead}");
    let front = site.page("/").await;
    assert!(front.text("#best ~ .hint").contains("No. 1 was measured on 3 clips, 360 frames in all"));
    let stated = "A saving is stated against x264-medium, x265-medium, svt-av1-8";
    assert!(front.text(".card .facts").ends_with(stated), "{}", front.text(".card .facts"));
}

#[tokio::test]
async fn there_is_no_headline_while_a_strong_anchor_was_refused() {
    let site = Site::empty();
    site.lab.furnish().await;
    site.lab.submit(Arm::Search, 1.0, "").await;
    let id = site
        .lab
        .end("bench-1", |submission| {
            let mut record = sample::record(submission, 0.8);
            let strongest = |set: &&mut aiv1_model::SetComparison| set.anchor == "svt-av1-8";
            for set in record.set.iter_mut().filter(strongest) {
                (set.bd_rate, set.refused) = (None, 3);
            }
            record
        })
        .await;
    let lead = site.page(&format!("/blog/{id}")).await.text("#after .lead");
    assert!(lead.starts_with("No saving can be stated against every anchor on every clip"), "{lead}");
    assert!(site.page("/").await.all(".card").is_empty(), "it is not among the best");
}

#[tokio::test]
async fn what_was_cancelled_has_a_tab_as_soon_as_there_is_any() {
    let (site, ids) = Site::furnished().await;
    assert_eq!(site.page("/").await.all(".tabs a").len(), 4);
    site.lab.catalog.act(&ids.queued, JournalEntry::OPERATOR, &Action::Cancelled).await.unwrap();
    let page = site.page("/").await;
    assert_eq!(page.texts(".tabs a").last().unwrap(), "Cancelled 1");
    assert_eq!(page.text(".tally .total"), "6 experiments, 1 cancelled");
    let page = site.page(&page.attributes(".tally .total a", "href")[0].replace("#experiments", "")).await;
    assert_eq!(page.attributes(".ledger .what a", "href"), [format!("/blog/{}", ids.queued)]);
    assert_eq!(page.texts(".ledger td")[1], "cancelled");
}

#[tokio::test]
async fn experiments_are_compared_side_by_side_on_the_same_clips() {
    let (site, ids) = Site::furnished().await;
    let page = site.page(&format!("/compare?ids={},{}&ids={}", ids.best, ids.first, ids.failed)).await;
    let heads = page.texts("main .wide:first-of-type thead th");
    assert!(page.texts("main th").iter().all(|head| !head.is_empty()), "a head without a word");
    assert_eq!(heads[..4], ["What", "transform No. 3", "transform No. 1", "transform No. 4"]);
    let rows = page.texts("main tbody tr");
    assert!(rows.contains(&"svt-av1-8 PSNR-Y −14.9 % +27.7 % —".to_owned()), "{rows:#?}");
    assert!(rows.iter().any(|row| row.starts_with("lambda_scale 1.3 1 1.7")), "{rows:#?}");
    assert_eq!(page.all("svg.chart").len(), 3);
    assert!(page.all(".warning").is_empty());
    // The form of a list sends each id by itself; without any the page offers a choice.
    assert_eq!(site.page("/compare").await.attributes("input[name=ids]", "value").len(), 3);
}

#[tokio::test]
async fn a_codec_shows_its_source_and_what_can_be_turned() {
    let (site, ids) = Site::furnished().await;
    let href = site.page("/codecs").await.attributes("main tbody a", "href")[0].clone();
    let page = site.page(&href).await;
    assert_eq!(page.all("#source code")[0].text().collect::<String>(), sample::SOURCE);
    assert_eq!(page.texts("#parameters tbody th"), ["lambda_scale", "search_range", "deblock"]);
    assert_eq!(page.attributes("#experiments .ledger .what a", "href")[0], format!("/blog/{}", ids.best));
    assert_eq!(site.page("/clips").await.texts("main tbody th"), ["facade", "juggle", "sign_person"]);
}

#[tokio::test]
async fn the_notebook_lists_what_ended_and_counts_what_has_not() {
    let (site, ids) = Site::furnished().await;
    let page = site.page("/blog").await;
    let posts = page.attributes(".posts h2 a", "href");
    assert_eq!(posts, [&ids.failed, &ids.best, &ids.random, &ids.first].map(|id| format!("/blog/{id}")));
    assert!(page.text("main .narrow > .hint").starts_with("2 newer ones have yet to end"));
}

#[tokio::test]
async fn every_chart_colour_of_a_page_has_a_rule() {
    let (site, ids) = Site::furnished().await;
    let style = site.get("/assets/site.css").await.body;
    for path in
        ["/".to_owned(), format!("/blog/{}", ids.best), format!("/compare?ids={},{}", ids.best, ids.first)]
    {
        let page = site.page(&path).await;
        let colors: Vec<String> = ["fill", "stroke"]
            .iter()
            .flat_map(|name| {
                page.attributes(&format!("svg.chart [{name}^='#']"), name)
                    .into_iter()
                    .map(move |color| format!("[{name}=\"{color}\"]"))
            })
            .collect();
        assert!(!colors.is_empty());
        for color in colors {
            assert!(style.contains(&color), "{path}: {color} has no rule");
        }
    }
}

//! What is asked for: every kind of page alone, and a mix of all of them for the generator.

use crate::lab::{Lab, LookedAt};
use aiv1_model::Status;
use aiv1_store::contract::fixtures;
use aiv1_store::{ClaimedWork, Query};
use std::time::{Duration, Instant};

/// How often each kind is asked for alone.
pub(crate) const ALONE: usize = 15;

/// A kind of page asked for alone, each time after a change that makes what was made before worthless.
pub(crate) struct Alone {
    pub(crate) kind: &'static str,
    /// The median.
    pub(crate) time: Duration,
    /// The most that one cost.
    pub(crate) reads: u64,
}

/// Asks for every kind of page, one request at a time.
pub(crate) async fn one_by_one(
    lab: &Lab,
    looked_at: &[LookedAt],
    held: &ClaimedWork,
    client: &reqwest::Client,
    url: &str,
) -> Vec<Alone> {
    let one = &looked_at[looked_at.len() / 2];
    let kinds = [
        ("/", "/".to_owned()),
        ("?tab=failed", "/?tab=failed".to_owned()),
        ("page 2", second_page(lab).await),
        ("/blog", "/blog".to_owned()),
        ("/blog/{id}", one.page.clone()),
        ("frames", one.frames.clone()),
        ("api list", "/api/experiments?limit=50".to_owned()),
        ("api one", one.api.clone()),
    ];
    let mut alone = Vec::new();
    for (kind, path) in kinds {
        let (mut times, mut reads) = (Vec::new(), 0);
        for _ in 0..ALONE {
            lab.catalog().heartbeat(&held.experiment.id, &fixtures::beat(&held.holder)).await.unwrap();
            let before = lab.reads();
            let started = Instant::now();
            let response = client.get(format!("{url}{path}")).send().await.unwrap();
            let status = response.status();
            response.bytes().await.unwrap();
            times.push(started.elapsed());
            reads = reads.max(lab.reads() - before);
            assert!(status.is_success(), "{path} is answered {status}");
        }
        times.sort();
        alone.push(Alone { kind, time: times[times.len() / 2], reads });
    }
    alone
}

/// Where the second page of the dashboard begins; the first where there is no second.
async fn second_page(lab: &Lab) -> String {
    let query = Query { status: Some(Status::Successful), limit: 25, ..Query::default() };
    let page = lab.catalog().list(&query).await.unwrap();
    page.next
        .map_or_else(|| "/?tab=successful".to_owned(), |cursor| format!("/?tab=successful&cursor={cursor}"))
}

/// Lines for the generator, in an order that mixes the kinds.
pub(crate) async fn mix(
    lab: &Lab,
    looked_at: &[LookedAt],
    client: &reqwest::Client,
    url: &str,
) -> Vec<String> {
    let second = second_page(lab).await;
    let weighted = [
        ("/", 20),
        ("/?tab=failed", 8),
        ("/?tab=in_progress", 5),
        ("/?tab=successful&sort=best", 7),
        (second.as_str(), 10),
        ("/blog", 10),
        ("/api/experiments", 10),
        ("/api/experiments?status=failed&limit=20", 5),
    ];
    let mut paths: Vec<String> =
        weighted.iter().flat_map(|(path, weight)| std::iter::repeat_n((*path).to_owned(), *weight)).collect();
    let one = |index: usize| &looked_at[index % looked_at.len()];
    paths.extend((0..12).map(|index| one(index * 7).page.clone()));
    paths.extend((0..3).map(|index| one(index * 7).frames.clone()));
    paths.extend((0..10).map(|index| one(index * 5).api.clone()));
    let mut lines = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        // One of five has the page already, as it was when the run began.
        let known = if index % 5 == 0 { tag(client, &format!("{url}{path}")).await } else { String::new() };
        // A stride that has no factor in common with their number visits all of them.
        lines.push((index * 37 % paths.len(), format!("{path}\t{known}\n")));
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

async fn tag(client: &reqwest::Client, url: &str) -> String {
    let response = client.get(url).send().await.unwrap();
    assert!(response.status().is_success(), "{url} is answered {}", response.status());
    response.headers().get("etag").map_or_else(String::new, |tag| tag.to_str().unwrap().to_owned())
}

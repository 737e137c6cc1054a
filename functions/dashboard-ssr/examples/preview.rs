//! Serves the pages over a temporary store with varied sample experiments: `preview [PORT] [COUNT]`.
#![allow(clippy::unwrap_used, reason = "an example reports by panicking")]
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

#[path = "../tests/pages/sample.rs"]
mod sample;

use aiv1_model::{
    Arm, Attention, DesignCost, Fault, JournalEntry, Note, Origin, Prediction, Retraction, Verified,
    VerifiedOutcome,
};
use aiv1_store::contract::fixtures;
use sample::Lab;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().map_or(8440, |port| port.parse().unwrap());
    let count: u32 = arguments.next().map_or(40, |count| count.parse().unwrap());
    let lab = Lab::new(&format!("http://127.0.0.1:{port}"));
    lab.furnish().await;
    stand(&lab).await;
    fill(&lab, count).await;
    propose(&lab).await;
    queue(&lab).await;
    let router = aiv1_web::edge(aiv1_dashboard_ssr::router(lab.services.clone()), &lab.services);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    println!("http://127.0.0.1:{port}/ (filled with {} reads of the store)", lab.store.reads());
    axum::serve(listener, router).await.unwrap();
}

/// What no longer stands, waits for a person, or was derived again.
async fn stand(lab: &Lab) {
    let elsewhere = Lab::new("http://127.0.0.1");
    elsewhere.furnish().await;
    let at = fixtures::START;
    let id = elsewhere.measure(Arm::Search, 0.71, 0.4, "Too good to be true.").await;
    let reason = "it did not come out again: points[3].bitrate is 412800 and was 214800".to_owned();
    let retraction = Some(Retraction { at, by: "bench-2".to_owned(), reason });
    lab.adopt(&elsewhere, &id, |one| one.retraction = retraction).await;
    let id = elsewhere.fail(0.72, sample::trap()).await;
    let reason = "three tries were used up on the same trap: look at the parser of the header".to_owned();
    lab.adopt(&elsewhere, &id, |one| one.attention = Some(Attention { since: at, reason, resolved: None }))
        .await;
    let id = elsewhere.measure(Arm::Person, 0.73, 0.95, "By hand, from the best so far.").await;
    let verified = Verified { times: 3, at, by: "bench-1".to_owned(), outcome: VerifiedOutcome::Confirmed };
    lab.adopt(&elsewhere, &id, |one| one.verified = Some(verified)).await;
}

/// A line of descent with predictions and prices, and a look at held-out clips.
async fn propose(lab: &Lab) {
    lab.hold_out().await;
    let mut parent = None;
    for n in 0..12_u32 {
        let luck = f64::from(n * 7_919 % 97) / 97.0;
        let ratio = 1.2 - f64::from(n) * 0.05 + luck * 0.2;
        let prediction = Prediction {
            anchor: "svt-av1-8".to_owned(),
            bd_rate: (ratio / 0.94 - 1.1) * 100.0 - luck * 9.0,
            decode_fuel_per_pixel: Some(120.0 + luck * 60.0),
        };
        let cost = DesignCost {
            model: "a-language-model".to_owned(),
            replies: 1 + n % 3,
            input_tokens: 18_000 + u64::from(n) * 400,
            output_tokens: 6_000,
            microdollars: (n != 5).then_some(140_000),
        };
        let origin = Origin {
            parent: parent.clone(),
            prediction: Some(prediction),
            cost: Some(cost.clone()),
            ..Origin::new(Arm::Llm, "Entropy contexts from the two nearest neighbours instead of one.")
        };
        let source = format!("{}// Version {n}.\n", sample::SOURCE.replace("< 2", &format!("< {n}")));
        let id = lab.change(origin, &source, ratio).await;
        if n == 11 {
            lab.check(&id, ratio + 0.06).await;
        }
        if n % 4 != 2 {
            parent = Some(id);
        }
        let call = Note::ModelCalled { outcome: "proposed".to_owned(), cost, at_most_microdollars: None };
        lab.catalog.note("loop", &call).await.unwrap();
    }
}

async fn fill(lab: &Lab, count: u32) {
    let why = "1 of 17 parameters moved from the best so far: lambda_scale 1 → 1.23. A surface fitted to 12 results, drawn from \
        what they leave open, favours this; of each alone the results lead one to expect -0.21 of lambda_scale.";
    lab.measure(
        Arm::Start,
        1.0,
        1.31,
        "The starting codec with its defaults: what everything after it is held against.",
    )
    .await;
    for n in 1..count {
        let lambda = 0.3 + f64::from(n) * 0.0713;
        let luck = f64::from(n * 7_919 % 97) / 97.0;
        match n % 9 {
            4 => drop(lab.fail(lambda, sample::trap()).await),
            7 if n > 20 => drop(lab.fail(lambda, fixtures::failure(Fault::Evaluator)).await),
            2 | 6 => drop(
                lab.measure(
                    Arm::Random,
                    lambda,
                    1.05 + luck * 0.7,
                    "Drawn uniformly over the declared ranges.",
                )
                .await,
            ),
            _ => {
                let progress = 1.28 - 0.44 * (1.0 - (-f64::from(n) / 14.0).exp());
                drop(lab.measure(Arm::Search, lambda, progress + luck * 0.12, why).await);
            }
        }
    }
    lab.remember(&sample::earlier()).await;
}

/// What waits and what runs.
async fn queue(lab: &Lab) {
    lab.catalog.note(JournalEntry::OPERATOR, &Note::Paused).await.unwrap();
    lab.catalog.note(JournalEntry::OPERATOR, &Note::Resumed).await.unwrap();
    let why = "The best tenth of what was tried lies above 1.1.";
    lab.submit(Arm::Person, 7.1, "Does a larger lambda help at low rates?").await;
    lab.submit(Arm::Search, 7.2, why).await;
    lab.submit(Arm::Random, 7.3, "Drawn uniformly over the declared ranges.").await;
    lab.submit(Arm::Search, 7.4, why).await;
    lab.claim("bench-1").await;
    lab.claim("bench-2").await;
}

//! Serves the pages over a temporary store with varied sample experiments: `preview [PORT] [COUNT]`.
#![allow(clippy::unwrap_used, reason = "an example reports by panicking")]
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

#[path = "../tests/pages/sample.rs"]
mod sample;

use aiv1_model::{Arm, Fault};
use aiv1_store::contract::fixtures;
use sample::Lab;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().map_or(8440, |port| port.parse().unwrap());
    let count: u32 = arguments.next().map_or(40, |count| count.parse().unwrap());
    let lab = Lab::new(&format!("http://127.0.0.1:{port}"));
    lab.furnish().await;
    fill(&lab, count).await;
    let router = aiv1_web::edge(aiv1_dashboard_ssr::router(lab.services.clone()), &lab.services);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    println!("http://127.0.0.1:{port}/ (filled with {} reads of the store)", lab.store.reads());
    axum::serve(listener, router).await.unwrap();
}

async fn fill(lab: &Lab, count: u32) {
    let why = "TPE after 12 evaluations; one parameter moved from the best so far (lambda_scale 1.00 → 1.23). The best tenth of \
        what was tried lies above 1.1, and nothing between 1.2 and 1.3 has been looked at yet.";
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
    lab.submit(Arm::Person, 7.1, "Does a larger lambda help at low rates?").await;
    lab.submit(Arm::Search, 7.2, why).await;
    lab.submit(Arm::Random, 7.3, "Drawn uniformly over the declared ranges.").await;
    lab.submit(Arm::Search, 7.4, why).await;
    lab.claim("bench-1").await;
    lab.claim("bench-2").await;
    lab.remember(&sample::earlier()).await;
}

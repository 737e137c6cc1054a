//! Predictions beside results, what a proposal cost, and how the arms compare: from records, or absent.

use crate::site::Site;
use aiv1_model::{Arm, DesignCost, Origin, Prediction};

fn origin(arm: Arm, bd_rate: f64) -> Origin {
    let prediction =
        Prediction { anchor: "svt-av1-8".to_owned(), bd_rate, decode_fuel_per_pixel: Some(200.0) };
    Origin { prediction: Some(prediction), ..Origin::new(arm, "Longer transforms pay on flat ground.") }
}

fn cost(microdollars: Option<u64>) -> DesignCost {
    let model = "model<b>".to_owned();
    DesignCost { model, replies: 2, input_tokens: 12_345, output_tokens: 678, microdollars }
}

#[tokio::test]
async fn what_was_expected_stands_beside_what_came_and_what_it_cost() {
    let (site, _) = Site::measured().await;
    let asked = Origin { cost: Some(cost(Some(37_500))), ..origin(Arm::Llm, -20.0) };
    let id = site.lab.measure_from(asked, 2.2, 0.85).await;
    let page = site.page(&format!("/blog/{id}")).await;
    let rows = page.texts("#prediction tbody tr");
    assert_eq!(rows[0], "BD-rate against svt-av1-8 at equal PSNR-Y −20.0 % −9.6 % +10.4 points");
    assert!(rows[1].starts_with("Decoding, at most 200 fuel/px 142 fuel/px −58.0 fuel/px"), "{}", rows[1]);
    assert_eq!(
        page.text(".cost"),
        "Written by model<b> Replies 2 Tokens read 12 345 Tokens written 678 Price $0.0375"
    );
    assert!(page.text("#before").contains("Said by who proposed it, before anything was measured:"));
}

#[tokio::test]
async fn a_price_that_nobody_knows_and_a_figure_that_nobody_measured_are_absent() {
    let (site, _) = Site::furnished().await;
    let mut asked = Origin { cost: Some(cost(None)), ..origin(Arm::Llm, -20.0) };
    asked.prediction.as_mut().unwrap().decode_fuel_per_pixel = None;
    let id = site.lab.propose(crate::sample::submission("transform", 2.2), asked).await;
    let page = site.page(&format!("/blog/{id}")).await;
    assert!(page.text(".cost").ends_with("Price —"));
    assert_eq!(
        page.texts("#prediction tbody tr")[0],
        "BD-rate against svt-av1-8 at equal PSNR-Y −20.0 % — —"
    );
    assert_eq!(page.texts("#prediction tbody tr")[1], "Decoding, at most — — —");
}

#[tokio::test]
async fn the_arms_are_held_against_one_another_at_an_equal_number() {
    let empty = Site::empty();
    let page = empty.page("/efficacy").await;
    assert!(page.all("svg.chart").is_empty());
    assert_eq!(page.texts(".empty").len(), 2);

    let site = Site::empty();
    site.lab.furnish().await;
    site.lab.measure(Arm::Start, 1.0, 1.3, "").await;
    site.lab.measure(Arm::Random, 2.0, 1.2, "").await;
    site.lab.measure_from(origin(Arm::Search, 5.0), 1.1, 1.1).await;
    site.lab.measure_from(origin(Arm::Search, -20.0), 1.2, 0.8).await;
    let page = site.page("/efficacy").await;
    let rows = page.texts("#progress tbody tr");
    assert_eq!(rows[0], "search 2 −14.9 % +17.0 % $0 asks no model —");
    assert_eq!(rows[1], "random control 1 +27.7 % +27.7 % $0 asks no model —");
    assert_eq!(rows[2], "starting codec the baseline 1 +38.3 % — $0 asks no model —");
    assert!(page.texts("#progress thead th").contains(&"Best after 1 each".to_owned()));
    assert!(page.text("#progress .empty").contains("No arm has paid for a model yet"));
    // Predicted +5 and −20, measured +17.0 and −14.9.
    let rows = page.texts("#calibration tbody tr");
    assert_eq!(rows[0], "language model 0 — — 0 0");
    assert_eq!(rows[1], "search 2 +8.6 points 8.6 points 0 0");
    assert_eq!(page.all("#progress svg.chart").len(), 1);
    assert_eq!(page.all("#calibration svg.chart").len(), 1);
    assert!(page.text("#caveats").contains("No significance is claimed"));
}

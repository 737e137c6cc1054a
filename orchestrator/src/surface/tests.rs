//! The surface on functions whose truth is known.

use super::*;
use aiv1_model::Declaration;

fn space() -> Space {
    let declaration: Declaration =
        serde_json::from_value(serde_json::json!({"abi": 1, "about": "a test", "parameters": [
            {"name": "one", "help": "h", "type": "float", "min": 0.0, "max": 1.0, "default": 0.5},
            {"name": "other", "help": "h", "type": "float", "min": 0.0, "max": 1.0, "default": 0.5},
            {"name": "filter", "help": "h", "type": "choice", "options": ["a", "b", "c"], "default": 0},
        ]}))
        .unwrap();
    Space::of(&declaration)
}

fn measured(parameters: &Parameters, value: f64) -> Told<'_> {
    Told { parameters, value, is_guess: false }
}

fn at(one: f64, other: f64, filter: &str) -> Parameters {
    let filter = ("filter".to_owned(), ParameterValue::Choice(filter.to_owned()));
    let number = |name: &str, value| (name.to_owned(), ParameterValue::Float(value));
    [number("one", one), number("other", other), filter].into()
}

/// Additive, with its least value at 0.7 and 0.4.
fn truth(one: f64, other: f64, filter: &str) -> f64 {
    let kind = if filter == "b" { 1.5 } else { 0.0 };
    20.0 * (one - 0.7).powi(2) + 40.0 * (other - 0.4).powi(2) + kind - 10.0
}

fn places() -> Vec<(f64, f64, &'static str)> {
    let grid = [0.4, 0.5, 0.6];
    let grid = grid.iter().flat_map(|one| grid.iter().map(move |other| (*one, *other, "a")));
    grid.chain([(0.5, 0.5, "b")]).collect()
}

#[test]
fn an_additive_function_is_found_again_between_and_beyond_the_results() {
    let (space, origin) = (space(), at(0.5, 0.5, "a"));
    let told: Vec<(Parameters, f64)> = places()
        .iter()
        .map(|(one, other, filter)| (at(*one, *other, filter), truth(*one, *other, filter)))
        .collect();
    let told: Vec<Told<'_>> = told.iter().map(|(parameters, value)| measured(parameters, *value)).collect();
    let surface = Surface::fit(&space, &origin, &told).unwrap();
    for (one, other, filter) in [(0.45, 0.55, "a"), (0.65, 0.42, "a"), (0.55, 0.45, "b")] {
        let (expected, truth) =
            (surface.expected(&at(one, other, filter)).unwrap(), truth(one, other, filter));
        assert!((expected - truth).abs() < 0.15, "{one} {other} {filter}: {expected} against {truth}");
    }
    let change = surface.expected_change("filter", &ParameterValue::Choice("b".to_owned())).unwrap();
    assert!((change - 1.5).abs() < 0.2, "{change}");
}

#[test]
fn draws_differ_where_nobody_has_been_and_agree_where_everybody_has() {
    let (space, origin) = (space(), at(0.5, 0.5, "a"));
    // Only the first number was ever moved.
    let told: Vec<(Parameters, f64)> =
        [0.4, 0.45, 0.5, 0.55, 0.6].iter().map(|one| (at(*one, 0.5, "a"), truth(*one, 0.5, "a"))).collect();
    let told: Vec<Told<'_>> = told.iter().map(|(parameters, value)| measured(parameters, *value)).collect();
    let surface = Surface::fit(&space, &origin, &told).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut deviation = |name: &str| {
        let draws: Vec<f64> = (0..200)
            .map(|_| {
                let drawn = surface.draw(1.0, &mut random).unwrap();
                surface.change(&drawn, name, &ParameterValue::Float(0.6)).unwrap()
            })
            .collect();
        let mean = draws.iter().sum::<f64>() / 200.0;
        (draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 200.0).sqrt()
    };
    let (known, unknown) = (deviation("one"), deviation("other"));
    assert!(unknown > 3.0 * known, "{known} against {unknown}");
}

#[test]
fn too_few_or_equal_results_and_foreign_values_give_no_surface() {
    let (space, origin) = (space(), at(0.5, 0.5, "a"));
    let (one, other) = (at(0.6, 0.5, "a"), at(0.7, 0.5, "a"));
    assert!(Surface::fit(&space, &origin, &[measured(&origin, 1.0), measured(&one, 2.0)]).is_none());
    assert!(
        Surface::fit(&space, &origin, &[measured(&origin, 1.0), measured(&one, 1.0), measured(&other, 1.0)])
            .is_none()
    );
    assert!(
        Surface::fit(&space, &origin, &[measured(&one, 1.0), measured(&other, 2.0), measured(&one, 3.0)])
            .is_none()
    );
    assert!(
        Surface::fit(
            &space,
            &origin,
            &[measured(&origin, 1.0), measured(&one, f64::NAN), measured(&other, 2.0)]
        )
        .is_none()
    );
    let foreign = at(0.6, 0.5, "d");
    assert!(
        Surface::fit(
            &space,
            &origin,
            &[measured(&origin, 1.0), measured(&one, 2.0), measured(&foreign, 3.0)]
        )
        .is_none()
    );
    let surface =
        Surface::fit(&space, &origin, &[measured(&origin, 1.0), measured(&one, 2.0), measured(&other, 3.0)])
            .unwrap();
    assert_eq!(surface.expected(&foreign), None);
    assert_eq!(surface.expected_change("none", &ParameterValue::Float(0.5)), None);
}

#[test]
fn what_failed_is_avoided_but_bends_the_surface_less_than_what_was_measured() {
    let (space, origin) = (space(), at(0.5, 0.5, "a"));
    let (near, other, far) = (at(0.6, 0.5, "a"), at(0.5, 0.6, "a"), at(0.2, 0.5, "a"));
    let slope = |is_guess: bool| {
        let failed = Told { parameters: &far, value: 9.0, is_guess };
        let told = [measured(&origin, 0.0), measured(&near, 1.0), measured(&other, 1.0), failed];
        let surface = Surface::fit(&space, &origin, &told).unwrap();
        surface.expected_change("one", &ParameterValue::Float(0.3)).unwrap()
    };
    assert!(0.0 < slope(true) && slope(true) < slope(false), "{} {}", slope(true), slope(false));
}

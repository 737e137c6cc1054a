//! No route without a handler, no handler without a route: the template's routes beside those of the routers themselves.

use crate::template::Template;
use aiv1_store::{Clock, SystemClock};
use aiv1_store_embedded::EmbeddedStore;
use aiv1_web::{Services, Site, Tokens};
use axum::Router;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The paths of a router. axum tells them nowhere but in what it prints for debugging; should that change, no path is
/// found and the test fails.
fn paths(router: &Router) -> BTreeSet<String> {
    let printed = format!("{router:?}");
    let (_, table) = printed.split_once("paths: {").expect("axum prints its table of paths");
    let (table, _) = table.split_once("}, }").or_else(|| table.split_once("} }")).unwrap();
    let quoted = table.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with('/')).map(str::to_owned).collect()
}

/// A path of the template in axum's words: `{path+}` is `{*path}`.
fn in_axum(path: &str) -> String {
    path.split('/')
        .map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix("+}")) {
            Some(_) if part == "{proxy+}" => "{*path}".to_owned(),
            Some(name) => format!("{{*{name}}}"),
            None => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn the_api_gateway_routes_what_the_routers_answer_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = EmbeddedStore::open(folder.path(), Arc::clone(&clock)).unwrap();
    let site = Site {
        public_url: "https://lab.test".to_owned(),
        media_origin: None,
        version: "1".to_owned(),
        defaults: None,
    };
    let (catalog, blobs) = (store.catalog(), store.blobs("https://lab.test"));
    let services =
        Services { catalog, blobs, clock, tokens: Arc::new(Tokens::default()), site: Arc::new(site) };

    let mut api = paths(&aiv1_experiment_api::router(services.clone()));
    // Every function answers it; the API is the one that is asked.
    api.insert("/health".to_owned());
    // API Gateway has no such path: it goes where nothing else fits, and is a 404 there as well.
    assert!(api.remove("/api/"));
    let routers = [
        ("PagesIntegration", paths(&aiv1_dashboard_ssr::router(services.clone()))),
        ("ExperimentsIntegration", api),
        ("LinksIntegration", paths(&aiv1_presign::router(services))),
    ];

    let template = Template::read("template.yaml");
    let mut found: Vec<(String, BTreeSet<String>)> =
        routers.iter().map(|(name, _)| ((*name).to_owned(), BTreeSet::new())).collect();
    for (name, route) in template.of_type("AWS::ApiGatewayV2::Route") {
        let target = route["Target"]["Fn::Sub"].as_str().unwrap();
        let key = route["RouteKey"].as_str().unwrap();
        if key == "$default" {
            assert_eq!(target, "integrations/${PagesIntegration}", "what fits nowhere is the pages' 404");
            continue;
        }
        let path =
            key.strip_prefix("ANY ").unwrap_or_else(|| panic!("{name}: methods are the routers' to refuse"));
        let of = found.iter_mut().find(|(name, _)| target == format!("integrations/${{{name}}}")).unwrap();
        assert!(of.1.insert(in_axum(path)), "{name}: {path} twice");
    }
    for ((name, routed), (_, answered)) in found.iter().zip(&routers) {
        let unrouted: Vec<_> = answered.difference(routed).collect();
        let unanswered: Vec<_> = routed.difference(answered).collect();
        assert!(
            unrouted.is_empty() && unanswered.is_empty(),
            "{name}: no route for {unrouted:?}, no handler for {unanswered:?}"
        );
    }
}

/// A path may be routed to one function only, whatever its parameters are called.
#[test]
fn no_two_routes_fit_the_same_path_equally_well() {
    let template = Template::read("template.yaml");
    let mut shapes = BTreeSet::new();
    for (name, route) in template.of_type("AWS::ApiGatewayV2::Route") {
        let key = route["RouteKey"].as_str().unwrap();
        let parts = key.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        assert!(shapes.insert(parts.collect::<Vec<_>>().join("/")), "{name}: {key}");
    }
}

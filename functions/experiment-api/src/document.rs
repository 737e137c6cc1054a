//! The `OpenAPI` 3.1 document, generated once from the routes.

use aide::generate;
use aide::openapi::{Info, OpenApi, ParameterSchemaOrContent, PathItem, ReferenceOr, SecurityScheme, Tag};
use aiv1_web::{Freshness, Problem, SECURITY_SCHEME, Services, conditional};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use schemars::generate::SchemaSettings;
use std::sync::LazyLock;

static TEXT: LazyLock<Result<String, String>> =
    LazyLock::new(|| serde_json::to_string(&document()).map_err(|error| error.to_string()));

pub(crate) async fn get(State(_): State<Services>, request: HeaderMap) -> Result<Response, Problem> {
    let text = TEXT.as_ref().map_err(|error| Problem::internal(error.as_str()))?;
    Ok(conditional(&request, text, Freshness::Seconds(300), || {
        ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response()
    }))
}

/// The document: every route of this API and of the links, with its parameters, bodies, answers and errors.
#[must_use]
#[expect(clippy::default_trait_access, reason = "the map's type is of a crate that nothing else here needs")]
pub fn document() -> OpenApi {
    // The generator's state belongs to the thread: started anew, and in the dialect that OpenAPI 3.1 speaks.
    generate::reset_context();
    generate::in_context(|context| {
        let dialect = SchemaSettings::draft2020_12();
        context.schema =
            dialect.with(|it| it.definitions_path = "#/components/schemas/".into()).into_generator();
    });
    let mut document = OpenApi { info: info(), tags: tags(), ..OpenApi::default() };
    let bearer = SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some("A token of scope submit, worker or admin; an admin's may everything.".to_owned()),
        extensions: Default::default(),
    };
    let routes = crate::api().merge(aiv1_presign::api());
    let _routes = routes.finish_api_with(&mut document, |it| it.security_scheme(SECURITY_SCHEME, bearer));
    if let Some(paths) = &mut document.paths {
        paths.paths.values_mut().for_each(no_null_defaults);
        // A rest of a path is `{*path}` to the router, but `{path}` to everyone else.
        paths.paths = std::mem::take(&mut paths.paths)
            .into_iter()
            .map(|(path, item)| (path.replace("{*", "{"), item))
            .collect();
    }
    document
}

/// A parameter that may be absent has no default: `null` is none that its own type allows.
fn no_null_defaults(item: &mut ReferenceOr<PathItem>) {
    let ReferenceOr::Item(item) = item else { return };
    let operations = [&mut item.get, &mut item.post].into_iter().flatten();
    for parameter in operations.flat_map(|operation| &mut operation.parameters) {
        let ReferenceOr::Item(parameter) = parameter else { continue };
        if let ParameterSchemaOrContent::Schema(schema) = &mut parameter.parameter_data_mut().format {
            schema.json_schema.remove("default");
        }
    }
}

fn info() -> Info {
    Info {
        title: "AiV1".to_owned(),
        summary: Some("An open laboratory for video codecs.".to_owned()),
        description: Some(
            "Experiments, their rate points and everything that re-derives them. Errors are problem documents (RFC 9457); \
             every GET has an ETag or is not to be stored; lists are paged by cursors; reads are open to every origin."
                .to_owned(),
        ),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Info::default()
    }
}

fn tags() -> Vec<Tag> {
    let tag = |name: &str, about: &str| Tag {
        name: name.to_owned(),
        description: Some(about.to_owned()),
        ..Tag::default()
    };
    vec![
        tag("experiments", "What was asked and what came of it"),
        tag("artefacts", "Durable addresses of streams, decoders, sources, previews and bundles"),
        tag("lab", "Clips, codecs, workers, the search"),
        tag("legacy", "Records of the earlier system: claimed by it, measured by nobody here"),
        tag("operators", "Scope: admin"),
        tag("work", "Scope: worker"),
    ]
}

//! `Idempotency-Key`: a repeated request is harmless, and one with another content an error.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{
    HeaderStyle, Operation, Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, SchemaObject,
};
use aiv1_web::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// The header's name.
const NAME: &str = "Idempotency-Key";
/// Most bytes of a key.
const MAX_BYTES: usize = 128;

/// The key of a request, if it has one: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(NAME) else { return Ok(Self(None)) };
        let bytes = value.as_bytes();
        if (1..=MAX_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic) {
            return Ok(Self(Some(String::from_utf8_lossy(bytes).into_owned())));
        }
        let length = bytes.len();
        let text =
            format!("{NAME} has {length} bytes, but must be 1 to {MAX_BYTES} visible ASCII characters");
        Err(Problem::Invalid(text))
    }
}

impl OperationInput for IdempotencyKey {
    #[expect(
        clippy::default_trait_access,
        reason = "the maps' type is of a crate that nothing else here needs"
    )]
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        let json_schema = context.schema.subschema_for::<String>();
        let schema = SchemaObject { json_schema, external_docs: None, example: None };
        let parameter_data = ParameterData {
            name: NAME.to_owned(),
            description: Some(
                "Makes a repeated request harmless, and one with another content a 409".to_owned(),
            ),
            required: false,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(schema),
            example: None,
            examples: Default::default(),
            explode: None,
            extensions: Default::default(),
        };
        let header = Parameter::Header { parameter_data, style: HeaderStyle::Simple };
        operation.parameters.push(ReferenceOr::Item(header));
    }
}

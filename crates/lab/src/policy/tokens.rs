//! The walk over the tokens.

use super::{Refusal, words};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree, extra};

/// Deepest nesting of brackets.
pub const MAX_NESTING: usize = 128;

const ATTRIBUTE_NOT_ALLOWED: &str = "it is not among the attributes that a codec may use";
const ATTRIBUTE_IS_NONE: &str = "# may only begin an attribute that is written out, in macros too";
const OUT_OF_LINE: &str = "a codec is one file: a module is written out where it stands";
const MODULE_IN_MACRO: &str = "a macro could make a module in another file out of it";

pub(super) fn check(source: &str) -> Result<(), Refusal> {
    let outcome = match source.parse::<TokenStream>() {
        Ok(tokens) => Walk { nesting: 0, in_macro: false }.stream(tokens),
        Err(error) => Err(refusal(
            "text that is no Rust",
            error.span(),
            "a string, a comment or a bracket does not end, or a character stands where none may",
        )),
    };
    // Positions are kept per thread until they are given up; a worker lives long.
    extra::invalidate_current_thread_spans();
    outcome
}

#[derive(Clone, Copy)]
struct Walk {
    nesting: usize,
    /// What stands in a macro's definition or call may end up in any order, or not at all.
    in_macro: bool,
}

impl Walk {
    fn stream(self, tokens: TokenStream) -> Result<(), Refusal> {
        let tokens = Vec::from_iter(tokens);
        for (index, token) in tokens.iter().enumerate() {
            let after = &tokens[index + 1..];
            match token {
                TokenTree::Ident(word) => self.word(&word.to_string(), word.span(), after)?,
                TokenTree::Punct(sign) if sign.as_char() == '#' => attribute(sign.span(), after)?,
                TokenTree::Group(group) => {
                    if self.nesting == MAX_NESTING {
                        let what = format!("the bracket of level {}", MAX_NESTING + 1);
                        return Err(refusal(what, group.span_open(), "brackets may be nested 128 deep"));
                    }
                    let in_macro = self.in_macro || is_macro(&tokens[..index]);
                    Self { nesting: self.nesting + 1, in_macro }.stream(group.stream())?;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        Ok(())
    }

    fn word(self, word: &str, span: Span, after: &[TokenTree]) -> Result<(), Refusal> {
        if let Some((written, why)) = words::refused(word) {
            let is_crate = matches!(after.first(), Some(TokenTree::Ident(next)) if next == "crate");
            let what = if written == "extern" && is_crate { "extern crate" } else { written };
            return Err(refusal(what, span, why));
        }
        if word != "mod" {
            return Ok(());
        }
        if self.in_macro {
            return Err(refusal("mod in a macro", span, MODULE_IN_MACRO));
        }
        match after {
            [TokenTree::Ident(_), TokenTree::Group(body), ..] if body.delimiter() == Delimiter::Brace => {
                Ok(())
            }
            [TokenTree::Ident(name), ..] => Err(refusal(format!("mod {name};"), span, OUT_OF_LINE)),
            _ => Err(refusal("mod", span, OUT_OF_LINE)),
        }
    }
}

/// Whether what stands before a bracket makes it the body of a macro call (`name!`) or definition (`macro_rules! name`).
/// A negation looks alike, and is taken for one: that refuses `!{ mod … }`, which nobody writes.
fn is_macro(before: &[TokenTree]) -> bool {
    let is_bang = |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == '!');
    match before {
        [.., last] if is_bang(last) => true,
        [.., bang, TokenTree::Ident(_)] => is_bang(bang),
        _ => false,
    }
}

/// Checks the attribute that `#` begins.
fn attribute(span: Span, after: &[TokenTree]) -> Result<(), Refusal> {
    let after = match after {
        [TokenTree::Punct(bang), rest @ ..] if bang.as_char() == '!' => rest,
        _ => after,
    };
    match after.first() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            named_attribute(&Vec::from_iter(group.stream()), span)
        }
        _ => Err(refusal("#", span, ATTRIBUTE_IS_NONE)),
    }
}

/// Checks `name`, `name = …` or `name(…)`, and what `cfg_attr` holds.
fn named_attribute(tokens: &[TokenTree], span: Span) -> Result<(), Refusal> {
    let mut name = String::new();
    let mut rest = tokens;
    while let [first, others @ ..] = rest {
        match first {
            TokenTree::Ident(part) => name.push_str(&part.to_string()),
            TokenTree::Punct(sign) if sign.as_char() == ':' => name.push(':'),
            _ => break,
        }
        rest = others;
    }
    if let Some((written, why)) = words::refused(&name) {
        return Err(refusal(written, span, why));
    }
    if name.is_empty() {
        return Err(refusal("an attribute without a name", span, ATTRIBUTE_IS_NONE));
    }
    if !words::is_attribute_allowed(&name) {
        return Err(refusal(format!("#[{name}]"), span, ATTRIBUTE_NOT_ALLOWED));
    }
    if name == "cfg_attr" {
        let Some(TokenTree::Group(group)) = rest.first() else {
            return Err(refusal("#[cfg_attr]", span, ATTRIBUTE_IS_NONE));
        };
        let inner = Vec::from_iter(group.stream());
        let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == ',');
        for attribute in inner.split(is_comma).skip(1).filter(|attribute| !attribute.is_empty()) {
            named_attribute(attribute, attribute[0].span())?;
        }
    }
    Ok(())
}

fn refusal(what: impl Into<String>, span: Span, why: &'static str) -> Refusal {
    let start = span.start();
    Refusal { what: what.into(), line: start.line, column: start.column + 1, why }
}

//! The refused words and the attributes that are not.

/// Words that are refused wherever they stand, followed by `!` or not: so no alias, no path and no `macro_rules!` body
/// leads to them. A `!` here is for the message only. `r#` is taken off before looking.
const WORDS: &[(&str, &[&str])] = &[
    ("a codec may not read files at compile time", &["include!", "include_bytes!", "include_str!"]),
    ("a codec may not read the environment at compile time", &["env!", "option_env!"]),
    ("a codec may not contain assembler", &["asm!", "global_asm!", "naked_asm!"]),
    ("a refused word could be put together with it", &["concat_idents!"]),
    ("a codec may not extend the compiler", &["proc_macro", "proc_macro_derive", "proc_macro_attribute"]),
    (
        "a module imports nothing and exports exactly what the harness says",
        &[
            "wasm_import_module",
            "no_mangle",
            "export_name",
            "link_name",
            "link_section",
            "link_args",
            "link_ordinal",
            "no_main",
        ],
    ),
    ("the harness owns memory and panics", &["global_allocator", "panic_handler", "alloc_error_handler"]),
];

/// Keywords that are refused wherever they stand. As raw identifiers (`r#extern`) they are harmless names.
const KEYWORDS: &[(&str, &str)] = &[
    ("unsafe", "a codec is safe Rust; the boundary with the host is the harness's"),
    ("extern", "a codec links to nothing: no extern crate, block or function"),
];

/// Attributes that a codec may use.
const ATTRIBUTES: &[&str] = &[
    "allow",
    "cfg",
    "cfg_attr",
    "cold",
    "default",
    "deny",
    "derive",
    "doc",
    "expect",
    "inline",
    "must_use",
    "non_exhaustive",
    "repr",
    "rustfmt::skip",
    "test",
    "track_caller",
    "warn",
];

/// How a refused word is written in a message, and why it is refused.
pub(super) fn refused(word: &str) -> Option<(&'static str, &'static str)> {
    if let Some((keyword, why)) = KEYWORDS.iter().find(|(keyword, _)| *keyword == word) {
        return Some((keyword, why));
    }
    let bare = word.strip_prefix("r#").unwrap_or(word);
    WORDS.iter().find_map(|(why, words)| {
        words.iter().find(|listed| listed.trim_end_matches('!') == bare).map(|listed| (*listed, *why))
    })
}

/// Whether a codec may use the attribute `name`.
pub(super) fn is_attribute_allowed(name: &str) -> bool {
    ATTRIBUTES.contains(&name)
}

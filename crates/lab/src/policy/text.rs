//! The text as such: its size, and characters that make it read otherwise than it compiles.

use super::Refusal;

/// Longest source.
pub const MAX_BYTES: usize = 256 * 1024;

pub(super) fn check(source: &str) -> Result<(), Refusal> {
    if source.len() > MAX_BYTES {
        let what = format!("a source of {} bytes", source.len());
        return Err(Refusal { what, line: 1, column: 1, why: "a source has at most 262144 bytes" });
    }
    let (mut line, mut column) = (1, 1);
    for character in source.chars() {
        if let Some(why) = reason(character) {
            let what = format!("character U+{:04X}", u32::from(character));
            return Err(Refusal { what, line, column, why });
        }
        if character == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    Ok(())
}

fn reason(character: char) -> Option<&'static str> {
    match character {
        '\n' | '\r' | '\t' => None,
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("characters that change the direction of text hide what it says")
        }
        '\u{feff}' | '\u{200b}' => Some("invisible characters hide what a text says"),
        control if control.is_control() => Some("control characters hide what a text says"),
        _ => None,
    }
}

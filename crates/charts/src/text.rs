//! Names from outside, made fit to be drawn.

/// Most characters of a name in a chart.
const MOST: usize = 60;

/// `text` on one line, without what could act on a terminal or turn the direction of reading, cut to a length that fits.
pub(crate) fn plain(text: &str) -> String {
    let turns = |letter: char| {
        matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
            | '\u{fffe}' | '\u{ffff}')
    };
    let clean = |letter: char| if letter.is_control() || turns(letter) { '\u{fffd}' } else { letter };
    let mut plain: String = text.chars().take(MOST).map(clean).collect();
    if text.chars().nth(MOST).is_some() {
        plain.push('…');
    }
    plain
}

/// `text` as the content of an XML element or attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

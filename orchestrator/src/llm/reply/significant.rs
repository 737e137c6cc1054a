//! What of a Rust source is neither blank nor comment. Two sources that agree in it do the same.

use std::str::Chars;

/// The source without blanks and comments; strings and characters are kept as they are.
pub(super) fn of(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source.chars();
    loop {
        let before = &source[..source.len() - rest.as_str().len()];
        let Some(character) = rest.next() else { return out };
        match (character, rest.as_str().as_bytes().first()) {
            ('/', Some(b'/')) => {
                rest.by_ref().find(|character| *character == '\n');
            }
            ('/', Some(b'*')) => skip_block(&mut rest),
            ('"', _) => {
                let raw = raw_marks(before);
                out.push('"');
                keep_string(&mut rest, &mut out, raw);
            }
            ('\'', _) => keep_character(&mut rest, &mut out),
            (blank, _) if blank.is_whitespace() => {}
            (other, _) => out.push(other),
        }
    }
}

/// Block comments nest.
fn skip_block(rest: &mut Chars<'_>) {
    let (mut depth, mut before) = (0_usize, '/');
    for character in rest.by_ref() {
        // A mark that was taken belongs to no other.
        before = match (before, character) {
            ('/', '*') => {
                depth += 1;
                ' '
            }
            ('*', '/') => {
                depth -= 1;
                ' '
            }
            (_, other) => other,
        };
        if depth == 0 {
            return;
        }
    }
}

/// How many `#` a string that begins here has, if it is raw: `r#"`, `br"`, …
fn raw_marks(before: &str) -> Option<usize> {
    let without = before.trim_end_matches('#');
    let marks = before.len() - without.len();
    let prefix = without.strip_suffix('r')?;
    let prefix = prefix.strip_suffix(['b', 'c']).unwrap_or(prefix);
    let within_name = prefix.ends_with(|character: char| character.is_alphanumeric() || character == '_');
    (!within_name).then_some(marks)
}

fn keep_string(rest: &mut Chars<'_>, out: &mut String, raw: Option<usize>) {
    while let Some(character) = rest.next() {
        out.push(character);
        match (character, raw) {
            ('\\', None) => out.extend(rest.next()),
            ('"', None) => return,
            ('"', Some(marks)) => {
                let mut seen = 0;
                while seen < marks && rest.as_str().starts_with('#') {
                    out.extend(rest.next());
                    seen += 1;
                }
                if seen == marks {
                    return;
                }
            }
            _ => {}
        }
    }
}

/// A character literal is kept whole, since it may be a quote; of a lifetime only the mark is taken.
fn keep_character(rest: &mut Chars<'_>, out: &mut String) {
    out.push('\'');
    let mut ahead = rest.clone();
    match (ahead.next(), ahead.next()) {
        (Some('\\'), Some(escaped)) => {
            out.extend(['\\', escaped]);
            *rest = ahead;
        }
        (Some(character), Some('\'')) => {
            out.extend([character, '\'']);
            *rest = ahead;
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn blanks_and_comments_do_not_count() {
        let one = "fn a() { // says\n  b /* so /* and */ so */ ( )\n}";
        assert_eq!(of(one), "fna(){b()}");
        assert_eq!(of("/// Doc.\n//! Doc.\n"), "");
        assert_eq!(of("/*/ still /*/ inside */*/ out /* never ends"), "out");
    }

    #[test]
    fn strings_and_characters_are_kept_as_they_are() {
        for kept in [
            "\"a // b\"",
            r#""a \" // b""#,
            "r#\"a \" // b\"#",
            "br\"\\\"",
            "'\"'",
            r"'\''",
            "' '",
            r#"("'","//")"#,
        ] {
            assert_eq!(of(kept), kept);
        }
        assert_eq!(of("fn a<'a>(b: &'a str) { 'c' }"), "fna<'a>(b:&'astr){'c'}");
        assert_ne!(of("let a = \"x y\";"), of("let a = \"xy\";"));
    }

    #[test]
    fn nothing_hostile_makes_it_fall_over() {
        for text in ["\"", "'", "/*", "r#\"", "'\\", "b'", "\\", "/", "*/", "r####"] {
            let _ = of(text);
        }
    }
}

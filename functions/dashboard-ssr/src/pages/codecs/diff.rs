//! The difference of two sources, line by line with some lines around it; bounded in work and in size.

use crate::text;
use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

/// Longest source that is compared, in lines: the work grows with their product.
const MOST_LINES: usize = 3_000;
/// Most lines shown.
const SHOWN: usize = 400;
/// Most characters of a line.
const CHARACTERS: usize = 300;
/// Unchanged lines shown around a change.
const AROUND: usize = 3;

/// What `after` changes of `before`.
pub(super) fn lines(before: &str, after: &str) -> Markup {
    let (old, new) = (before.lines().count(), after.lines().count());
    if old.max(new) > MOST_LINES {
        return html! {
            p.empty { "The sources have " (text::grouped(old as u64)) " and " (text::grouped(new as u64)) " lines; up to " (text::grouped(MOST_LINES as u64)) " are compared." }
        };
    }
    let diff = TextDiff::from_lines(before, after);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    let groups = diff.grouped_ops(AROUND);
    // Between groups of changes stands a line of its own.
    let mut shown: Vec<Option<(ChangeTag, &str)>> = groups
        .iter()
        .flat_map(|group| {
            let changes = group.iter().flat_map(|op| diff.iter_changes(op));
            changes.map(|change| Some((change.tag(), change.value()))).chain([None])
        })
        .collect();
    shown.pop();
    html! {
        p.hint { "Lines added: " (count(ChangeTag::Insert)) ", removed: " (count(ChangeTag::Delete)) "." }
        @if !shown.is_empty() {
            pre.source.diff tabindex="0" {
                code { @for line in shown.iter().take(SHOWN) { (one(*line)) } }
            }
        }
        @if shown.len() > SHOWN { p.hint { (text::grouped((shown.len() - SHOWN) as u64)) " more lines are left out." } }
    }
}

fn one(line: Option<(ChangeTag, &str)>) -> Markup {
    let Some((tag, line)) = line else { return html! { span.gap { "⋯\n" } } };
    let line = text::plain(line.trim_end_matches(['\r', '\n']), CHARACTERS).replace('\n', " ");
    html! {
        @match tag {
            ChangeTag::Insert => { ins { "+ " (line) "\n" } }
            ChangeTag::Delete => { del { "− " (line) "\n" } }
            ChangeTag::Equal => { "  " (line) "\n" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_shown_with_the_lines_around_them_and_escaped() {
        let before = (0..40).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
        let after = before.replace("line 20\n", "<script>\u{202e}\n");
        let shown = lines(&before, &after).into_string();
        assert!(shown.contains("Lines added: 1, removed: 1."), "{shown}");
        assert!(shown.contains("<del>− line 20\n</del><ins>+ &lt;script&gt;\u{fffd}\n</ins>"), "{shown}");
        assert!(shown.contains("  line 17\n") && shown.contains("  line 23\n"));
        assert!(!shown.contains("⋯") && !shown.contains("line 16\n") && !shown.contains("line 24\n"));
    }

    #[test]
    fn what_is_too_long_is_named_with_its_bound() {
        let long = "x\n".repeat(MOST_LINES + 1);
        assert!(lines("", &long).into_string().contains("0 and 3\u{202f}001 lines; up to 3\u{202f}000"));
        let most = (0..MOST_LINES).map(|n| format!("{n}\n")).collect::<Vec<_>>().concat();
        let shown = lines("", &most).into_string();
        assert!(shown.contains("2\u{202f}600 more lines are left out."), "{}", &shown[shown.len() - 200..]);
    }
}

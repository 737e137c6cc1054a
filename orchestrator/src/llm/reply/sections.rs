//! Headings and fences: which lines belong to which section, and which of them are code.

use super::ReplyProblem;

/// What a reply may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Rationale,
    Prediction,
    Name,
    Parameters,
    Source,
    Edits,
}

impl Section {
    const ALL: [Self; 6] =
        [Self::Rationale, Self::Prediction, Self::Name, Self::Parameters, Self::Source, Self::Edits];

    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::Rationale => "RATIONALE",
            Self::Prediction => "PREDICTION",
            Self::Name => "NAME",
            Self::Parameters => "PARAMETERS",
            Self::Source => "SOURCE",
            Self::Edits => "EDITS",
        }
    }

    /// The section that `line` opens, if it is a heading.
    fn opened_by(line: &str) -> Option<Self> {
        let title = line.strip_prefix("### ")?.trim();
        Self::ALL.into_iter().find(|section| section.heading() == title)
    }
}

/// The sections of a reply. What comes before the first is nobody's.
#[derive(Debug)]
pub(super) struct Sections<'a>(Vec<Part<'a>>);

#[derive(Debug)]
struct Part<'a> {
    section: Section,
    text: &'a str,
    blocks: Vec<&'a str>,
}

impl<'a> Sections<'a> {
    /// A heading inside a fence is code; a fence is closed by at least as many backticks as opened it.
    pub(super) fn of(text: &'a str) -> Result<Self, ReplyProblem> {
        let mut parts: Vec<Part<'a>> = Vec::new();
        // Backticks of the fence that is open, and where its block begins.
        let mut fence: Option<(usize, usize)> = None;
        let (mut start, mut position) = (0, 0);
        for line in text.split_inclusive('\n') {
            let (begin, bare) = (position, line.trim_end());
            position += line.len();
            let ticks = bare.bytes().take_while(|byte| *byte == b'`').count();
            if let Some((opened, block)) = fence {
                if ticks >= opened && ticks == bare.len() {
                    if let Some(part) = parts.last_mut() {
                        part.blocks.push(&text[block..begin]);
                    }
                    fence = None;
                }
            } else if ticks >= 3 && !bare[ticks..].contains('`') {
                fence = Some((ticks, position));
            } else if let Some(section) = Section::opened_by(bare) {
                if let Some(part) = parts.last_mut() {
                    part.text = &text[start..begin];
                }
                if parts.iter().any(|part| part.section == section) {
                    return Err(ReplyProblem::Twice { section: section.heading() });
                }
                start = position;
                parts.push(Part { section, text: "", blocks: Vec::new() });
            }
        }
        if fence.is_some() {
            return Err(ReplyProblem::Truncated);
        }
        if let Some(part) = parts.last_mut() {
            part.text = &text[start..];
        }
        Ok(Self(parts))
    }

    fn part(&self, section: Section) -> Option<&Part<'a>> {
        self.0.iter().find(|part| part.section == section)
    }

    /// Everything in a section.
    pub(super) fn text(&self, section: Section) -> Option<&'a str> {
        self.part(section).map(|part| part.text)
    }

    pub(super) fn wanted(&self, section: Section) -> Result<&'a str, ReplyProblem> {
        self.text(section).ok_or(ReplyProblem::Missing { section: section.heading() })
    }

    /// The one fenced block of a section.
    pub(super) fn block(&self, section: Section) -> Result<Option<&'a str>, ReplyProblem> {
        let Some(part) = self.part(section) else { return Ok(None) };
        match part.blocks[..] {
            [block] => Ok(Some(block)),
            _ => Err(ReplyProblem::Blocks { section: section.heading(), blocks: part.blocks.len() }),
        }
    }
}

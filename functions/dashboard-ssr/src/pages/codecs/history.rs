//! A codec's versions: the sources that it was made from, each with what came of it, and what it changed.

use super::diff;
use crate::components::table;
use crate::error::PageError;
use crate::pages::experiment::title_of;
use crate::pages::lineage::ancestors;
use crate::render::Pages;
use crate::text;
use aiv1_model::{Digest, Summary};
use aiv1_store::{BlobKey, ObjectKind, Order, Query};
use maud::{Markup, html};

/// Experiments among which the first with a parent of another source is looked for.
const LOOKED_AT: u32 = 20;

/// Where a codec comes from.
#[derive(Debug)]
pub(super) struct History {
    /// The experiment that brought the codec, then one for each source before it, nearest first.
    versions: Vec<Summary>,
    /// The source text that it was made from, if it is here.
    before: Option<String>,
}

impl History {
    /// Follows parents up from the first experiment that changed another source into this one.
    pub(super) async fn read(pages: &Pages, source: &Digest) -> Result<Self, PageError> {
        let catalog = &*pages.services.catalog;
        let first =
            Query { codec: Some(*source), order: Order::Oldest, limit: LOOKED_AT, ..Query::default() };
        for one in catalog.list(&first).await?.experiments.into_iter().filter(|one| one.parent.is_some()) {
            let mut versions: Vec<Summary> = Vec::new();
            for ancestor in ancestors(catalog, one.parent.as_ref()).await? {
                let last = versions.last().map_or(*source, |version| version.source);
                if ancestor.submission.source != last {
                    versions.push(ancestor.summary());
                }
            }
            let Some(parent) = versions.first() else { continue };
            let key = BlobKey::object(ObjectKind::Source, parent.source);
            let before = pages.services.blobs.get(&key, ObjectKind::Source.max_bytes()).await?;
            let before = before.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            versions.insert(0, one);
            return Ok(Self { versions, before });
        }
        Ok(Self { versions: Vec::new(), before: None })
    }

    /// The versions, and the difference from the one before where both sources are here.
    pub(super) fn section(&self, code: Option<&str>) -> Markup {
        html! {
            section #history aria-labelledby="history-heading" {
                h2 #history-heading { "Its history" }
                @match self.versions.get(1) {
                    None => { p { "It was not made from another codec of this laboratory." } }
                    Some(parent) => {
                        (self.table())
                        h3 #changes { "What it changes of " a href=(format!("/codecs/{}", parent.source)) { bdi { (text::name(&parent.codec)) } " " code { (parent.source.abbreviated()) } } }
                        @match (self.before.as_deref(), code) {
                            (Some(before), Some(code)) => { (diff::lines(before, code)) }
                            _ => { p.empty { "One of the two sources is not here." } }
                        }
                    }
                }
            }
        }
    }

    fn table(&self) -> Markup {
        let rows = html! {
            @for (index, version) in self.versions.iter().enumerate() {
                tr {
                    th scope="row" {
                        @if index == 0 { "this one " code.hint { (version.source.abbreviated()) } }
                        @else { a href=(format!("/codecs/{}", version.source)) { bdi { (text::name(&version.codec)) } " " code { (version.source.abbreviated()) } } }
                    }
                    td { a href=(format!("/blog/{}", version.id)) { "No. " (text::grouped(version.number)) } }
                    td { (text::arm(version.arm)) }
                    td.prose { bdi { (title_of(version)) } }
                    td { (text::when(version.submitted_at)) }
                }
            }
        };
        let head = ["Version", "Experiment", "Proposed by", "What came of it", "Submitted"];
        table("Versions, this one first, each made from the one below it", &head, &rows)
    }
}

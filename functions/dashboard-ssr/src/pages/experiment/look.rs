//! A closer look at one rate point: its quality frame by frame, and its preview.

use super::Shown;
use crate::address::{Question, address};
use crate::error::PageError;
use crate::render::Pages;
use crate::text;
use aiv1_model::{Digest, ExperimentId, RatePoint, Record};
use aiv1_store::{Rebuild, RebuildState};
use aiv1_web::Problem;
use maud::{Markup, html};

/// The rate point that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Its clip.
    pub(super) clip: Digest,
    /// Its quality index.
    pub(super) quality_index: u8,
}

impl Choice {
    /// What is asked for, or the first clip in the middle of its quality indices.
    pub(super) fn read(question: &Question, record: Option<&Record>) -> Result<Option<Self>, Problem> {
        let (clip, quality) = (question.digest("clip")?, question.quality("q")?);
        let Some(record) = record.filter(|record| !record.points.is_empty()) else { return Ok(None) };
        let first = record.clips.first().map(|clip| clip.id);
        let Some(clip) = clip.or(first) else { return Ok(None) };
        let points: Vec<&RatePoint> = record.points.iter().filter(|point| point.clip == clip).collect();
        let point = match quality {
            Some(quality) => points.iter().find(|point| point.quality_index == quality),
            None => points.get(points.len() / 2),
        };
        let Some(point) = point else {
            let quality = quality.map(|quality| format!(" at quality index {quality}")).unwrap_or_default();
            return Err(Problem::NotFound(format!(
                "this experiment has no rate point on clip {clip}{quality}"
            )));
        };
        Ok(Some(Self { clip, quality_index: point.quality_index }))
    }
}

/// What is made when somebody asks: the preview of the chosen point, the packed bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// Nobody asked for it.
    NotAsked,
    /// It is there.
    There,
    /// It is being rebuilt.
    Underway,
    /// It could not be made.
    Failed(String),
}

impl Choice {
    /// Its preview.
    pub(super) fn preview(&self, id: &ExperimentId) -> Rebuild {
        Rebuild::Video { experiment: id.clone(), clip: self.clip, quality_index: self.quality_index }
    }
}

/// Looks whether it is there; otherwise asks for it. What failed is asked for again only on request.
pub(super) async fn made(pages: &Pages, target: &Rebuild, question: &Question) -> Result<Made, PageError> {
    if pages.services.blobs.head(&target.key()).await?.is_some() {
        return Ok(Made::There);
    }
    let known = pages.services.catalog.rebuild(target).await?;
    match known.map(|status| status.state) {
        Some(state) if state.is_under_way() => Ok(Made::Underway),
        Some(RebuildState::Failed { reason }) if question.get("again").is_none() => Ok(Made::Failed(reason)),
        _ => {
            pages.services.catalog.request_rebuild(target).await?;
            Ok(Made::Underway)
        }
    }
}

pub(super) fn section(shown: &Shown, video: &Made) -> Markup {
    let (Some(record), Some(choice)) = (&shown.record, &shown.choice) else { return html! {} };
    let id = &shown.experiment.id;
    let same = |point: &&RatePoint| point.clip == choice.clip && point.quality_index == choice.quality_index;
    let Some(point) = record.points.iter().find(same) else { return html! {} };
    html! {
        section #look aria-labelledby="look-heading" {
            h2 #look-heading { "Look closer" }
            form.choice action=(format!("/blog/{id}#look")) method="get" data-player=(format!("/api/experiments/{id}/video")) {
                label { "Clip "
                    select name="clip" {
                        @for clip in &record.clips { option value=(clip.id) selected[clip.id == choice.clip] { (text::name(&clip.name)) } }
                    }
                }
                label { "Quality index "
                    select name="q" {
                        @for index in &record.settings.quality_indices { option value=(index) selected[*index == choice.quality_index] { (index) } }
                    }
                }
                button type="submit" { "Show its frames" }
                button.main type="submit" name="video" value="1" { "View reconstructed video" }
            }
            div.player data-screen="" aria-live="polite" { (screen(shown, choice, video)) }
            (frames(shown, choice, point))
        }
    }
}

fn screen(shown: &Shown, choice: &Choice, video: &Made) -> Markup {
    let id = &shown.experiment.id;
    let pairs = |more: &[&'static str]| {
        let mut pairs = vec![("clip", choice.clip.to_string()), ("q", choice.quality_index.to_string())];
        pairs.extend(more.iter().map(|name| (*name, "1".to_owned())));
        pairs
    };
    let source = address(&format!("/api/experiments/{id}/video"), &pairs(&[]));
    let again = address(&format!("/blog/{id}"), &pairs(&["video", "again"])) + "#look";
    html! {
        @match video {
            Made::NotAsked => {}
            Made::There => {
                video controls preload="metadata" playsinline src=(source) {}
                p.hint { "A preview in H.264, rebuilt from the stored stream at quality index " (choice.quality_index) ". The measured object is the stream, not this video." }
            }
            Made::Underway => {
                p.rebuilding { "The preview is being rebuilt from the stored stream, every frame checked against its hash. This page asks again by itself." }
            }
            Made::Failed(reason) => {
                p.failed { "The preview could not be rebuilt: " bdi { (text::plain(reason, 400)) } }
                p { a rel="nofollow" href=(again) { "Try again" } }
            }
        }
    }
}

fn frames(shown: &Shown, choice: &Choice, point: &RatePoint) -> Markup {
    let Some(bundle) = &shown.experiment.bundle else { return html! {} };
    let source = address(
        &format!("/blog/{}/frames.svg", shown.experiment.id),
        &[
            ("clip", choice.clip.to_string()),
            ("q", choice.quality_index.to_string()),
            ("record", bundle.record.abbreviated()),
        ],
    );
    let quality = &point.quality;
    let facts = format!(
        "Quality frame by frame at quality index {}: PSNR-Y {} over all frames, {} at the worst, frame {}; SSIM-Y {:.4}, {:.4} \
         at the worst, frame {}.",
        choice.quality_index,
        text::decibels(quality.psnr_y),
        text::decibels(quality.worst_psnr_y),
        quality.worst_psnr_frame,
        quality.ssim_y,
        quality.worst_ssim_y,
        quality.worst_ssim_frame
    );
    html! {
        figure.plot {
            div.sheet tabindex="0" role="group" aria-label="Chart, can be scrolled sideways" {
                img loading="lazy" width="960" height="480" src=(source) alt=(facts);
            }
            figcaption { (facts) }
        }
    }
}

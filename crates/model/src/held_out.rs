//! The same codec on clips that no designer sees: what is asked there, and how far the open figure holds.

use crate::api::ClipEntry;
use crate::{Digest, Record, Status, Submission, Summary};

impl Submission {
    /// The same question on the held-out clips, in the order in which they were added. `None` where there are none, or
    /// where it is that question already.
    #[must_use]
    pub fn held_out(&self, clips: &[ClipEntry]) -> Option<Self> {
        let held_out = clips.iter().filter(|clip| clip.is_held_out());
        let clips: Vec<Digest> = held_out.map(|clip| clip.info.id).take(Self::MAX_CLIPS).collect();
        (!clips.is_empty() && clips != self.clips).then(|| Self { clips, ..self.clone() })
    }
}

/// How far a headline holds on clips that no designer has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Generalisation {
    /// The anchor of the open headline.
    pub anchor: String,
    /// BD-rate against it on the held-out clips, in percent; of luma and all planes the less favourable there too, whichever it
    /// was on the open ones.
    pub held_out: f64,
    /// The same less the open headline's, in percentage points: above zero it is worse there.
    pub gap: f64,
}

impl Generalisation {
    /// What the held-out measurement says of the open one. `None` unless both stand, both were made of the same modules,
    /// and a saving against the open headline's anchor is stated on every held-out clip.
    #[must_use]
    pub fn of(open: (&Summary, &Record), held_out: (&Summary, &Record)) -> Option<Self> {
        let stands = |one: &Summary| one.status == Status::Successful && one.retraction.is_none();
        let modules = |record: &Record| {
            let (encoder, decoder) = (record.codec.encoder.as_ref()?, record.codec.decoder.as_ref()?);
            Some((encoder.sha256, decoder.sha256))
        };
        if !stands(open.0) || !stands(held_out.0) || modules(open.1)? != modules(held_out.1)? {
            return None;
        }
        let headline = open.0.headline()?;
        let saving = held_out.0.findings.as_ref()?.against(&headline.anchor)?;
        (saving.refused == 0).then(|| Self {
            anchor: headline.anchor.clone(),
            held_out: saving.bd_rate,
            gap: saving.bd_rate - headline.bd_rate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ClipClass, ClipInfo, ColorInfo, FrameRate, Limits, Parameters, Settings, SourceFile, VideoFormat,
    };

    #[test]
    fn the_held_out_question_differs_in_its_clips_alone() {
        let entry = |name: &str, set: &str| {
            let (color, class) = (ColorInfo::UNSPECIFIED, ClipClass::Pristine);
            let frame_rate = FrameRate { numerator: 25, denominator: 1 };
            let sha256 = Digest::of(name.as_bytes());
            let source = SourceFile { name: name.to_owned(), sha256, bytes: 1, bundled: None };
            let info = ClipInfo {
                id: sha256,
                name: name.to_owned(),
                format: VideoFormat { width: 16, height: 16, frame_rate, color },
                frames: 1,
                frame_limit: None,
                class,
                source,
                conversions: Vec::new(),
            };
            ClipEntry { info, set: set.to_owned() }
        };
        let clips = [entry("b", "open"), entry("z", ClipEntry::HELD_OUT), entry("a", ClipEntry::HELD_OUT)];
        let asked = Submission {
            codec: "transform".to_owned(),
            source: Digest::of(b"source"),
            parameters: Parameters::new(),
            clips: vec![clips[0].info.id],
            settings: Settings {
                gop_frames: 8,
                quality_indices: vec![],
                anchors: vec![],
                limits: Limits::default(),
            },
        };
        let held_out = asked.held_out(&clips).unwrap();
        assert_eq!(held_out.clips, [clips[1].info.id, clips[2].info.id]);
        assert_eq!(Submission { clips: asked.clips.clone(), ..held_out.clone() }, asked);
        assert_eq!(held_out.held_out(&clips), None, "it is that question already");
        assert_eq!(asked.held_out(&clips[..1]), None, "there is nothing to hold out");
    }
}

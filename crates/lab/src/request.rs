//! What is asked of the lab, and what of it makes no sense.

use crate::anchors;
use crate::error::Error;
use aiv1_model::{Bar, ClipInfo, Digest, KnownModules, Parameters, Settings, Submission};
use aiv1_video::Clip;
use std::path::PathBuf;

/// What to try.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Name of the codec: that of its source file.
    pub name: String,
    /// Its source.
    pub source: String,
    /// Values of its parameters; what is missing takes its default.
    pub parameters: Parameters,
    /// The clips, opened.
    pub clips: &'a [Clip],
    /// GOP, quality indices, anchors, limits.
    pub settings: Settings,
    /// Folder that bundles are published in.
    pub results: PathBuf,
    /// Run it even where its bundle is there already.
    pub again: bool,
    /// Whoever asked is not there to correct a parameter that the codec does not have: it ends in a failed record.
    pub submitted: bool,
    /// What the first clip must reach for the rest to be encoded.
    pub bar: Option<Bar>,
    /// What was measured already: being the same once more is a failure.
    pub duplicate_of: Vec<KnownModules>,
}

impl Request<'_> {
    /// The question, without what it takes to answer it.
    #[must_use]
    pub fn submission(&self) -> Submission {
        Submission {
            codec: self.name.clone(),
            source: Digest::of(self.source.as_bytes()),
            parameters: self.parameters.clone(),
            clips: self.clips.iter().map(|clip| clip.info.id).collect(),
            settings: self.settings.clone(),
        }
    }

    /// Refuses a request that makes no sense, before anything is run.
    pub fn check(&self) -> Result<(), Error> {
        self.submission().check()?;
        for clip in self.clips {
            check_gop(&clip.info, &self.settings)?;
        }
        if let Some(Bar { anchor, bd_rate_at_most }) = &self.bar
            && !(self.settings.anchors.contains(anchor) && bd_rate_at_most.is_finite())
        {
            let value = format!("{bd_rate_at_most} % against {anchor:?}");
            let bound = format!("finite, against one of {:?}", self.settings.anchors);
            return Err(Error::request("bar", value, bound));
        }
        check_settings(&self.settings)
    }
}

/// Refuses settings that make no sense, whoever wrote them: a request, or a record from elsewhere.
pub(crate) fn check_settings(settings: &Settings) -> Result<(), Error> {
    settings.check()?;
    settings.anchors.iter().try_for_each(|name| anchors::find(name).map(drop))
}

/// A GOP must fit in what a module may be given.
pub(crate) fn check_gop(clip: &ClipInfo, settings: &Settings) -> Result<(), Error> {
    let frame = clip.format.frame_bytes();
    let (gop, most) = (frame * u64::from(settings.gop_frames), settings.limits.gop_bytes);
    if gop > most {
        let bound = format!("at most {most} bytes: {} frames of {}", most / frame, clip.format);
        return Err(Error::request("raw GOP", format!("{gop} bytes"), bound));
    }
    Ok(())
}

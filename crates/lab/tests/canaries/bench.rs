//! A lab with two tiny clips, and an observer that counts.

use aiv1_lab::{Event, Lab, Observer, Published, Request, machine};
use aiv1_model::{Limits, Parameters, Phase, Record, Settings};
use aiv1_video::{Clip, ClipOptions};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
pub(crate) const ANCHOR: &str = "x264-ultrafast";
/// Frames of a clip.
pub(crate) const FRAMES: u64 = 16;

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) struct Bench {
    pub(crate) lab: Lab,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clips: Vec<Clip>,
}

impl Bench {
    pub(crate) fn open() -> Self {
        let lab = machine::lab(THREADS).unwrap_or_else(|error| panic!("{}", aiv1_lab::chain(&error)));
        let folder = tempfile::tempdir().unwrap();
        let clip = |name: &str, source: &str| {
            let path = folder.path().join(name);
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", source, "-frames:v", &FRAMES.to_string()]);
            ffmpeg.args(["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
            assert!(ffmpeg.arg(&path).status().unwrap().success());
            Clip::open(&lab.ffmpeg, &path, &ClipOptions::default()).unwrap()
        };
        let clips = vec![
            clip("first.mp4", "testsrc2=size=96x64:rate=25"),
            clip("second.mp4", "mandelbrot=size=80x48:rate=25:start_scale=2"),
        ];
        Self { lab, folder, clips }
    }

    /// A request for the first clip.
    pub(crate) fn request(&self, name: &str, source: String) -> Request<'_> {
        let quality_indices = vec![8, 16, 24, 32, 40];
        let anchors = vec![ANCHOR.to_owned()];
        Request {
            name: name.to_owned(),
            source,
            parameters: Parameters::new(),
            clips: &self.clips[..1],
            settings: Settings { gop_frames: 16, quality_indices, anchors, limits: Limits::default() },
            results: self.folder.path().join("results"),
            again: true,
            submitted: true,
            bar: None,
            duplicate_of: Vec::new(),
        }
    }

    pub(crate) fn published(&self, request: &Request<'_>, heard: &Heard) -> Published {
        self.lab
            .run(request, heard)
            .unwrap_or_else(|error| panic!("{}: {}", request.name, aiv1_lab::chain(&error)))
    }

    pub(crate) fn run(&self, request: &Request<'_>, heard: &Heard) -> Record {
        self.published(request, heard).record
    }
}

/// Counts what is encoded, decoded and measured, and notes the phases.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    frames: AtomicU64,
    phases: Mutex<Vec<Phase>>,
}

impl Heard {
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        self.phases.lock().unwrap().clone()
    }
}

impl Observer for Heard {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::PhaseStarted { phase, .. } => self.phases.lock().unwrap().push(*phase),
            // Anchors come out of a cache or not: only the candidate's frames are counted.
            Event::Advanced { frames } if self.phases().last() != Some(&Phase::Deployment) => {
                self.frames.fetch_add(*frames, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

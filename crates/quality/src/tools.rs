//! The names under which the record says what measured.

use aiv1_model::QualityTools;

/// Names and versions of the implementations in this crate; VMAF is absent because it is not measured.
#[must_use]
pub fn tools() -> QualityTools {
    let version = env!("CARGO_PKG_VERSION");
    QualityTools {
        psnr: format!("aiv1-quality psnr {version}"),
        ssim: format!("aiv1-quality ssim {version}"),
        vmaf: None,
    }
}

//! The Landlock rules of a run: everything that this kernel's Landlock can deny, and never less than files.

use crate::spec::{Grant, Report};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, make_bitflags,
};
use std::path::{Path, PathBuf};

/// All that is asked of a kernel: files, devices, TCP, and signals and abstract sockets kept inside (Linux 6.12).
const LEVELS: [ABI; 6] = [ABI::V1, ABI::V2, ABI::V3, ABI::V4, ABI::V5, ABI::V6];

/// The level from which Landlock denies TCP (Linux 6.7).
pub(crate) const DENIES_TCP: ABI = ABI::V4;

/// The most of it that this kernel enforces; `None` without Landlock.
pub(crate) fn level() -> Option<ABI> {
    LEVELS.into_iter().take_while(|level| deny_all(*level).is_ok()).last()
}

/// A ruleset that denies everything a Landlock of this level can deny.
fn deny_all(level: ABI) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset = ruleset.handle_access(AccessFs::from_all(level))?;
    if level >= DENIES_TCP {
        ruleset = ruleset.handle_access(AccessNet::from_all(level))?;
    }
    if level >= ABI::V6 {
        ruleset = ruleset.scope(Scope::from_all(level))?;
    }
    ruleset.create()
}

/// From here on this thread, and everything it becomes or starts, has only what is granted.
pub(crate) fn enforce(level: ABI, grants: &[(Grant, PathBuf)]) -> Result<(), Report> {
    let setup = |error: RulesetError| Report::Setup { step: "Landlock".into(), reason: error.to_string() };
    let mut ruleset = deny_all(level).map_err(setup)?;
    for (grant, path) in grants {
        let failed = |reason: String| Report::Path { path: path.clone(), reason };
        let rights = rights(level, *grant, path).map_err(|error| failed(error.to_string()))?;
        let opened = PathFd::new(path).map_err(|error| failed(error.to_string()))?;
        ruleset =
            ruleset.add_rule(PathBeneath::new(opened, rights)).map_err(|error| failed(error.to_string()))?;
    }
    ruleset.restrict_self().map_err(setup).map(drop)
}

fn rights(level: ABI, grant: Grant, path: &Path) -> std::io::Result<BitFlags<AccessFs>> {
    let rights = match grant {
        Grant::Read => make_bitflags!(AccessFs::{ReadFile | ReadDir}),
        Grant::Execute => make_bitflags!(AccessFs::{ReadFile | ReadDir | Execute}),
        Grant::Write => make_bitflags!(AccessFs::{
            ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
        }),
    };
    let is_folder = path.metadata()?.is_dir();
    let known = if is_folder { AccessFs::from_all(level) } else { AccessFs::from_file(level) };
    Ok(rights & known)
}

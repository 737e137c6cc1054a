//! The Landlock rules of a run. All of them are hard requirements: a kernel that cannot enforce one refuses the run.

use crate::spec::{Grant, Report};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, make_bitflags,
};
use std::path::{Path, PathBuf};

/// What is asked of the kernel: files, devices, TCP, and signals and abstract sockets kept inside.
pub(crate) const ABI_LEVEL: ABI = ABI::V6;

/// A ruleset that denies everything a Landlock of this level can deny.
pub(crate) fn deny_all(level: ABI) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset = ruleset.handle_access(AccessFs::from_all(level))?;
    if level >= ABI::V4 {
        ruleset = ruleset.handle_access(AccessNet::from_all(level))?;
    }
    if level >= ABI::V6 {
        ruleset = ruleset.scope(Scope::from_all(level))?;
    }
    ruleset.create()
}

/// From here on this thread, and everything it becomes or starts, has only what is granted.
pub(crate) fn enforce(grants: &[(Grant, PathBuf)]) -> Result<(), Report> {
    let setup = |error: RulesetError| Report::Setup { step: "Landlock".into(), reason: error.to_string() };
    let mut ruleset = deny_all(ABI_LEVEL).map_err(setup)?;
    for (grant, path) in grants {
        let failed = |reason: String| Report::Path { path: path.clone(), reason };
        let rights = rights(*grant, path).map_err(|error| failed(error.to_string()))?;
        let opened = PathFd::new(path).map_err(|error| failed(error.to_string()))?;
        ruleset =
            ruleset.add_rule(PathBeneath::new(opened, rights)).map_err(|error| failed(error.to_string()))?;
    }
    ruleset.restrict_self().map_err(setup).map(drop)
}

fn rights(grant: Grant, path: &Path) -> std::io::Result<BitFlags<AccessFs>> {
    let rights = match grant {
        Grant::Read => make_bitflags!(AccessFs::{ReadFile | ReadDir}),
        Grant::Execute => make_bitflags!(AccessFs::{ReadFile | ReadDir | Execute}),
        Grant::Write => make_bitflags!(AccessFs::{
            ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | MakeSym | RemoveFile | RemoveDir | Refer
        }),
    };
    let is_folder = path.metadata()?.is_dir();
    Ok(if is_folder { rights } else { rights & AccessFs::from_file(ABI_LEVEL) })
}

//! What this kernel can enforce, asked without confining anything.

use crate::rules::{self, DENIES_TCP};

/// What a kernel without Landlock lacks.
pub(crate) const NO_LANDLOCK: &str = "it has no Landlock (Linux 5.13), or Landlock is not in its `lsm=` list";

/// What this kernel offers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Support {
    /// The Landlock ABI in use, at most 6, all that is asked for; `None` if there is no Landlock or it is switched off.
    pub landlock_abi: Option<u32>,
    /// Landlock itself denies TCP. Where it does not (before Linux 6.7), a run needs a network namespace.
    pub denies_tcp: bool,
}

impl Support {
    /// Asks the kernel.
    #[must_use]
    pub fn probe() -> Self {
        let level = rules::level();
        Self { landlock_abi: level.map(|level| level as u32), denies_tcp: level >= Some(DENIES_TCP) }
    }

    /// Why no program can be confined here, if none can.
    #[must_use]
    pub const fn missing(&self) -> Option<&'static str> {
        match self.landlock_abi {
            Some(_) => None,
            None => Some(NO_LANDLOCK),
        }
    }
}

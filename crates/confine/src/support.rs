//! What this kernel can enforce, asked without confining anything.

use crate::rules::{ABI_LEVEL, deny_all};
use landlock::ABI;

/// The Landlock ABI without which nothing is run: Linux 6.12.
pub const REQUIRED_LANDLOCK_ABI: u32 = ABI_LEVEL as u32;

/// What this kernel offers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Support {
    /// The Landlock ABI, as far as this library knows them; `None` if there is no Landlock or it is switched off.
    pub landlock_abi: Option<u32>,
    /// What is missing, in words; `None` if programs can be confined.
    pub missing: Option<String>,
}

impl Support {
    /// Asks the kernel.
    #[must_use]
    pub fn probe() -> Self {
        let levels = [ABI::V1, ABI::V2, ABI::V3, ABI::V4, ABI::V5, ABI::V6, ABI::V7, ABI::V8, ABI::V9];
        let enforced = |level: &ABI| deny_all(*level).is_ok();
        let landlock_abi = levels.into_iter().take_while(enforced).last().map(|level| level as u32);
        let missing = missing(landlock_abi);
        Self { landlock_abi, missing }
    }

    /// Whether programs can be confined here.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.missing.is_none()
    }
}

fn missing(landlock_abi: Option<u32>) -> Option<String> {
    let Some(abi) = landlock_abi else {
        return Some("it has no Landlock, or Landlock is not in its `lsm=` list".into());
    };
    let lacks = match abi {
        ..3 => "rules on truncating files, on TCP, on device controls, and on signals and abstract sockets",
        3 => "rules on TCP, on device controls, and on signals and abstract sockets",
        4 => "rules on device controls, and on signals and abstract sockets",
        5 => "rules on signals and abstract sockets",
        _ => return None,
    };
    Some(format!(
        "its Landlock is ABI {abi}, ABI {REQUIRED_LANDLOCK_ABI} (Linux 6.12) is needed: it lacks {lacks}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_kernel_lacks_is_named() {
        assert!(missing(None).unwrap().contains("no Landlock"));
        assert!(missing(Some(2)).unwrap().contains("ABI 2"));
        assert!(missing(Some(5)).unwrap().contains("signals"));
        assert_eq!(missing(Some(REQUIRED_LANDLOCK_ABI)), None);
    }
}

//! The guest kit's source, carried inside the lab: an installed `aiv1` needs no checkout.

use aiv1_model::{Digest, Hasher};
use std::path::Path;

macro_rules! kit_files {
    ($($name:literal),+) => {
        &[$(($name, include_str!(concat!("../../../../codecs/kit/src/", $name)))),+]
    };
}

/// Every file, by its path below the kit's `src`.
pub(super) const FILES: &[(&str, &str)] = kit_files!("lib.rs", "guest.rs", "parameters.rs", "pictures.rs");

/// Digest of names and contents.
pub(super) fn digest() -> Digest {
    let mut hasher = Hasher::new();
    for (name, text) in FILES {
        hasher.update(format!("{name} {}\n", text.len()).as_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finish()
}

/// Writes the files below `folder`.
pub(super) fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    FILES.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_kit_is_carried() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../codecs/kit/src");
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        let mut carried: Vec<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        carried.sort_unstable();
        assert_eq!(carried, names);
    }
}

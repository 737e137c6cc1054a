//! Upload links for the files of a bundle: bound to key, size, type and digest, and only for what is not there yet.

use crate::bundle::experiment;
use crate::{ExperimentPath, LIFETIME};
use aiv1_model::api::{Holder, Upload, UploadsAnswer, UploadsRequest};
use aiv1_model::{Digest, Experiment, ExperimentId, Manifest, ManifestEntry};
use aiv1_store::{BlobKey, Error as StoreError, ObjectKind};
use aiv1_web::{Allowed, Json, Path, Problem, Services, Works};
use axum::extract::State;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::BTreeSet;

/// Most files of a bundle.
const MAX_FILES: usize = 2_000;
/// How many objects are looked for at a time.
const LOOKS_AT_ONCE: usize = 16;

pub(crate) async fn post_uploads(
    State(services): State<Services>,
    _: Allowed<Works>,
    Path(of): Path<ExperimentPath>,
    Json(request): Json<UploadsRequest>,
) -> Result<Json<UploadsAnswer>, Problem> {
    held(&services, &of.id, &request.holder).await?;
    Ok(Json(UploadsAnswer { uploads: missing(&services, &request.manifest).await? }))
}

/// The experiment, if this worker holds it.
async fn held(services: &Services, id: &ExperimentId, holder: &Holder) -> Result<Experiment, Problem> {
    let experiment = experiment(services, id).await?;
    if experiment.is_held_by(holder) {
        return Ok(experiment);
    }
    let Holder { worker, attempt } = holder.clone();
    Err(StoreError::Lost { id: id.clone(), attempt, worker }.into())
}

/// A file and the key that its digest gives.
struct Wanted {
    path: String,
    key: BlobKey,
    bytes: u64,
    sha256: Digest,
}

/// Links for what the store does not have; the manifest's own file is last, so that a bundle is whole once it is there.
async fn missing(services: &Services, manifest: &Manifest) -> Result<Vec<Upload>, Problem> {
    let looks = stream::iter(wanted(manifest)?).map(|wanted| link_if_absent(services, wanted));
    let links: Vec<Option<Upload>> = looks.buffered(LOOKS_AT_ONCE).try_collect().await?;
    Ok(links.into_iter().flatten().collect())
}

async fn link_if_absent(services: &Services, wanted: Wanted) -> Result<Option<Upload>, Problem> {
    let Wanted { path, key, bytes, sha256 } = wanted;
    match services.blobs.head(&key).await? {
        Some(there) if there.bytes == bytes => Ok(None),
        Some(there) => Err(Problem::Refused(format!(
            "the manifest says that {path:?} has {bytes} bytes, but what is stored with its digest has {}",
            there.bytes
        ))),
        None => {
            let link = services.blobs.upload_link(&key, bytes, &sha256, LIFETIME).await?;
            Ok(Some(Upload { path, url: link.url, headers: link.headers }))
        }
    }
}

/// Every file of a bundle once, checked.
fn wanted(manifest: &Manifest) -> Result<Vec<Wanted>, Problem> {
    let refuse = |text: String| Err(Problem::Refused(text));
    if manifest.format != Manifest::FORMAT {
        return refuse(format!(
            "manifest.format is {:?}, but must be {:?}",
            manifest.format,
            Manifest::FORMAT
        ));
    }
    if manifest.files.is_empty() || manifest.files.len() > MAX_FILES {
        return refuse(format!(
            "manifest.files has {} entries, but must have 1 to {MAX_FILES}",
            manifest.files.len()
        ));
    }
    if let Some(pair) = manifest.files.windows(2).find(|pair| pair[0].path >= pair[1].path) {
        return refuse(format!("manifest.files is not sorted by path, each once, at {:?}", pair[1].path));
    }
    let text = manifest.canonical_text();
    let (bytes, sha256) = (text.len() as u64, Digest::of(&text));
    let itself = ManifestEntry { path: Manifest::FILE.to_owned(), bytes, sha256 };
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::with_capacity(manifest.files.len() + 1);
    for entry in &manifest.files {
        let key = key_of(entry)?;
        if entry.path == Manifest::FILE {
            return refuse(format!("manifest.files names {:?}, which no manifest does", entry.path));
        }
        if seen.insert(key.clone()) {
            wanted.push(Wanted { path: entry.path.clone(), key, bytes: entry.bytes, sha256: entry.sha256 });
        }
    }
    wanted.push(Wanted { key: key_of(&itself)?, path: itself.path, bytes, sha256 });
    Ok(wanted)
}

fn key_of(entry: &ManifestEntry) -> Result<BlobKey, Problem> {
    let kind = ObjectKind::of_bundle_path(&entry.path).filter(|_| entry.has_plain_path());
    let kind =
        kind.ok_or_else(|| Problem::Refused(format!("{:?} is no path that a bundle has", entry.path)))?;
    if entry.bytes > kind.max_bytes() {
        let most = kind.max_bytes();
        let text = format!("{:?} has {} bytes, but may have at most {most}", entry.path, entry.bytes);
        return Err(Problem::Refused(text));
    }
    Ok(BlobKey::object(kind, entry.sha256))
}

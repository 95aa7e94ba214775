//! Everything a home folder holds, opened together.

use crate::error::{Error, Result};
use crate::registry_source::RegistrySource;
use metria_artifacts::ArtifactStore;
use metria_serving::{ModelServer, PredictionLog, ServerLimits};
use metria_store_sql::{Durability, StoreOptions};
use metria_tracking::Tracking;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where things are kept.
#[derive(Clone, Debug)]
pub struct WorkspaceOptions {
    /// The folder of everything that has no place of its own.
    pub home: PathBuf,
    /// Records: `sqlite:PATH`, `postgres://…` or `memory:`.
    pub store_url: String,
    /// Artifacts: a folder.
    pub artifact_root: String,
    /// What an answered write survives.
    pub durability: Durability,
}

impl WorkspaceOptions {
    /// SQLite and local files below `home`.
    #[must_use]
    pub fn at(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        Self {
            store_url: format!("sqlite:{}", home.join("metria.db").display()),
            artifact_root: home.join("artifacts").display().to_string(),
            durability: Durability::Process,
            home,
        }
    }
}

/// An opened home: records, artifacts and what works on them. Cheap to clone.
#[derive(Clone)]
pub struct Workspace {
    /// Experiments, runs and the model registry.
    pub tracking: Tracking,
    /// Artifact bytes.
    pub artifacts: ArtifactStore,
    store: Arc<dyn metria_store::Store>,
    home: PathBuf,
}

impl Workspace {
    /// Opens a home, making what is missing.
    ///
    /// # Errors
    /// When the folder cannot be made or the store cannot be opened.
    pub async fn open(options: WorkspaceOptions) -> Result<Self> {
        std::fs::create_dir_all(&options.home).map_err(|source| Error::File {
            action: "make the home folder",
            path: options.home.display().to_string(),
            source,
        })?;
        let opening = lock(options.home.clone()).await?;
        let settings = StoreOptions { durability: options.durability };
        let failed = |source| Error::Records { place: place(&options.store_url), source };
        let store = metria_store_sql::open(&options.store_url, &settings).await.map_err(failed)?;
        let artifacts = ArtifactStore::open(&options.artifact_root)?;
        let tracking = Tracking::new(store.clone(), &artifacts.root_uri());
        tracking.bootstrap().await?;
        drop(opening);
        Ok(Self { tracking, artifacts, store, home: options.home })
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The records themselves.
    pub(crate) fn store(&self) -> &dyn metria_store::Store {
        self.store.as_ref()
    }

    /// A model server over this home's registry; its prediction log goes to `predictions` in the home.
    ///
    /// # Errors
    /// When the log's folder cannot be made.
    pub fn model_server(&self, limits: ServerLimits) -> Result<ModelServer> {
        let log = PredictionLog::open(&self.home.join("predictions"))?;
        let source = RegistrySource::new(self.clone());
        Ok(ModelServer::new(Arc::new(source), log, limits))
    }

    /// Finishes queued writes and closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// The path below the artifact root that an artifact URI of ours names.
    ///
    /// # Errors
    /// When the URI lies outside the root.
    pub fn artifact_path<'a>(&self, uri: &'a str) -> Result<&'a str> {
        let root = self.artifacts.root_uri();
        uri.strip_prefix(root.as_str()).map(|path| path.trim_start_matches('/')).ok_or_else(|| {
            Error::Invalid(format!("the artifact location `{uri}` is not below this home's artifact root `{root}`"))
        })
    }
}

/// Waits until no other process opens this home: two that find it empty would both begin to make its tables. The lock
/// goes with the file, however the process ends.
async fn lock(home: PathBuf) -> Result<File> {
    let path = home.join(".lock");
    let failed =
        |source| Error::File { action: "write into the home folder:", path: path.display().to_string(), source };
    let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
    let (locked, file) = tokio::task::spawn_blocking(move || (file.lock(), file))
        .await
        .map_err(|error| Error::Invalid(format!("waiting for the home folder broke: {error}")))?;
    match locked {
        Err(error) if error.kind() != std::io::ErrorKind::Unsupported => Err(failed(error)),
        _ => Ok(file),
    }
}

/// Where records are, without what may be a password.
fn place(store_url: &str) -> String {
    match store_url.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://{host}"),
            None => store_url.to_owned(),
        },
        None => store_url.strip_prefix("sqlite:").unwrap_or(store_url).to_owned(),
    }
}

//! Where experiments and models are tracked: a server, or a home that this process opens itself.

use crate::error::{Error, Result};
use crate::workspace::{Workspace, WorkspaceOptions};
use futures_util::future::FutureExt;
use metria_client::{Api, NewRun, RunSink, SinkMaker, file_pieces};
use metria_core::Kinded;
use metria_store::{LogBatch, RunStatus};
use metria_tracking::CreateRun;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a server listens when nothing is said.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:5000";

/// What a tracking URI names.
#[derive(Clone, Debug)]
pub(crate) enum TrackingTarget {
    /// A server by its address.
    Server(Api),
    /// A home.
    Home(WorkspaceOptions),
}

impl TrackingTarget {
    /// `http://…` and `https://…` are servers; `sqlite:PATH` and `postgres://…` are records, with artifacts in `home`
    /// (by default the folder of the SQLite file); anything else is the folder of a home.
    pub(crate) fn parse(uri: &str, home: Option<&Path>) -> Result<Self> {
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return Ok(Self::Server(Api::new(uri)?));
        }
        if let Some(path) = uri.strip_prefix("sqlite:") {
            let path = Path::new(path.strip_prefix("//").unwrap_or(path));
            let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let options = WorkspaceOptions::at(home.unwrap_or(beside));
            return Ok(Self::Home(WorkspaceOptions { store_url: format!("sqlite:{}", path.display()), ..options }));
        }
        if uri.starts_with("postgres://") || uri.starts_with("postgresql://") {
            let home = home.ok_or_else(|| {
                Error::Invalid("records in PostgreSQL need a home folder for artifacts; name one".to_owned())
            })?;
            return Ok(Self::Home(WorkspaceOptions { store_url: uri.to_owned(), ..WorkspaceOptions::at(home) }));
        }
        let folder = uri.strip_prefix("file:").map_or(uri, |path| path.strip_prefix("//").unwrap_or(path));
        if folder.is_empty() || folder.contains("://") || folder == "memory:" {
            return Err(Error::Invalid(format!(
                "a tracking URI is `http://HOST:PORT`, a home folder, `sqlite:PATH` or `postgres://…`; got `{uri}`"
            )));
        }
        Ok(Self::Home(WorkspaceOptions::at(folder)))
    }

    /// Where spools are kept unless said otherwise.
    pub(crate) fn default_spool(&self) -> PathBuf {
        match self {
            Self::Server(_) => PathBuf::from("metria-spool"),
            Self::Home(options) => options.home.join("spool"),
        }
    }

    /// What opens the target as a place for runs.
    pub(crate) fn sink_maker(self) -> SinkMaker {
        Box::new(move || {
            let target = self.clone();
            async move { target.open_sink().await }.boxed_local()
        })
    }

    /// The target as a place for runs.
    pub(crate) async fn open_sink(self) -> metria_client::Result<Arc<dyn RunSink>> {
        match self {
            Self::Server(api) => Ok(Arc::new(api)),
            Self::Home(options) => match Workspace::open(options).await {
                Ok(workspace) => Ok(Arc::new(HomeSink(workspace))),
                Err(error) => Err(metria_client::Error::of_sink(&error)),
            },
        }
    }
}

/// A home as a place for runs.
pub(crate) struct HomeSink(pub(crate) Workspace);

/// A result in the words of a sink.
fn told<T>(result: std::result::Result<T, impl Kinded>) -> metria_client::Result<T> {
    result.map_err(|error| metria_client::Error::of_sink(&error))
}

#[async_trait::async_trait]
impl RunSink for HomeSink {
    async fn create_run(&self, run: &NewRun) -> metria_client::Result<()> {
        let tracking = &self.0.tracking;
        let experiment = told(tracking.get_or_create_experiment(&run.experiment).await)?;
        let new = CreateRun {
            experiment_id: experiment.experiment_id,
            run_name: run.run_name.clone(),
            user_id: run.user_id.clone(),
            tags: run.tags.clone(),
            start_time_ms: Some(run.start_time_ms),
        };
        told(tracking.get_or_create_run(&run.run_id, new).await)?;
        Ok(())
    }

    async fn log(&self, run_id: &str, batch: &LogBatch) -> metria_client::Result<()> {
        told(self.0.tracking.log_batch(run_id, batch.clone()).await)
    }

    async fn put_artifact(&self, run_id: &str, path: &str, file: &Path, sha256: &str) -> metria_client::Result<()> {
        let opened = tokio::fs::File::open(file).await.map_err(|source| {
            let path = file.display().to_string();
            metria_client::Error::File { action: "open", path, source }
        })?;
        let pieces = Box::pin(file_pieces(opened));
        told(self.0.put_run_artifact(run_id, path, pieces, Some(sha256)).await)
    }

    async fn finish(&self, run_id: &str, status: RunStatus, end_time_ms: i64) -> metria_client::Result<()> {
        told(self.0.tracking.update_run(run_id, Some(status), Some(end_time_ms), None).await)?;
        Ok(())
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(uri: &str) -> WorkspaceOptions {
        match TrackingTarget::parse(uri, None).unwrap() {
            TrackingTarget::Home(options) => options,
            TrackingTarget::Server(api) => panic!("{} is a server", api.address()),
        }
    }

    #[test]
    fn uris_name_servers_and_homes() {
        let server = TrackingTarget::parse("https://example.org", None).unwrap();
        assert!(matches!(&server, TrackingTarget::Server(api) if api.address() == "https://example.org"));
        assert_eq!(server.default_spool(), Path::new("metria-spool"));
        assert_eq!(home("my/home").store_url, "sqlite:my/home/metria.db");
        assert_eq!(home("file:///my/home").home, Path::new("/my/home"));
        let options = home("sqlite:/data/runs.db");
        assert_eq!((options.store_url.as_str(), options.home.as_path()), ("sqlite:/data/runs.db", Path::new("/data")));
        assert_eq!(home("sqlite:runs.db").artifact_root, "./artifacts");
        for uri in ["", "s3://bucket", "memory:", "file:", "postgres://host/db", "http://"] {
            assert!(TrackingTarget::parse(uri, None).is_err(), "{uri}");
        }
        let records = TrackingTarget::parse("postgres://host/db", Some(Path::new("h"))).unwrap();
        assert_eq!(records.default_spool(), Path::new("h/spool"));
    }
}

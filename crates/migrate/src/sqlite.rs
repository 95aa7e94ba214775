//! A SQLite store that MLflow made (`mlflow server --backend-store-uri sqlite:///mlflow.db`), read only. The tables of
//! MLflow 2 and 3 are known; columns and tables that an older one lacks count as empty.

use crate::error::{Error, Result};
use crate::local::{self, LocalRoots};
use crate::records::{self, DATASET_CONTEXT, DELETED_STAGE};
use crate::side::{LoggedModelFiles, Place, Problems, Source, SourceModel, SourceRun};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use metria_core::ModelStage;
use metria_store::{DatasetInput, Experiment, Metric, ModelVersion, RegisteredModel, Run, RunInfo, RunStatus};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// Runs on a page.
const PAGE: i64 = 200;

/// A database file of MLflow's.
pub struct SqliteSource {
    pool: SqlitePool,
    tables: HashSet<String>,
    roots: LocalRoots,
    problems: Problems,
    place: String,
}

impl SqliteSource {
    /// Opens a file. Artifacts are read below its folder and below the folders in `artifacts`, nowhere else; the first
    /// of these is what `mlflow-artifacts:` locations mean.
    ///
    /// # Errors
    /// When the file is not a database of MLflow's.
    pub async fn open(path: &Path, artifacts: &[PathBuf], problems: Problems) -> Result<Self> {
        let place = path.display().to_string();
        let meta = std::fs::metadata(path).map_err(Error::file("open", path))?;
        if !meta.is_file() {
            return Err(Error::Source(format!("{place} is not a file")));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let roots = LocalRoots::new(folder, artifacts)?;
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let failed = |source| Error::Database { place: place.clone(), source };
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(failed)?;
        let found = sqlx::query_scalar::<_, String>("SELECT name FROM sqlite_master WHERE type = 'table'");
        let tables: HashSet<String> = found.fetch_all(&pool).await.map_err(failed)?.into_iter().collect();
        for needed in ["experiments", "runs", "metrics", "params", "tags"] {
            if !tables.contains(needed) {
                return Err(Error::Source(format!("{place} has no table `{needed}`, so it is no store of MLflow's")));
            }
        }
        Ok(Self { pool, tables, roots, problems, place })
    }

    fn has(&self, table: &str) -> bool {
        self.tables.contains(table)
    }

    fn failed(&self, source: sqlx::Error) -> Error {
        Error::Database { place: self.place.clone(), source }
    }

    async fn rows(&self, sql: &'static str, arguments: &[&str]) -> Result<Vec<SqliteRow>> {
        let query = arguments.iter().fold(sqlx::query(sql), |query, argument| query.bind((*argument).to_owned()));
        query.fetch_all(&self.pool).await.map_err(|error| self.failed(error))
    }

    async fn pairs(&self, sql: &'static str, arguments: &[&str]) -> Result<Vec<(String, String)>> {
        let rows = self.rows(sql, arguments).await?;
        Ok(rows.iter().map(|row| (text(row, "key"), text(row, "value"))).collect())
    }

    async fn run(&self, row: &SqliteRow) -> Result<SourceRun> {
        let run_id = text(row, "run_uuid");
        let tags = self.pairs("SELECT key, value FROM tags WHERE run_uuid = ? ORDER BY key", &[&run_id]).await?;
        let named = tags.iter().find(|(key, _)| key == "mlflow.runName").map(|(_, value)| value.clone());
        let info = RunInfo {
            experiment_id: whole(row, "experiment_id").map_or_else(|| text(row, "experiment_id"), |id| id.to_string()),
            run_name: Some(text(row, "name")).filter(|name| !name.is_empty()).or(named).unwrap_or_default(),
            user_id: text(row, "user_id"),
            status: RunStatus::from_name(&text(row, "status")).unwrap_or_default(),
            start_time_ms: whole(row, "start_time").unwrap_or(0),
            end_time_ms: whole(row, "end_time"),
            artifact_uri: text(row, "artifact_uri"),
            lifecycle: records::lifecycle(Some(&text(row, "lifecycle_stage"))),
            run_id,
        };
        let run_id = info.run_id.clone();
        let params = self.pairs("SELECT key, value FROM params WHERE run_uuid = ? ORDER BY key", &[&run_id]).await?;
        let keys = self.rows("SELECT DISTINCT key FROM metrics WHERE run_uuid = ? ORDER BY key", &[&run_id]).await?;
        let run = Run {
            params: params.into_iter().map(records::param).collect(),
            tags: tags.into_iter().map(records::tag).collect(),
            inputs: self.inputs(&run_id).await?,
            ..records::run(info)
        };
        Ok(SourceRun { run, metric_keys: keys.iter().map(|row| text(row, "key")).collect() })
    }

    async fn inputs(&self, run_id: &str) -> Result<Vec<DatasetInput>> {
        if !self.has("inputs") || !self.has("datasets") || !self.has("input_tags") {
            return Ok(Vec::new());
        }
        let rows = self
            .rows(
                "SELECT d.*, (SELECT t.value FROM input_tags t WHERE t.input_uuid = i.input_uuid AND t.name = ?)
                 AS context FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
                 WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = ?
                 ORDER BY d.name, d.digest",
                &[DATASET_CONTEXT, run_id],
            )
            .await?;
        let input = |row: &SqliteRow| DatasetInput {
            name: text(row, "name"),
            digest: text(row, "digest"),
            source_type: text(row, "dataset_source_type"),
            source: text(row, "dataset_source"),
            schema: maybe(row, "dataset_schema"),
            profile: maybe(row, "dataset_profile"),
            context: maybe(row, "context"),
        };
        Ok(rows.iter().map(input).collect())
    }

    async fn versions(&self, name: &str) -> Result<Vec<ModelVersion>> {
        let mut versions = Vec::new();
        for row in &self.rows("SELECT * FROM model_versions WHERE name = ? ORDER BY version", &[name]).await? {
            let stage = maybe(row, "current_stage").unwrap_or_else(|| "None".to_owned());
            let number = whole(row, "version").and_then(|number| u32::try_from(number).ok());
            let (stage, number) = match (stage.parse::<ModelStage>(), number) {
                _ if stage == DELETED_STAGE => continue,
                (Ok(stage), Some(number)) => (stage, number),
                _ => {
                    self.problems.add(format!("a version of `{name}` has no number or is in `{stage}`; left out"));
                    continue;
                }
            };
            let tags = if self.has("model_version_tags") {
                let sql = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = CAST(? AS INTEGER)
                           ORDER BY key";
                self.pairs(sql, &[name, &number.to_string()]).await?
            } else {
                Vec::new()
            };
            let source = text(row, "source");
            let creation = whole(row, "creation_time").unwrap_or(0);
            versions.push(ModelVersion {
                description: text(row, "description"),
                storage_location: maybe(row, "storage_location").unwrap_or_else(|| source.clone()),
                source,
                run_id: maybe(row, "run_id"),
                user_id: text(row, "user_id"),
                creation_time_ms: creation,
                last_update_time_ms: whole(row, "last_updated_time").unwrap_or(creation),
                tags: tags.into_iter().map(records::tag).collect(),
                ..records::version(name, number, stage)
            });
        }
        Ok(versions)
    }

    fn folder(&self, place: Place<'_>) -> Result<Option<PathBuf>> {
        let location = match place {
            Place::Run(_, run) => &run.info.artifact_uri,
            Place::Model(_, model) => &model.location,
        };
        self.roots.folder(location).map_err(|reason| Error::Record(format!("its artifacts are not read: {reason}")))
    }
}

/// A text, empty where there is none.
fn text(row: &SqliteRow, column: &str) -> String {
    row.try_get::<Option<String>, _>(column).ok().flatten().unwrap_or_default()
}

/// A text that says something.
fn maybe(row: &SqliteRow, column: &str) -> Option<String> {
    Some(text(row, column)).filter(|text| !text.is_empty())
}

fn whole(row: &SqliteRow, column: &str) -> Option<i64> {
    row.try_get::<Option<i64>, _>(column).ok().flatten()
}

#[async_trait::async_trait]
impl Source for SqliteSource {
    fn name(&self) -> String {
        self.place.clone()
    }

    async fn experiments(&self) -> Result<Vec<Experiment>> {
        let mut tags: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        if self.has("experiment_tags") {
            let sql = "SELECT CAST(experiment_id AS TEXT) AS id, key, value FROM experiment_tags ORDER BY key";
            for row in &self.rows(sql, &[]).await? {
                tags.entry(text(row, "id")).or_default().push((text(row, "key"), text(row, "value")));
            }
        }
        let rows = self.rows("SELECT CAST(experiment_id AS TEXT) AS id, * FROM experiments ORDER BY 1", &[]).await?;
        let experiment = |row: &SqliteRow| {
            let id = text(row, "id");
            let creation = whole(row, "creation_time").unwrap_or(0);
            Experiment {
                lifecycle: records::lifecycle(Some(&text(row, "lifecycle_stage"))),
                creation_time_ms: creation,
                last_update_time_ms: whole(row, "last_update_time").unwrap_or(creation),
                tags: tags.remove(&id).unwrap_or_default().into_iter().map(records::tag).collect(),
                ..records::experiment(&id, text(row, "name"), text(row, "artifact_location"))
            }
        };
        Ok(rows.iter().map(experiment).collect())
    }

    async fn runs(&self, experiment: &Experiment, page: Option<String>) -> Result<(Vec<SourceRun>, Option<String>)> {
        let sql = "SELECT * FROM runs WHERE experiment_id = CAST(? AS INTEGER) AND run_uuid > ? ORDER BY run_uuid
                   LIMIT ?";
        let rows = sqlx::query(sql)
            .bind(&experiment.experiment_id)
            .bind(page.unwrap_or_default())
            .bind(PAGE)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(error))?;
        let mut runs = Vec::with_capacity(rows.len());
        for row in &rows {
            runs.push(self.run(row).await?);
        }
        let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
        let last = runs.last().map(|run| run.run.info.run_id.clone());
        Ok((runs, last.filter(|_| full)))
    }

    async fn history(&self, _: &Experiment, run: &Run, key: &str) -> Result<Vec<Metric>> {
        let sql = "SELECT value, timestamp, step, CAST(is_nan AS INTEGER) AS nan FROM metrics
                   WHERE run_uuid = ? AND key = ? ORDER BY step, timestamp, value";
        let rows = self.rows(sql, &[&run.info.run_id, key]).await?;
        let metric = |row: &SqliteRow| {
            let is_nan = whole(row, "nan").unwrap_or(0) != 0;
            let value = if is_nan { Ok(f64::NAN) } else { row.try_get::<f64, _>("value") };
            let value = value.map_err(|error| self.failed(error))?;
            Ok(records::metric(key, value, whole(row, "timestamp").unwrap_or(0), whole(row, "step").unwrap_or(0)))
        };
        rows.iter().map(metric).collect()
    }

    async fn logged_models(&self, experiment: &Experiment) -> Result<Vec<LoggedModelFiles>> {
        if !self.has("logged_models") {
            return Ok(Vec::new());
        }
        let sql = "SELECT model_id, artifact_location FROM logged_models WHERE experiment_id = CAST(? AS INTEGER)
                   ORDER BY model_id";
        let rows = self.rows(sql, &[&experiment.experiment_id]).await?;
        let model = |row: &SqliteRow| LoggedModelFiles {
            model_id: text(row, "model_id"),
            location: text(row, "artifact_location"),
        };
        Ok(rows.iter().map(model).collect())
    }

    async fn files(&self, place: Place<'_>) -> Result<Vec<String>> {
        match self.folder(place)? {
            Some(folder) => local::list(&folder, &self.problems),
            None => Ok(Vec::new()),
        }
    }

    async fn open(&self, place: Place<'_>, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let folder = self.folder(place)?.ok_or_else(|| Error::Record("its artifacts are gone".to_owned()))?;
        local::open(&folder, path).await
    }

    async fn models(&self) -> Result<Vec<SourceModel>> {
        if !self.has("registered_models") || !self.has("model_versions") {
            return Ok(Vec::new());
        }
        let mut models = Vec::new();
        for row in &self.rows("SELECT * FROM registered_models ORDER BY name", &[]).await? {
            let name = text(row, "name");
            let creation = whole(row, "creation_time").unwrap_or(0);
            let changed = whole(row, "last_updated_time").unwrap_or(creation);
            let tags = if self.has("registered_model_tags") {
                let sql = "SELECT key, value FROM registered_model_tags WHERE name = ? ORDER BY key";
                self.pairs(sql, &[&name]).await?
            } else {
                Vec::new()
            };
            let mut aliases = Vec::new();
            if self.has("registered_model_aliases") {
                let sql = "SELECT alias, version FROM registered_model_aliases WHERE name = ? ORDER BY alias";
                for row in &self.rows(sql, &[&name]).await? {
                    let number = whole(row, "version").and_then(|number| u32::try_from(number).ok());
                    aliases.extend(number.map(|number| (text(row, "alias"), number)));
                }
            }
            let versions = self.versions(&name).await?;
            let model = RegisteredModel {
                tags: tags.into_iter().map(records::tag).collect(),
                aliases,
                ..records::model(&name, text(row, "description"), creation, changed)
            };
            models.push(SourceModel { model, versions });
        }
        Ok(models)
    }

    async fn left_out(&self) -> Result<Vec<(&'static str, u64)>> {
        let counted = [
            ("traces", "trace_info", "SELECT count(*) AS n FROM trace_info"),
            ("records of logged models", "logged_models", "SELECT count(*) AS n FROM logged_models"),
            ("evaluation datasets", "evaluation_datasets", "SELECT count(*) AS n FROM evaluation_datasets"),
            ("webhooks", "webhooks", "SELECT count(*) AS n FROM webhooks"),
        ];
        let mut left_out = Vec::new();
        for (what, table, sql) in counted {
            if self.has(table) {
                let rows = self.rows(sql, &[]).await?;
                let count = rows.first().and_then(|row| whole(row, "n")).unwrap_or(0);
                left_out.push((what, u64::try_from(count).unwrap_or(0)));
            }
        }
        Ok(left_out)
    }
}

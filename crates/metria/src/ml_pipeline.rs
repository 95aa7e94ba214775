//! `MLPipeline`: load, engineer, train and validate, with everything tracked.

use crate::error::Result;
use crate::evaluation::Evaluation;
use crate::training::{ModelSettings, TrainedModel, Training, TrainingData, TrainingEvent};
use crate::workspace::Workspace;
use arrow_array::RecordBatch;
use metria_core::Labels;
use metria_data::{Profile, ReadOptions};
use metria_learn::pipeline::{FittedPipeline, engineer_features};
use metria_store::DatasetInput;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// The result of [`MLPipeline::validate_model`]; precision and recall are weighted by class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ValidationScores {
    /// Share of rows that were right.
    pub val_accuracy: f64,
    /// Weighted precision.
    pub val_precision: f64,
    /// Weighted recall.
    pub val_recall: f64,
}

/// From a file to a tracked model, in the steps of the guideline.
///
/// The target is never among the features. Encoder and scaler are fitted on the training part only and travel inside
/// the logged model, so that it takes raw rows.
pub struct MLPipeline {
    workspace: Workspace,
    /// How the next training is done.
    pub training: Training,
    /// The run of the latest training.
    pub last_run_id: Option<String>,
    /// The model of the latest training: `runs:/ID/model`.
    pub last_model_uri: Option<String>,
    loaded: Option<Loaded>,
}

/// What is remembered of the file that was read last.
struct Loaded {
    target: String,
    dataset: DatasetInput,
    profile: Profile,
}

impl MLPipeline {
    /// A pipeline that logs to the experiment of that name, which is made when it is not there.
    ///
    /// # Errors
    /// When the name is refused or the store fails.
    pub async fn new(workspace: &Workspace, experiment_name: &str) -> Result<Self> {
        workspace.tracking.get_or_create_experiment(experiment_name).await?;
        Ok(Self {
            workspace: workspace.clone(),
            training: Training::new(experiment_name),
            last_run_id: None,
            last_model_uri: None,
            loaded: None,
        })
    }

    /// Reads a CSV, JSON-lines or Parquet file and splits the target off. `X` keeps its raw columns: they are
    /// engineered in training, on the training part only.
    ///
    /// # Errors
    /// When the file cannot be read, is not a table, or lacks a usable target.
    pub fn load_and_prepare_data(&mut self, data_path: &Path, target: &str) -> Result<(RecordBatch, Labels)> {
        self.load_with(data_path, target, &ReadOptions::default())
    }

    /// [`Self::load_and_prepare_data`] with declared types, delimiter or missing markers.
    ///
    /// # Errors
    /// As there.
    pub fn load_with(
        &mut self,
        data_path: &Path,
        target: &str,
        options: &ReadOptions,
    ) -> Result<(RecordBatch, Labels)> {
        let table = metria_data::read_table(data_path, options)?;
        let (x, target_column) = metria_data::split_target(&table.batch, target)?;
        let y = metria_data::labels(&target_column, target)?;
        let profile = metria_data::profile(&table.batch);
        let name = data_path.file_stem().map_or("dataset".into(), |name| name.to_string_lossy());
        let specs = metria_data::column_specs(&table.batch);
        let facts = serde_json::json!({"num_rows": table.batch.num_rows(), "num_elements": table.batch.num_rows() * table.batch.num_columns()});
        self.loaded = Some(Loaded {
            target: target.to_owned(),
            dataset: DatasetInput {
                name: name.into_owned(),
                digest: table.digest.clone(),
                source_type: "local".to_owned(),
                source: serde_json::json!({"uri": data_path.display().to_string()}).to_string(),
                schema: Some(serde_json::json!({"mlflow_colspec": specs}).to_string()),
                profile: Some(facts.to_string()),
                context: Some("training".to_owned()),
            },
            profile,
        });
        Ok((x, y))
    }

    /// The profile of the file that was read last.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        self.loaded.as_ref().map(|loaded| &loaded.profile)
    }

    /// One-hot columns for texts and booleans (all categories, sorted, none dropped) and standardised numbers (sample
    /// deviation): for looking at one table. Training does the same by default, fitted on the training part.
    ///
    /// # Errors
    /// When a column cannot be used.
    pub fn feature_engineering(&self, df: &RecordBatch) -> Result<RecordBatch> {
        Ok(engineer_features(df)?)
    }

    /// Holds out 20 % (seed 42), fits a random forest (`n_estimators=100, max_depth=10, random_state=42` unless
    /// `model_params` says otherwise) on the rest, with categories as `model_params` says (one-hot by default), and logs
    /// params, metrics and the model.
    ///
    /// # Errors
    /// When the data or a parameter cannot be used, or something cannot be written; the run is then FAILED.
    pub async fn train_model(
        &mut self,
        x: &RecordBatch,
        y: &Labels,
        model_params: Option<&ModelSettings>,
    ) -> Result<Arc<FittedPipeline>> {
        Ok(self.train(x, y, model_params, |_| ()).await?.pipeline)
    }

    /// [`Self::train_model`] with everything that is known about the result, telling `progress` as it goes.
    ///
    /// # Errors
    /// As there.
    pub async fn train(
        &mut self,
        x: &RecordBatch,
        y: &Labels,
        model_params: Option<&ModelSettings>,
        progress: impl Fn(TrainingEvent) + Clone + Send + 'static,
    ) -> Result<TrainedModel> {
        let mut training = self.training.clone();
        if let Some(settings) = model_params {
            training.model = settings.clone();
        }
        let data = TrainingData {
            x: x.clone(),
            y: y.clone(),
            target: self.loaded.as_ref().map_or_else(|| "target".to_owned(), |l| l.target.clone()),
            source: self.loaded.as_ref().map(|loaded| loaded.dataset.clone()),
            profile: self.loaded.as_ref().map(|loaded| loaded.profile.clone()),
        };
        let trained = training.run(&self.workspace, &data, progress).await?;
        self.last_run_id = Some(trained.run_id.clone());
        self.last_model_uri = Some(trained.model_uri.clone());
        Ok(trained)
    }

    /// Accuracy and weighted precision and recall of a model on rows with known answers.
    ///
    /// # Errors
    /// When the rows do not fit the model.
    pub fn validate_model(
        &self,
        model: &FittedPipeline,
        x_val: &RecordBatch,
        y_val: &Labels,
    ) -> Result<ValidationScores> {
        let scores = Evaluation::of(model, x_val, y_val)?;
        Ok(ValidationScores {
            val_accuracy: scores.accuracy,
            val_precision: scores.precision,
            val_recall: scores.recall,
        })
    }
}

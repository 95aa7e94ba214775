//! One training, from a table to a logged model: hold out, cross-validate, fit, measure, log.

use crate::error::{Error, Result};
use crate::evaluation::Evaluation;
use crate::run_context::source_tags;
use crate::workspace::Workspace;
use arrow_array::{Array, Float64Array, RecordBatch};
use metria_artifacts::ModelPackage;
use metria_core::Labels;
use metria_learn::model_selection::{Fold, KFold, StratifiedKFold, TimeSeriesSplit, train_test_split};
use metria_learn::pipeline::{Categories, ColumnTransformer, Estimator, FittedPipeline, Pipeline};
use metria_store::{DatasetInput, LogBatch, Metric, Param, RunStatus, Tag};
use metria_tracking::CreateRun;
use serde_json::{Value, json};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Which model is trained, and how it is set.
#[derive(Clone, Debug)]
pub struct ModelSettings {
    /// The estimator's name, such as `random_forest`.
    pub estimator: String,
    /// Parameters that differ from the defaults, by scikit-learn's names.
    pub params: Vec<(String, Value)>,
    /// How texts and booleans become features.
    pub categories: Categories,
}

impl Default for ModelSettings {
    /// A random forest of 100 trees, at most 10 deep, `random_state` 42, on one-hot categories.
    fn default() -> Self {
        Self {
            estimator: "random_forest".to_owned(),
            params: vec![
                ("n_estimators".to_owned(), json!(100)),
                ("max_depth".to_owned(), json!(10)),
                ("random_state".to_owned(), json!(42)),
            ],
            categories: Categories::OneHot,
        }
    }
}

impl ModelSettings {
    /// Sets one parameter, in place of an earlier value of it.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.params.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.params.push((name.to_owned(), value)),
        }
    }

    /// The pipeline these settings describe.
    ///
    /// # Errors
    /// When the estimator or a parameter is unknown or out of range.
    pub fn pipeline(&self, target: &str) -> Result<Pipeline> {
        let mut estimator = Estimator::by_name(&self.estimator)?;
        for (name, value) in &self.params {
            estimator.set_param(name, value)?;
        }
        let columns = ColumnTransformer::for_categories(self.categories);
        Ok(Pipeline { columns, estimator, target: target.to_owned() })
    }
}

/// How the training part is cut for validation before the final fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossValidation {
    /// Shuffled folds with the classes in proportion, seed 42.
    Stratified(usize),
    /// Shuffled folds, seed 42.
    KFold(usize),
    /// Always the past for training and what follows for validation, in row order.
    TimeSeries(usize),
}

impl FromStr for CrossValidation {
    type Err = Error;

    /// `stratified:5`, `kfold:5` or `time_series:5`; 5 when no number is given.
    fn from_str(text: &str) -> Result<Self> {
        let (kind, n_splits) = match text.split_once(':') {
            Some((kind, number)) => (kind, number.parse().ok()),
            None => (text, Some(5)),
        };
        match (kind, n_splits) {
            ("stratified", Some(k)) if k >= 2 => Ok(Self::Stratified(k)),
            ("kfold", Some(k)) if k >= 2 => Ok(Self::KFold(k)),
            ("time_series", Some(k)) if k >= 2 => Ok(Self::TimeSeries(k)),
            _ => Err(Error::Invalid(format!(
                "cross-validation must be `stratified:K`, `kfold:K` or `time_series:K` with K of at least 2; got `{text}`"
            ))),
        }
    }
}

impl fmt::Display for CrossValidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stratified(k) => write!(f, "stratified:{k}"),
            Self::KFold(k) => write!(f, "kfold:{k}"),
            Self::TimeSeries(k) => write!(f, "time_series:{k}"),
        }
    }
}

impl CrossValidation {
    /// Number of folds.
    #[must_use]
    pub fn n_splits(self) -> usize {
        match self {
            Self::Stratified(k) | Self::KFold(k) | Self::TimeSeries(k) => k,
        }
    }

    fn folds(self, y: &[u32], seed: u32) -> Result<Vec<Fold>> {
        Ok(match self {
            Self::Stratified(k) => StratifiedKFold::new(k).shuffled(seed).split(y)?,
            Self::KFold(k) => KFold::new(k).shuffled(seed).split(y.len())?,
            Self::TimeSeries(k) => TimeSeriesSplit::new(k).split(y.len())?,
        })
    }
}

/// What a training tells while it goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainingEvent {
    /// A fold was fitted and measured.
    Fold {
        /// Which, from 0.
        index: usize,
        /// Its accuracy.
        accuracy: f64,
    },
    /// The final model was fitted on the training part.
    Fitted,
    /// The run, its artifacts and the model are written.
    Logged,
}

/// The settings of one training. [`Training::new`] gives SYSTEMS' defaults: 20 % held out (classes in proportion),
/// seed 42, no cross-validation.
#[derive(Clone, Debug)]
pub struct Training {
    /// The experiment that the run goes to; made when it is not there.
    pub experiment: String,
    /// A name for the run; a random one when not given.
    pub run_name: Option<String>,
    /// Estimator and parameters.
    pub model: ModelSettings,
    /// Validation on the training part.
    pub cross_validation: Option<CrossValidation>,
    /// Share of the rows that is held out.
    pub test_size: f64,
    /// Seed of the split and the folds.
    pub seed: u32,
    /// Whether the split keeps the classes in proportion.
    pub stratify: bool,
    /// Who trains.
    pub user: String,
    /// What started the training, such as `metria train`.
    pub source_name: String,
}

impl Training {
    /// The default settings for an experiment.
    #[must_use]
    pub fn new(experiment: &str) -> Self {
        Self {
            experiment: experiment.to_owned(),
            run_name: None,
            model: ModelSettings::default(),
            cross_validation: None,
            test_size: 0.2,
            seed: 42,
            stratify: true,
            user: "metria".to_owned(),
            source_name: "metria".to_owned(),
        }
    }
}

/// A trained, logged model with what is known about it.
#[derive(Clone, Debug)]
pub struct TrainedModel {
    /// The run it was logged to.
    pub run_id: String,
    /// Where it is: `runs:/ID/model`.
    pub model_uri: String,
    /// Encoder, scaler and estimator, fitted on the training part.
    pub pipeline: Arc<FittedPipeline>,
    /// How it does on the held-out part.
    pub evaluation: Evaluation,
    /// How each fold did on its validation part.
    pub folds: Vec<Evaluation>,
    /// Rows of the training part.
    pub train_indices: Vec<usize>,
    /// Rows of the held-out part.
    pub test_indices: Vec<usize>,
}

impl TrainedModel {
    /// The metrics that describe the model, by the names they are logged under.
    #[must_use]
    pub fn metrics(&self) -> Vec<(String, f64)> {
        let mut metrics = self.evaluation.metrics("");
        if !self.folds.is_empty() {
            let scores: Vec<f64> = self.folds.iter().map(|fold| fold.accuracy).collect();
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            let variance = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / scores.len() as f64;
            metrics.push(("cv_mean_accuracy".to_owned(), mean));
            metrics.push(("cv_std_accuracy".to_owned(), variance.sqrt()));
        }
        metrics
    }
}

/// The data of a training: features, target and where they came from.
#[derive(Clone, Debug)]
pub(crate) struct TrainingData {
    pub(crate) x: RecordBatch,
    pub(crate) y: Labels,
    pub(crate) target: String,
    pub(crate) source: Option<DatasetInput>,
    pub(crate) profile: Option<metria_data::Profile>,
}

impl Training {
    /// Splits, validates, fits, measures and logs. A run that fails on the way is marked FAILED and keeps the reason
    /// in its tag `metria.error`.
    pub(crate) async fn run(
        &self,
        workspace: &Workspace,
        data: &TrainingData,
        progress: impl Fn(TrainingEvent) + Clone + Send + 'static,
    ) -> Result<TrainedModel> {
        // Settings, data and split are checked first, so that a typing error leaves no failed run behind.
        let pipeline = self.model.pipeline(&data.target)?;
        check_features(&data.x, &data.target)?;
        let (classes, codes) = data.y.encode();
        if self.stratify {
            check_classes(&classes, &codes, &data.target)?;
        }
        let stratify = self.stratify.then_some(codes.as_slice());
        let (train, test) = train_test_split(codes.len(), self.test_size, self.seed, stratify)?;
        let run_id = self.start_run(workspace, data, &pipeline).await?;
        let fit = self.fit(data, pipeline, train, test, progress.clone());
        let logged = match fit.await {
            Ok(fitted) => {
                let trained = fitted.into_model(&run_id);
                self.log(workspace, data, &trained).await.map(|()| trained)
            }
            Err(error) => Err(error),
        };
        match logged {
            Ok(trained) => {
                workspace.tracking.finish_run(&run_id, RunStatus::Finished).await?;
                progress(TrainingEvent::Logged);
                Ok(trained)
            }
            Err(error) => {
                self.fail_run(workspace, &run_id, &error).await;
                Err(error)
            }
        }
    }

    async fn start_run(&self, workspace: &Workspace, data: &TrainingData, pipeline: &Pipeline) -> Result<String> {
        let experiment = workspace.tracking.get_or_create_experiment(&self.experiment).await?;
        let folder = std::env::current_dir().unwrap_or_default();
        let run = CreateRun {
            experiment_id: experiment.experiment_id,
            run_name: self.run_name.clone(),
            user_id: self.user.clone(),
            tags: source_tags(&self.user, &self.source_name, &folder),
            start_time_ms: None,
        };
        let run_id = workspace.tracking.create_run(run).await?.info.run_id;
        let batch = LogBatch {
            params: self.params(data, pipeline),
            inputs: data.source.clone().into_iter().collect(),
            ..LogBatch::default()
        };
        workspace.tracking.log_batch(&run_id, batch).await?;
        Ok(run_id)
    }

    fn params(&self, data: &TrainingData, pipeline: &Pipeline) -> Vec<Param> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut params = vec![
            ("estimator".to_owned(), self.model.estimator.clone()),
            ("categories".to_owned(), self.model.categories.to_string()),
            ("target".to_owned(), data.target.clone()),
            ("test_size".to_owned(), self.test_size.to_string()),
            ("split_seed".to_owned(), self.seed.to_string()),
            ("stratify".to_owned(), self.stratify.to_string()),
        ];
        if let Some(cv) = self.cross_validation {
            params.push(("cross_validation".to_owned(), cv.to_string()));
        }
        params.extend(pipeline.estimator.params().iter().map(|(name, value)| (name.clone(), text(value))));
        params.into_iter().map(|(key, value)| Param { key, value }).collect()
    }

    async fn fit(
        &self,
        data: &TrainingData,
        pipeline: Pipeline,
        train: Vec<usize>,
        test: Vec<usize>,
        progress: impl Fn(TrainingEvent) + Send + 'static,
    ) -> Result<Fitted> {
        let (x, y) = (data.x.clone(), data.y.clone());
        let (cv, seed) = (self.cross_validation, self.seed);
        metria_runtime::run_cpu(move || {
            let (x_train, y_train) = (metria_data::take_rows(&x, &train)?, y.take(&train));
            let mut folds = Vec::new();
            if let Some(cv) = cv {
                let (_, codes) = y_train.encode();
                for (index, fold) in cv.folds(&codes, seed)?.into_iter().enumerate() {
                    let part = metria_data::take_rows(&x_train, &fold.train)?;
                    let model = pipeline.fit(&part, &y_train.take(&fold.train))?;
                    let rest = metria_data::take_rows(&x_train, &fold.test)?;
                    let scores = Evaluation::of(&model, &rest, &y_train.take(&fold.test))?;
                    progress(TrainingEvent::Fold { index, accuracy: scores.accuracy });
                    folds.push(scores);
                }
            }
            let model = pipeline.fit(&x_train, &y_train)?;
            progress(TrainingEvent::Fitted);
            let evaluation = Evaluation::of(&model, &metria_data::take_rows(&x, &test)?, &y.take(&test))?;
            Ok(Fitted { pipeline: Arc::new(model), evaluation, folds, train, test })
        })
        .await
        .map_err(Error::from)?
    }

    async fn log(&self, workspace: &Workspace, data: &TrainingData, trained: &TrainedModel) -> Result<()> {
        let now_ms = metria_core::time::now_ms();
        let metric = |key: String, value: f64, step: usize| Metric {
            key,
            value,
            timestamp_ms: now_ms,
            step: i64::try_from(step).unwrap_or(i64::MAX),
        };
        let mut metrics: Vec<Metric> =
            trained.metrics().into_iter().map(|(key, value)| metric(key, value, 0)).collect();
        for (index, fold) in trained.folds.iter().enumerate() {
            metrics.extend(fold.metrics("fold_").into_iter().map(|(key, value)| metric(key, value, index)));
        }
        let batch = LogBatch { metrics, ..LogBatch::default() };
        workspace.tracking.log_batch(&trained.run_id, batch).await?;

        let run = workspace.tracking.get_run(&trained.run_id).await?;
        let root = workspace.artifact_path(&run.info.artifact_uri)?;
        for (name, bytes) in trained.evaluation.files()? {
            workspace.artifacts.put(&format!("{root}/evaluation/{name}"), &bytes).await?;
        }
        if let Some(profile) = &data.profile {
            let bytes = serde_json::to_vec_pretty(profile).map_err(|error| Error::Invalid(error.to_string()))?;
            workspace.artifacts.put(&format!("{root}/data/profile.json"), &bytes).await?;
        }
        let package =
            ModelPackage::new(&trained.run_id, trained.pipeline.clone()).with_input_example(input_example(&data.x, 3));
        package.write(&workspace.artifacts, &format!("{root}/model")).await?;
        Ok(())
    }

    async fn fail_run(&self, workspace: &Workspace, run_id: &str, error: &Error) {
        let reason: String = error.to_string().chars().take(2_000).collect();
        let tag = Tag { key: "metria.error".to_owned(), value: reason };
        let batch = LogBatch { tags: vec![tag], ..LogBatch::default() };
        // The training's own error is what the caller must see; these two are best effort.
        if let Err(second) = workspace.tracking.log_batch(run_id, batch).await {
            tracing::warn!(run.id = run_id, error = %second, "could not write why the run failed");
        }
        if let Err(second) = workspace.tracking.finish_run(run_id, RunStatus::Failed).await {
            tracing::warn!(run.id = run_id, error = %second, "could not mark the run as failed");
        }
    }
}

/// What came out of the fit, before it has a run.
struct Fitted {
    pipeline: Arc<FittedPipeline>,
    evaluation: Evaluation,
    folds: Vec<Evaluation>,
    train: Vec<usize>,
    test: Vec<usize>,
}

impl Fitted {
    fn into_model(self, run_id: &str) -> TrainedModel {
        TrainedModel {
            run_id: run_id.to_owned(),
            model_uri: format!("runs:/{run_id}/model"),
            pipeline: self.pipeline,
            evaluation: self.evaluation,
            folds: self.folds,
            train_indices: self.train,
            test_indices: self.test,
        }
    }
}

/// Refuses a table without features, and infinities while their place in the table is known.
fn check_features(x: &RecordBatch, target: &str) -> Result<()> {
    if x.num_columns() == 0 {
        return Err(Error::Invalid(format!("there is no column besides the target `{target}` to learn from")));
    }
    for (field, column) in x.schema_ref().fields().iter().zip(x.columns()) {
        let Some(values) = column.as_any().downcast_ref::<Float64Array>() else { continue };
        let infinite = values.iter().position(|value| value.is_some_and(f64::is_infinite));
        if let Some(row) = infinite {
            return Err(Error::Invalid(format!(
                "column `{}` is {} in data row {}; a finite number or a missing value is expected",
                field.name(),
                values.value(row),
                row + 1
            )));
        }
    }
    Ok(())
}

/// Refuses a target of which some class has too few rows to be in both parts of a split.
fn check_classes(classes: &Labels, codes: &[u32], target: &str) -> Result<()> {
    let mut counts = vec![0_usize; classes.len()];
    for &code in codes {
        counts[code as usize] += 1;
    }
    let lonely: Vec<usize> = (0..counts.len()).filter(|&class| counts[class] == 1).collect();
    let Some(&first) = lonely.first() else { return Ok(()) };
    Err(Error::Invalid(format!(
        "the target `{target}` has {} classes in {} rows, and {} of them occur once, such as `{}`; each needs at least 2 \
         rows, one to train on and one to hold out",
        classes.len(),
        codes.len(),
        lonely.len(),
        classes.text(first)
    )))
}

/// The first rows as pandas' `split` orientation, the form of MLflow's input examples.
fn input_example(x: &RecordBatch, n_rows: usize) -> Value {
    let columns: Vec<&str> = x.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    let rows: Vec<Vec<Value>> = (0..n_rows.min(x.num_rows()))
        .map(|row| x.columns().iter().map(|column| metria_data::json_value(column, row)).collect())
        .collect();
    json!({"columns": columns, "data": rows})
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, StringArray};

    #[test]
    fn cross_validation_reads_and_prints_itself() {
        for text in ["stratified:5", "kfold:3", "time_series:4"] {
            assert_eq!(text.parse::<CrossValidation>().unwrap().to_string(), text);
        }
        for text in ["stratified:1", "loo", "kfold:x", ""] {
            let message = text.parse::<CrossValidation>().unwrap_err().to_string();
            assert!(message.contains("stratified:K") && message.contains(text), "{message}");
        }
    }

    #[test]
    fn categories_reach_the_pipeline_and_the_log() {
        let x: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "b"]));
        let x = RecordBatch::try_from_iter([("x", x)]).unwrap();
        let data = TrainingData {
            x: x.clone(),
            y: Labels::Long(vec![0, 1, 0]),
            target: "y".to_owned(),
            source: None,
            profile: None,
        };
        for (categories, names) in [(Categories::OneHot, vec!["x_a", "x_b"]), (Categories::Ordinal, vec!["x"])] {
            let mut training = Training::new("test");
            training.model.categories = categories;
            let pipeline = training.model.pipeline("y").unwrap();
            assert_eq!(pipeline.fit(&x, &data.y).unwrap().feature_names_out(), names);
            let params = training.params(&data, &pipeline);
            let logged = params.iter().find(|param| param.key == "categories").unwrap();
            assert_eq!(logged.value.parse::<Categories>().unwrap(), categories);
        }
    }

    #[test]
    fn a_later_setting_replaces_an_earlier_one() {
        let mut settings = ModelSettings::default();
        settings.set("n_estimators", json!(7));
        settings.set("criterion", json!("entropy"));
        assert_eq!(settings.params[0], ("n_estimators".to_owned(), json!(7)));
        assert_eq!(settings.params.len(), 4);
    }
}

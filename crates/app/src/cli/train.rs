//! `metria train`: a table in, a tracked (and registered) model out.

use super::Context;
use super::output::{self, Progress, Usage};
use anyhow::Result;
use clap::Args;
use metria::{Categories, CrossValidation, MLPipeline, ModelSettings, Registration, TrainedModel, TrainingEvent};
use metria_core::ModelStage;
use metria_data::{Format, ReadOptions};
use metria_tracking::GatePolicy;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// How a table is read; the same for every command that reads one.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// csv, jsonl or parquet [default: by the file's ending]
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Character between fields of a CSV file [default: found out]
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<String>,
    /// A text that means "missing", besides the usual ones and `?`; may be repeated
    #[arg(long, value_name = "TEXT")]
    missing: Vec<String>,
    /// Type of a column: boolean, long, double or string; may be repeated
    #[arg(long = "type", value_name = "COLUMN=TYPE")]
    types: Vec<String>,
    /// Encoding of a text file, such as windows-1252 [default: UTF-8, or by its byte-order mark]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
}

impl Reading {
    pub(crate) fn options(&self) -> Result<ReadOptions> {
        let mut options = ReadOptions::default();
        if let Some(name) = &self.format {
            options.format = Some(match name.as_str() {
                "csv" => Format::Csv,
                "jsonl" | "ndjson" | "json" => Format::JsonLines,
                "parquet" => Format::Parquet,
                other => return Err(Usage(format!("--format must be csv, jsonl or parquet; got `{other}`")).into()),
            });
        }
        if let Some(text) = &self.delimiter {
            options.delimiter = Some(match text.as_bytes() {
                b"\\t" => b'\t',
                [byte] if byte.is_ascii() => *byte,
                _ => return Err(Usage(format!("--delimiter must be one ASCII character or \\t; got `{text}`")).into()),
            });
        }
        options.missing_values.extend(self.missing.iter().cloned());
        for text in &self.types {
            let (column, kind) = split_pair("--type", text)?;
            let parsed = serde_json::from_value(Value::String(kind.to_owned()));
            let data_type = parsed
                .map_err(|_| Usage(format!("--type must be COLUMN=boolean, long, double or string; got `{text}`")))?;
            options.types.insert(column.to_owned(), data_type);
        }
        options.encoding.clone_from(&self.encoding);
        Ok(options)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// The table: CSV, JSON lines or Parquet
    data: PathBuf,
    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    target: String,
    /// The kind of model
    #[arg(long, default_value = "random_forest", value_name = "NAME")]
    model: String,
    /// A parameter of the model, by scikit-learn's name; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// How texts and booleans become features: one_hot or ordinal
    #[arg(long, default_value_t, value_name = "HOW")]
    categories: Categories,
    /// Cross-validation on the training part: stratified:K, kfold:K, time_series:K or none
    #[arg(long, default_value = "stratified:5", value_name = "HOW")]
    cv: String,
    /// Share of the rows that is held out
    #[arg(long, default_value_t = 0.2, value_name = "SHARE")]
    test_size: f64,
    /// Seed of the split and the folds
    #[arg(long, default_value_t = 42)]
    seed: u32,
    /// The experiment the run goes to [default: the file's name]
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
    /// A name for the run [default: a random one]
    #[arg(long, value_name = "NAME")]
    run_name: Option<String>,
    /// Register the model under this name and let the gate decide about Production
    #[arg(long, value_name = "NAME")]
    register: Option<String>,
    /// The least a metric must reach at the gate; may be repeated
    #[arg(long = "minimum", value_name = "METRIC=VALUE")]
    minimums: Vec<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Train {
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let settings = ModelSettings { categories: self.categories, ..settings(&self.model, &self.set)? };
        let cross_validation = cross_validation(&self.cv)?;
        if let Some(name) = &self.register {
            metria_core::names::check_model_name(name)?;
        }
        let policy = gate_policy(&self.minimums)?;
        let workspace = context.workspace().await?;
        let stem = self.data.file_stem().unwrap_or_default().to_string_lossy();
        let experiment = self.experiment.clone().unwrap_or_else(|| stem.into_owned());
        let mut pipeline = MLPipeline::new(&workspace, &experiment).await?;
        let (x, y) = pipeline.load_with(&self.data, &self.target, &self.reading.options()?)?;
        pipeline.training.cross_validation = cross_validation;
        pipeline.training.test_size = self.test_size;
        pipeline.training.seed = self.seed;
        pipeline.training.run_name = self.run_name.clone();
        pipeline.training.user = user();
        pipeline.training.source_name = "metria train".to_owned();

        let trained = with_progress(context.json, cross_validation, |tell| {
            pipeline.train(&x, &y, Some(&settings), move |event| tell(event))
        })
        .await?;
        let outcome = match &self.register {
            Some(name) => {
                let registration = Registration {
                    name: name.clone(),
                    model_uri: trained.model_uri.clone(),
                    description: None,
                    user: user(),
                };
                let x_test = metria_data::take_rows(&x, &trained.test_indices)?;
                let y_test = y.take(&trained.test_indices);
                Some(workspace.register_and_gate(&registration, &x_test, &y_test, &policy).await?)
            }
            None => None,
        };
        workspace.close().await;
        self.print(context, &trained, outcome.as_ref())?;
        match outcome {
            Some(outcome) if !outcome.decision.passed => Err(output::GateSaidNo(format!(
                "version {} of {} stays out of Production: {}",
                outcome.version.version, outcome.version.name, outcome.decision.reason
            ))
            .into()),
            _ => Ok(()),
        }
    }

    fn print(&self, context: &Context, trained: &TrainedModel, outcome: Option<&metria::GateOutcome>) -> Result<()> {
        if context.json {
            let metrics: serde_json::Map<String, Value> =
                trained.metrics().into_iter().map(|(key, value)| (key, json!(value))).collect();
            return output::json(&json!({
                "run_id": trained.run_id,
                "model_uri": trained.model_uri,
                "metrics": metrics,
                "fold_accuracy": trained.folds.iter().map(|fold| fold.accuracy).collect::<Vec<_>>(),
                "version": outcome.map(|outcome| &outcome.version),
                "decision": outcome.map(|outcome| &outcome.decision),
            }));
        }
        print_scores(trained);
        output::line(format!("run       {}", trained.run_id));
        output::line(format!("model     {}", trained.model_uri));
        if let Some(outcome) = outcome {
            print_outcome(outcome);
        }
        output::line(format!("next      metria evaluate {} DATA.csv", trained.model_uri));
        Ok(())
    }
}

/// Metrics and folds as the user sees them.
pub(crate) fn print_scores(trained: &TrainedModel) {
    if !trained.folds.is_empty() {
        let folds: Vec<String> = trained.folds.iter().map(|fold| output::number(fold.accuracy)).collect();
        output::line(format!("folds     accuracy {}", folds.join("  ")));
    }
    let scores: Vec<String> =
        trained.metrics().iter().map(|(name, value)| format!("{name} {}", output::number(*value))).collect();
    output::line(format!("held out  {} rows: {}", trained.test_indices.len(), scores.join("  ")));
}

/// The gate's decision as the user sees it.
pub(crate) fn print_outcome(outcome: &metria::GateOutcome) {
    let answer = if outcome.decision.passed { "passed" } else { "refused" };
    let stage = match outcome.version.stage {
        ModelStage::None => "in no stage".to_owned(),
        stage => format!("now in {stage}"),
    };
    output::line(format!("version   {} of {}, {stage}", outcome.version.version, outcome.version.name));
    output::line(format!("gate      {answer}: {}", outcome.decision.reason));
    for check in &outcome.decision.checks {
        let mark = if check.passed { "yes" } else { "NO" };
        output::line(format!("          {mark:<4}{}", check.rule));
    }
}

/// Runs a training with a bar that counts its folds and the final fit.
pub(crate) async fn with_progress<F>(
    quiet: bool,
    cross_validation: Option<CrossValidation>,
    train: impl FnOnce(Arc<dyn Fn(TrainingEvent) + Send + Sync>) -> F,
) -> Result<TrainedModel>
where
    F: Future<Output = metria::Result<TrainedModel>>,
{
    let folds = cross_validation.map_or(0, CrossValidation::n_splits);
    let progress = Arc::new(Progress::new(folds as u64 + 2, quiet));
    progress.message("training");
    let bar = progress.clone();
    let tell = move |event: TrainingEvent| {
        bar.step();
        match event {
            TrainingEvent::Fold { index, accuracy } => {
                bar.message(&format!("fold {} accuracy {accuracy:.4}", index + 1));
            }
            TrainingEvent::Fitted => bar.message("model fitted"),
            TrainingEvent::Logged => bar.message("run logged"),
        }
    };
    let trained = train(Arc::new(tell)).await;
    progress.finish();
    Ok(trained?)
}

/// Estimator and parameters from `--model` and `--set`.
pub(crate) fn settings(model: &str, set: &[String]) -> Result<ModelSettings> {
    let mut settings = if model == "random_forest" {
        ModelSettings::default()
    } else {
        ModelSettings { estimator: model.to_owned(), params: Vec::new(), ..ModelSettings::default() }
    };
    for text in set {
        let (name, value) = split_pair("--set", text)?;
        settings.set(name, parameter(value));
    }
    settings.pipeline("").map_err(|error| Usage(error.to_string()))?;
    Ok(settings)
}

/// A parameter's text as a value: JSON where it is JSON, Python's `None`, `True` and `False`, otherwise text.
fn parameter(text: &str) -> Value {
    match text {
        "None" => Value::Null,
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

fn cross_validation(text: &str) -> Result<Option<CrossValidation>> {
    match text {
        "none" => Ok(None),
        _ => match text.parse() {
            Ok(cross_validation) => Ok(Some(cross_validation)),
            Err(error) => Err(Usage(format!("--cv: {error}")).into()),
        },
    }
}

/// The default gate with the minimums of the command line.
pub(crate) fn gate_policy(minimums: &[String]) -> Result<GatePolicy> {
    let mut policy = GatePolicy::default();
    for text in minimums {
        let (metric, value) = split_pair("--minimum", text)?;
        let value = value.parse().map_err(|_| Usage(format!("--minimum must be METRIC=NUMBER; got `{text}`")))?;
        policy.minimums.insert(metric.to_owned(), value);
    }
    Ok(policy)
}

fn split_pair<'a>(option: &str, text: &'a str) -> Result<(&'a str, &'a str)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(Usage(format!("{option} must be NAME=VALUE; got `{text}`")).into()),
    }
}

/// Who is at the keyboard, for the records.
pub(crate) fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(crate::config::environment)
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn parameters_are_read_as_python_or_json() {
        assert_eq!(parameter("None"), Value::Null);
        assert_eq!(parameter("300"), json!(300));
        assert_eq!(parameter("sqrt"), json!("sqrt"));
        assert_eq!(parameter("True"), json!(true));
    }

    #[test]
    fn categories_are_chosen_by_name() {
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            train: Train,
        }
        let read = |more: &[&str]| Line::try_parse_from([&["train", "t.csv", "--target", "y"], more].concat());
        assert_eq!(read(&[]).unwrap().train.categories, Categories::OneHot);
        assert_eq!(read(&["--categories", "ordinal"]).unwrap().train.categories, Categories::Ordinal);
        let error = read(&["--categories", "hash"]).unwrap_err().to_string();
        assert!(error.contains("categories must be one_hot or ordinal; got `hash`"), "{error}");
    }

    #[test]
    fn unknown_parameters_are_usage_errors() {
        let error = settings("random_forest", &["n_estimator=3".to_owned()]).unwrap_err();
        assert!(error.is::<Usage>() && error.to_string().contains("n_estimators"), "{error}");
        assert!(settings("no_such_model", &[]).unwrap_err().is::<Usage>());
    }
}

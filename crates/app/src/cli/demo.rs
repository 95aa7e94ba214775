//! `metria demo`: the main job on real data, from a CSV file to an answer over HTTP.

use super::server::Serving;
use super::train::{print_outcome, print_scores, settings, user, with_progress};
use super::{Context, output};
use crate::config::Config;
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use metria::{CrossValidation, GateOutcome, MLPipeline, Registration, TrainedModel};
use metria_runtime::Shutdown;
use metria_tracking::GatePolicy;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// UCI Statlog German Credit, decoded; see data/README.md for source and licence.
const GERMAN_CREDIT: &[u8] = include_bytes!("../../../../data/german_credit.csv");
const TARGET: &str = "risk";
const MODEL: &str = "german-credit";
/// Where the demo keeps its things unless told otherwise.
pub(super) const HOME: &str = "metria-demo";

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Leave the server running until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Port of the server [default: a free one, or 5000 with --keep]
    #[arg(long)]
    port: Option<u16>,
    /// A parameter of the random forest, to see the gate compare; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl Demo {
    /// What the command says about configuration keys: a port that is free.
    pub(super) fn flags(&self, flags: &mut Vec<(&'static str, String)>) {
        let port = self.port.unwrap_or(if self.keep { 5000 } else { 0 });
        flags.push(("server.port", port.to_string()));
    }

    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let started = Instant::now();
        let config = context.config()?;
        let model = settings("random_forest", &self.set)?;
        let workspace = context.workspace().await?;
        let say = |text: String| {
            if !context.json {
                output::line(text);
            }
        };

        let data_path = write_data(&config.home)?;
        let mut pipeline = MLPipeline::new(&workspace, MODEL).await?;
        let (x, y) = pipeline.load_and_prepare_data(&data_path, TARGET)?;
        if let Some(profile) = pipeline.profile() {
            let missing: usize = profile.columns.iter().map(|column| column.missing).sum();
            let texts = profile.columns.iter().filter(|column| !column.data_type.is_numeric()).count();
            say(format!(
                "data      {}: {} rows, {} columns ({texts} text), {missing} missing values, target `{TARGET}`",
                data_path.display(),
                profile.n_rows,
                profile.n_columns,
            ));
        }

        let folds = Some(CrossValidation::Stratified(5));
        pipeline.training.cross_validation = folds;
        pipeline.training.user = user();
        pipeline.training.source_name = "metria demo".to_owned();
        let trained =
            with_progress(context.json, folds, |tell| pipeline.train(&x, &y, Some(&model), move |event| tell(event)))
                .await?;
        if !context.json {
            print_scores(&trained);
        }
        say(format!("run       {} in experiment {MODEL}", trained.run_id));

        let registration = Registration {
            name: MODEL.to_owned(),
            model_uri: trained.model_uri.clone(),
            description: Some("German Credit: good or bad risk".to_owned()),
            user: user(),
        };
        let x_test = metria_data::take_rows(&x, &trained.test_indices)?;
        let y_test = y.take(&trained.test_indices);
        let outcome = workspace.register_and_gate(&registration, &x_test, &y_test, &gate()).await?;
        if !context.json {
            print_outcome(&outcome);
        }

        let shutdown = self.keep.then(Shutdown::watch);
        let serving = Serving::start(&config, &workspace).await?;
        let url = format!("http://{}", serving.address);
        let rows = first_rows(&x_test, 3);
        let answer = ask(&url, &rows).await?;
        let truth: Vec<Value> = (0..rows.len()).map(|row| y_test.json(row)).collect();
        self.report(
            context,
            &Told {
                config: &config,
                trained: &trained,
                outcome: &outcome,
                rows: &rows,
                truth: &truth,
                answer: &answer,
                url: &url,
                seconds: started.elapsed().as_secs_f64(),
            },
        )?;
        match shutdown {
            Some(mut shutdown) => serving.until(&mut shutdown).await?,
            None => serving.stop().await?,
        }
        workspace.close().await;
        Ok(())
    }

    fn report(&self, context: &Context, told: &Told<'_>) -> Result<()> {
        if context.json {
            return output::json(&told.to_json());
        }
        output::line(format!("served    version {} answered over HTTP:", told.answer["model_version"]));
        for (row, instance) in told.rows.iter().enumerate() {
            let probabilities = told.answer["probabilities"][row].as_array();
            let greatest = probabilities.into_iter().flatten().filter_map(Value::as_f64).fold(0.0, f64::max);
            output::line(format!(
                "          {} -> {} (probability {}), true answer {}",
                describe(instance),
                told.answer["predictions"][row],
                output::number(greatest),
                told.truth[row],
            ));
        }
        let home = told.config.home.display();
        output::line(format!("done      in {:.1} s; everything is in {home}", told.seconds));
        output::line("");
        if self.keep {
            output::line(format!("Open {} — Ctrl-C stops the server.", told.url));
        } else {
            output::line(format!("Look:     metria server --home {home}       then open http://127.0.0.1:5000"));
        }
        output::line(format!("Try:      metria runs list --home {home}"));
        output::line(format!("          metria models show {MODEL} --home {home}"));
        output::line(format!(
            "          metria demo --home {home} --set n_estimators=300     (a challenger for the gate)"
        ));
        Ok(())
    }
}

/// What the demo has to tell at its end.
struct Told<'a> {
    config: &'a Config,
    trained: &'a TrainedModel,
    outcome: &'a GateOutcome,
    rows: &'a [Value],
    truth: &'a [Value],
    answer: &'a Value,
    url: &'a str,
    seconds: f64,
}

impl Told<'_> {
    fn to_json(&self) -> Value {
        let metrics: serde_json::Map<String, Value> =
            self.trained.metrics().into_iter().map(|(key, value)| (key, json!(value))).collect();
        json!({
            "home": self.config.home,
            "run_id": self.trained.run_id,
            "model_uri": self.trained.model_uri,
            "metrics": metrics,
            "version": self.outcome.version,
            "compared_with": self.outcome.champion,
            "decision": self.outcome.decision,
            "url": self.url,
            "instances": self.rows,
            "true_answers": self.truth,
            "answer": self.answer,
            "seconds": self.seconds,
        })
    }
}

/// The demo's gate: better than what is in Production, and no worse than a useful model must be.
fn gate() -> GatePolicy {
    let mut policy = GatePolicy::default();
    policy.minimums.insert("accuracy".to_owned(), 0.70);
    policy.minimums.insert("roc_auc".to_owned(), 0.70);
    policy
}

fn write_data(home: &Path) -> Result<PathBuf> {
    let path = home.join("german_credit.csv");
    let there = std::fs::read(&path).is_ok_and(|bytes| bytes == GERMAN_CREDIT);
    if !there {
        // Another demo in the same home must not read half of it.
        let unfinished = home.join(format!(".german_credit.{}.csv", std::process::id()));
        std::fs::write(&unfinished, GERMAN_CREDIT)
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(path)
}

/// The first rows of a table as JSON objects, the form a client would send.
fn first_rows(x: &arrow_array::RecordBatch, n_rows: usize) -> Vec<Value> {
    let schema = x.schema();
    (0..n_rows.min(x.num_rows()))
        .map(|row| {
            let fields = schema.fields().iter().zip(x.columns());
            Value::Object(
                fields.map(|(field, column)| (field.name().clone(), metria_data::json_value(column, row))).collect(),
            )
        })
        .collect()
}

async fn ask(url: &str, rows: &[Value]) -> Result<Value> {
    let response = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .post(format!("{url}/predict/{MODEL}"))
        .json(&json!({"instances": rows}))
        .send()
        .await
        .context("the server did not answer")?;
    let status = response.status();
    let answer: Value = response.json().await.context("the server's answer is not JSON")?;
    ensure!(status.is_success(), "the server answered {status}: {answer}");
    Ok(answer)
}

/// A row in a few words.
fn describe(instance: &Value) -> String {
    let show = |key: &str| instance[key].as_str().map_or_else(|| instance[key].to_string(), str::to_owned);
    format!("{} {}, {} DM for {} months", show("sex"), show("age"), show("credit_amount"), show("duration"))
}

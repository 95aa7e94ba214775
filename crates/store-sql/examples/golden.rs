//! Writes the records of the golden files to an empty store, and everything that can be read back as JSON to standard
//! output: `cargo run -p metria-store-sql --example golden -- sqlite:records.db > records.json`.

#![expect(clippy::print_stdout, reason = "an example that writes JSON to its standard output")]

use metria_core::ModelStage;
use metria_store::{
    DatasetInput, Error, Experiment, GateCheck, GateDecision, Lifecycle, LogBatch, Metric, ModelVersion, Param,
    RegisteredModel, Result, RunInfo, RunQuery, RunStatus, StageTransition, Store, Tag,
};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args().nth(1).ok_or_else(|| Error::Invalid("usage: golden URL".to_owned()))?;
    let store = metria_store_sql::open(&url, &metria_store_sql::StoreOptions::default()).await?;
    write_runs(store.as_ref()).await?;
    write_models(store.as_ref()).await?;
    let records = read(store.as_ref()).await?;
    println!("{records:#}");
    store.close().await;
    Ok(())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

async fn write_runs(store: &dyn Store) -> Result<()> {
    for (id, name) in [("0", "Default"), ("1", "crédit 🏦")] {
        let experiment = Experiment {
            experiment_id: id.to_owned(),
            name: name.to_owned(),
            artifact_location: format!("artifacts/{id}"),
            lifecycle: Lifecycle::Active,
            creation_time_ms: 1_700_000_000_000,
            last_update_time_ms: 1_700_000_000_001,
            tags: vec![tag("team", "risk"), tag("note", "two\nlines")],
        };
        store.create_experiment(experiment).await?;
    }
    for number in 0..3_u32 {
        let info = RunInfo {
            run_id: format!("{number:032x}"),
            experiment_id: "1".to_owned(),
            run_name: format!("run {number}"),
            user_id: "ada".to_owned(),
            status: RunStatus::Running,
            start_time_ms: 1_700_000_000_000 + i64::from(number),
            end_time_ms: None,
            artifact_uri: format!("artifacts/1/{number}"),
            lifecycle: Lifecycle::Active,
        };
        let run_id = info.run_id.clone();
        store.create_run(info, vec![tag("mlflow.user", "ada")]).await?;
        let metric = |key: &str, value: f64, step: i64| Metric {
            key: key.to_owned(),
            value,
            timestamp_ms: 1_700_000_000_100 + step,
            step,
        };
        let batch = LogBatch {
            metrics: vec![
                metric("accuracy", 0.5 + f64::from(number) / 10.0, 0),
                metric("accuracy", 0.1 + 0.2, 1),
                metric("diverged", if number == 0 { f64::NAN } else { f64::INFINITY }, -1),
                metric("tiny", -5e-324, 0),
            ],
            params: vec![Param { key: "depth".to_owned(), value: (3 + number).to_string() }],
            tags: vec![tag("color", "rot")],
            inputs: vec![DatasetInput {
                name: "german_credit".to_owned(),
                digest: format!("d{number}"),
                source_type: "local".to_owned(),
                source: "data/german_credit.csv".to_owned(),
                schema: Some(r#"{"z": 1, "a": [1.50]}"#.to_owned()),
                profile: None,
                context: Some("training".to_owned()),
            }],
            ..LogBatch::default()
        };
        store.log_batch(&run_id, batch).await?;
    }
    store.update_run(&format!("{:032x}", 1), Some(RunStatus::Finished), Some(1_700_000_009_000), None).await?;
    store.set_run_lifecycle(&format!("{:032x}", 2), Lifecycle::Deleted, 1_700_000_009_000).await
}

async fn write_models(store: &dyn Store) -> Result<()> {
    let name = "credit";
    let model = RegisteredModel {
        name: name.to_owned(),
        description: "who pays back".to_owned(),
        creation_time_ms: 1_700_000_010_000,
        last_update_time_ms: 1_700_000_010_000,
        tags: vec![tag("owner", "risk")],
        aliases: Vec::new(),
    };
    store.create_model(model).await?;
    for number in 1..=3_u32 {
        let version = ModelVersion {
            name: name.to_owned(),
            version: 0,
            description: format!("attempt {number}"),
            stage: ModelStage::None,
            source: format!("runs:/{number:032x}/model"),
            run_id: (number < 3).then(|| format!("{number:032x}")),
            model_id: None,
            storage_location: format!("models/{number}"),
            user_id: "ada".to_owned(),
            creation_time_ms: 1_700_000_011_000,
            last_update_time_ms: 1_700_000_011_000,
            tags: vec![tag("n", &number.to_string())],
        };
        store.create_version(version).await?;
    }
    for version in [1, 2] {
        let transition = StageTransition {
            name: name.to_owned(),
            version,
            from_stage: ModelStage::None,
            to_stage: ModelStage::Production,
            user_id: "ada".to_owned(),
            description: "the gate said yes".to_owned(),
            time_ms: 1_700_000_012_000 + i64::from(version),
        };
        store.transition_stage(transition, true).await?;
    }
    store.set_alias(name, "champion", 2, 1_700_000_013_000).await?;
    store.delete_version(name, 3, 1_700_000_014_000).await?;
    let decision = GateDecision {
        decision_id: format!("{:032x}", 77),
        name: name.to_owned(),
        version: 2,
        compared_with: Some(1),
        passed: true,
        reason: "roc_auc is better by 0.01".to_owned(),
        checks: vec![GateCheck {
            rule: "roc_auc >= 0.7".to_owned(),
            metric: "roc_auc".to_owned(),
            value: 0.79,
            threshold: f64::NEG_INFINITY,
            passed: true,
        }],
        time_ms: 1_700_000_012_500,
    };
    store.record_decision(decision).await
}

/// Everything in the store.
async fn read(store: &dyn Store) -> Result<Value> {
    let query = RunQuery { limit: 1_000, ..RunQuery::default() };
    let runs = store.search_runs(&query).await?.items;
    let mut histories = Vec::new();
    for run in &runs {
        for metric in &run.metrics {
            histories.push(store.metric_history(&run.info.run_id, &metric.key).await?);
        }
    }
    let mut models = Vec::new();
    for model in store.list_models().await? {
        let name = model.name.clone();
        models.push(json!({
            "versions": store.list_versions(&name).await?,
            "transitions": store.list_transitions(&name).await?,
            "decisions": store.list_decisions(&name).await?,
            "model": model,
        }));
    }
    Ok(json!({
        "experiments": store.list_experiments(None).await?,
        "runs": runs,
        "histories": histories,
        "models": models,
    }))
}

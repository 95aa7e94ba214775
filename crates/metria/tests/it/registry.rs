//! `ModelRegistry` on a home.

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use metria::{MLPipeline, ModelRegistry, ModelSettings, ModelStage, Workspace, WorkspaceOptions};
use metria_core::{ErrorKind, Kinded, Labels};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

fn table() -> (RecordBatch, Labels) {
    let x: ArrayRef = Arc::new(Float64Array::from_iter_values((0..40).map(f64::from)));
    let y = Labels::Long((0..40).map(|row| i64::from(row >= 20)).collect());
    (RecordBatch::try_from_iter([("x", x)]).unwrap(), y)
}

async fn trained(home: &Path, depth: u32) -> String {
    let workspace = Workspace::open(WorkspaceOptions::at(home)).await.unwrap();
    let mut pipeline = MLPipeline::new(&workspace, "registry").await.unwrap();
    let mut settings = ModelSettings::default();
    settings.set("n_estimators", json!(5));
    settings.set("max_depth", json!(depth));
    let (x, y) = table();
    pipeline.train_model(&x, &y, Some(&settings)).await.unwrap();
    workspace.close().await;
    pipeline.last_model_uri.unwrap()
}

#[tokio::test]
async fn a_model_goes_from_stage_to_stage() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (trained(folder.path(), 2).await, trained(folder.path(), 3).await);
    let uri = folder.path().display().to_string();
    let registry = ModelRegistry::new(Some(&uri)).await.unwrap().acting_as("ada");
    let production = ModelStage::Production;
    assert_eq!(registry.get_model_version("credit", production).await.unwrap(), None);
    let nothing = registry.load_model("credit", production).await.unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
    assert_eq!(nothing.to_string(), "No model found for credit in Production");

    assert_eq!(registry.register_model(&first, "credit", Some("the first")).await.unwrap().version, 1);
    assert_eq!(registry.register_model(&second, "credit", None).await.unwrap().version, 2);
    registry.promote_model("credit", 1, ModelStage::Staging, Some("looks good")).await.unwrap();
    let refused = registry.promote_model("credit", 1, production, None).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::GateRefused);
    registry.promote_overriding_gate("credit", 1, "it is a test").await.unwrap();
    registry.promote_overriding_gate("credit", 2, "it is better").await.unwrap();
    let found = registry.get_model_version("credit", production).await.unwrap().unwrap();
    assert_eq!((found.version, found.user_id.as_str()), (2, "ada"));
    let (x, y) = table();
    let model = registry.load_model("credit", production).await.unwrap();
    assert_eq!(model.predict_proba(&x).unwrap().most_probable().len(), y.len());

    let compared = registry.compare_models("credit", 1, 2).await.unwrap();
    assert_eq!((compared.version1.params["max_depth"].as_str(), compared.version2.version), ("2", 2));
    assert!(compared.version1.metrics.contains_key("accuracy"));
    registry.set_alias("credit", "champion", 2).await.unwrap();
    assert_eq!(registry.rollback("credit").await.unwrap().version, 1);
    let details = registry.details("credit").await.unwrap();
    assert!(details.transitions.iter().all(|moved| moved.user_id == "ada"));
    assert_eq!(details.model.aliases, [("champion".to_owned(), 2)]);
}

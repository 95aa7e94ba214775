"""What MLflow's clients do beyond single calls, each against Metria and against MLflow's own server."""

import pathlib
import threading
import time

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=["metria", "mlflow"])
def tracked(request):
    """A client of one of the two, with an experiment of the test's own made the active one."""
    url = request.getfixturevalue("server" if request.param == "metria" else "stock_server")
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    client = MlflowClient()
    experiment_id = client.create_experiment(f"feature {request.node.name}")
    mlflow.set_experiment(experiment_id=experiment_id)
    yield client, experiment_id
    ours = request.getfixturevalue("server")
    mlflow.set_tracking_uri(ours)
    mlflow.set_registry_uri(ours)


def table(n=60):
    """Two features and a class that they tell."""
    noise = np.random.RandomState(7)
    x = pd.DataFrame({"a": noise.rand(n), "b": noise.rand(n)})
    return x, (x["a"] + x["b"] > 1).astype(int)


def latest_run(client, experiment_id):
    return client.search_runs([experiment_id], order_by=["start_time DESC"])[0]


def artifacts(client, run_id, folder=None):
    return {entry.path for entry in client.list_artifacts(run_id, folder)}


def logged_model(client, run):
    """The address of the one model that a run logged; clients from 3.0 on keep models beside runs."""
    if mlflow.__version__.startswith("2."):
        return f"runs:/{run.info.run_id}/model"
    (model,) = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    return model.model_uri


def test_autolog_of_scikit_learn(tracked):
    from sklearn.linear_model import LogisticRegression

    client, experiment_id = tracked
    x, y = table()
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as active:
            model = LogisticRegression(C=0.5).fit(x, y)
            score = model.score(x, y)
    finally:
        mlflow.sklearn.autolog(disable=True)
    run = client.get_run(active.info.run_id)
    assert run.data.params["C"] == "0.5"
    assert {"training_accuracy_score", "training_f1_score", "training_roc_auc"} <= set(run.data.metrics)
    assert run.data.metrics["training_accuracy_score"] == score
    assert run.data.tags["estimator_name"] == "LogisticRegression"
    assert [dataset.dataset.source_type for dataset in run.inputs.dataset_inputs] == ["code"]
    assert "training_confusion_matrix.png" in artifacts(client, run.info.run_id)
    loaded = mlflow.pyfunc.load_model(logged_model(client, run))
    assert list(loaded.predict(x)) == list(model.predict(x))


def test_autolog_of_a_grid_search(tracked):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    client, experiment_id = tracked
    x, y = table()
    mlflow.sklearn.autolog(log_models=False)
    try:
        with mlflow.start_run() as active:
            GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=2).fit(x, y)
    finally:
        mlflow.sklearn.autolog(disable=True)
    children = client.search_runs([experiment_id], f"tags.mlflow.parentRunId = '{active.info.run_id}'")
    assert sorted(child.data.params["C"] for child in children) == ["0.1", "1.0", "10.0"]
    assert "cv_results.csv" in artifacts(client, active.info.run_id)


def test_autolog_of_xgboost(tracked):
    import xgboost

    client, experiment_id = tracked
    x, y = table()
    mlflow.xgboost.autolog()
    try:
        with mlflow.start_run() as active:
            data = xgboost.DMatrix(x, label=y)
            booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2}, data, 5, [(data, "train")])
    finally:
        mlflow.xgboost.autolog(disable=True)
    run = client.get_run(active.info.run_id)
    assert (run.data.params["max_depth"], run.data.params["num_boost_round"]) == ("2", "5")
    assert [metric.step for metric in client.get_metric_history(run.info.run_id, "train-logloss")] == [0, 1, 2, 3, 4]
    assert "feature_importance_weight.json" in artifacts(client, run.info.run_id)
    loaded = mlflow.pyfunc.load_model(logged_model(client, run))
    assert np.allclose(loaded.predict(x), booster.predict(data))


def test_a_model_for_production(tracked):
    from sklearn.linear_model import LogisticRegression

    client, experiment_id = tracked
    x, y = table()
    model = LogisticRegression().fit(x, y)
    with mlflow.start_run():
        name = {"artifact_path": "model"} if mlflow.__version__.startswith("2.") else {"name": "model"}
        signature = mlflow.models.infer_signature(x, model.predict(x))
        logged = mlflow.sklearn.log_model(model, signature=signature, input_example=x[:2], **name)
    registered = mlflow.register_model(logged.model_uri, "for production", tags={"team": "risk"})
    client.set_registered_model_alias("for production", "champion", registered.version)
    client.transition_model_version_stage("for production", registered.version, "Production")
    for address in ["models:/for production/1", "models:/for production/Production", "models:/for production@champion", "models:/for production/latest"]:
        loaded = mlflow.pyfunc.load_model(address)
        assert list(loaded.predict(x)) == list(model.predict(x)), address
        assert loaded.metadata.signature == signature, address
    assert client.get_model_version_by_alias("for production", "champion").version == registered.version
    assert client.get_model_version("for production", registered.version).tags == {"team": "risk"}


def test_evaluate(tracked):
    client, experiment_id = tracked
    x, y = table()
    data = x.assign(label=y)
    with mlflow.start_run() as active:
        result = mlflow.models.evaluate(
            lambda rows: (rows["a"] > 0.5).astype(int), data, targets="label", model_type="classifier", evaluators="default",
            evaluator_config={"log_model_explainability": False},
        )  # fmt: skip
    run = client.get_run(active.info.run_id)
    expected = float(((x["a"] > 0.5).astype(int) == y).mean())
    assert result.metrics["accuracy_score"] == run.data.metrics["accuracy_score"] == pytest.approx(expected)
    assert any("confusion_matrix" in path for path in artifacts(client, run.info.run_id))


def test_nested_runs(tracked):
    client, experiment_id = tracked
    with mlflow.start_run(run_name="parent") as parent:
        with mlflow.start_run(run_name="child", nested=True) as child:
            with mlflow.start_run(run_name="grandchild", nested=True) as grandchild:
                mlflow.log_metric("depth", 2)
    assert client.get_parent_run(grandchild.info.run_id).info.run_id == child.info.run_id
    assert client.get_parent_run(child.info.run_id).info.run_name == "parent"
    assert client.get_parent_run(parent.info.run_id) is None


def test_system_metrics(tracked):
    client, experiment_id = tracked
    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    try:
        with mlflow.start_run(log_system_metrics=True) as active:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and "system/cpu_utilization_percentage" not in client.get_run(active.info.run_id).data.metrics:
                time.sleep(0.2)
    finally:
        mlflow.set_system_metrics_sampling_interval(None)
        mlflow.set_system_metrics_samples_before_logging(None)
    found = set(client.get_run(active.info.run_id).data.metrics)
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes", "system/disk_usage_megabytes"} <= found


def test_figures_tables_images_and_texts(tracked, tmp_path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    client, experiment_id = tracked
    figure, axes = pyplot.subplots()
    axes.plot([1, 2, 3])
    with mlflow.start_run() as active:
        mlflow.log_figure(figure, "plots/line.png")
        mlflow.log_table({"question": ["a", "b"], "answer": [1, 2]}, "table.json")
        mlflow.log_table({"question": ["c"], "answer": [3]}, "table.json")
        mlflow.log_dict({"x": [1, {"y": 2}]}, "deep/x.yaml")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "black.png")
        for step in range(2):
            mlflow.log_image(np.full((4, 4, 3), step * 255, dtype=np.uint8), key="stepped", step=step)
        mlflow.log_text("größe 漢字", "words.txt")
    pyplot.close(figure)
    run_id = active.info.run_id
    assert {"plots", "table.json", "deep", "black.png", "images", "words.txt"} <= artifacts(client, run_id)
    image = pathlib.Path(client.download_artifacts(run_id, "plots/line.png", str(tmp_path)))
    assert image.read_bytes().startswith(b"\x89PNG")
    back = mlflow.load_table("table.json", run_ids=[run_id])
    assert list(back["question"]) == ["a", "b", "c"] and list(back["answer"]) == [1, 2, 3]
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/words.txt") == "größe 漢字"
    assert mlflow.artifacts.load_image(f"runs:/{run_id}/black.png").size == (4, 4)
    assert len([path for path in artifacts(client, run_id, "images") if path.endswith(".png")]) == 2


def test_folders(tracked, tmp_path):
    client, experiment_id = tracked
    files = {"a.txt": b"a", "deep/er/b.bin": bytes(range(256)) * 40, "deep/empty": b"", "with space/ü.txt": "ü".encode()}
    for path, content in files.items():
        (tmp_path / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / path).write_bytes(content)
    with mlflow.start_run() as active:
        mlflow.log_artifacts(str(tmp_path / "out"), "tree")
    back = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=active.info.run_id, dst_path=str(tmp_path / "back")))
    found = {str(path.relative_to(back / "tree")): path.read_bytes() for path in back.rglob("*") if path.is_file()}
    assert found == files


def test_runs_as_a_data_frame(tracked):
    client, experiment_id = tracked
    for number in range(3):
        with mlflow.start_run(run_name=f"run {number}"):
            mlflow.log_param("p", number)
            mlflow.log_metric("m", number / 2)
    frame = mlflow.search_runs([experiment_id], "metrics.m >= 0.5", order_by=["metrics.m DESC"])
    assert list(frame["tags.mlflow.runName"]) == ["run 2", "run 1"]
    assert list(frame["params.p"]) == ["2", "1"] and list(frame["metrics.m"]) == [1.0, 0.5]
    assert frame["status"].unique() == ["FINISHED"]
    assert {"run_id", "experiment_id", "artifact_uri", "start_time", "end_time"} <= set(frame.columns)
    assert str(frame["start_time"].dtype).startswith("datetime64")
    assert len(mlflow.search_runs([experiment_id], "metrics.m > 100")) == 0


def test_logging_without_waiting(tracked):
    client, experiment_id = tracked
    with mlflow.start_run() as active:
        pending = [mlflow.log_metric("m", step, step=step, synchronous=False) for step in range(200)]
        pending += [mlflow.log_param(f"p{number}", number, synchronous=False) for number in range(20)]
        mlflow.set_tags({"a": "b"}, synchronous=False).wait()
        for one in pending:
            one.wait()
    run = client.get_run(active.info.run_id)
    assert [metric.value for metric in client.get_metric_history(run.info.run_id, "m")] == list(range(200))
    assert len(run.data.params) == 20 and run.data.tags["a"] == "b"


def test_threads(tracked):
    client, experiment_id = tracked
    runs = [client.create_run(experiment_id).info.run_id for _ in range(4)]
    failed = []

    def log(run_id, worker):
        try:
            for step in range(25):
                client.log_metric(run_id, f"m{worker}", step, step=step)
            client.log_param(run_id, f"p{worker}", worker)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=log, args=(run_id, worker)) for run_id in runs for worker in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for run_id in runs:
        assert client.get_run(run_id).data.params == {"p0": "0", "p1": "1"}
        for worker in range(2):
            assert [metric.step for metric in client.get_metric_history(run_id, f"m{worker}")] == list(range(25))


def test_a_run_goes_on(tracked):
    client, experiment_id = tracked
    with mlflow.start_run(run_name="first") as active:
        mlflow.log_metric("m", 1, step=0)
    ended = client.get_run(active.info.run_id).info.end_time
    with mlflow.start_run(run_id=active.info.run_id):
        assert client.get_run(active.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("m", 2, step=1)
    run = client.get_run(active.info.run_id)
    assert (run.info.status, run.info.run_name, run.data.metrics["m"]) == ("FINISHED", "first", 2)
    assert run.info.end_time >= ended
    assert mlflow.last_active_run().info.run_id == active.info.run_id


def test_the_life_of_a_registered_model(tracked):
    client, experiment_id = tracked
    run = client.create_run(experiment_id)
    client.create_registered_model("life", {"owner": "ann"}, "first")
    versions = [client.create_model_version("life", f"{run.info.artifact_uri}/{number}", run.info.run_id).version for number in range(3)]
    assert [int(version) for version in versions] == [1, 2, 3]
    for stage, version in [("Staging", 1), ("Production", 2), ("Production", 3)]:
        client.transition_model_version_stage("life", str(version), stage, archive_existing_versions=stage == "Production")
    stages = {int(version.version): version.current_stage for version in client.search_model_versions("name = 'life'")}
    assert stages == {1: "Staging", 2: "Archived", 3: "Production"}
    for alias, version in [("champion", 3), ("challenger", 1), ("champion", 1)]:
        client.set_registered_model_alias("life", alias, str(version))
    assert {alias: int(version) for alias, version in client.get_registered_model("life").aliases.items()} == {"champion": 1, "challenger": 1}
    client.delete_registered_model_alias("life", "challenger")
    client.set_model_version_tag("life", "2", "why", "worse")
    client.delete_model_version("life", "2")
    for version in (1, 3):
        client.transition_model_version_stage("life", str(version), "Archived")
    client.rename_registered_model("life", "after life")
    assert client.get_model_version_by_alias("after life", "champion").current_stage == "Archived"
    client.delete_registered_model("after life")
    assert client.search_registered_models("name LIKE '%life'") == []

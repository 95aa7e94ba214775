"""The life of experiments, runs, artifacts and the registry through MLflow's own client."""

import json
import math
import os
import pathlib
import subprocess
import sys

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


def refused(code, call, *arguments, **named):
    with pytest.raises(MlflowException) as caught:
        call(*arguments, **named)
    assert caught.value.error_code == code, caught.value
    return str(caught.value)


def test_experiments(client):
    made = client.create_experiment("first", tags={"team": "risk"})
    found = client.get_experiment(made)
    assert (found.name, found.tags, found.lifecycle_stage) == ("first", {"team": "risk"}, "active")
    assert found.artifact_location.startswith("mlflow-artifacts:/")
    assert found.creation_time <= found.last_update_time
    assert client.get_experiment_by_name("first").experiment_id == made
    assert client.get_experiment_by_name("nobody") is None
    assert client.get_experiment("0").name == "Default"
    refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "first")
    refused("INVALID_PARAMETER_VALUE", client.create_experiment, "x" * 501)
    refused("INVALID_PARAMETER_VALUE", client.create_experiment, "local", artifact_location="file:///etc")
    far = client.create_experiment("far", "s3://bucket/path")
    assert client.get_experiment(far).artifact_location == "s3://bucket/path"

    client.set_experiment_tag(made, "stage", "trial")
    client.rename_experiment(made, "renamed")
    assert client.get_experiment(made).tags == {"team": "risk", "stage": "trial"}
    ids = lambda **search: [found.experiment_id for found in client.search_experiments(**search)]
    assert ids(filter_string="name = 'renamed'") == [made]
    assert ids(filter_string="tags.stage = 'trial' AND name ILIKE 'RE%'", order_by=["name ASC"]) == [made]
    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    assert made not in ids() and made in ids(view_type=ViewType.ALL) and ids(view_type=ViewType.DELETED_ONLY) == [made]
    refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "renamed")
    client.restore_experiment(made)
    assert made in ids()
    refused("RESOURCE_DOES_NOT_EXIST", client.get_experiment, "987654321")


def test_pages_of_experiments(client):
    made = {client.create_experiment(f"page {number}") for number in range(7)}
    seen, token = set(), None
    while True:
        page = client.search_experiments(filter_string="name LIKE 'page %'", max_results=3, page_token=token)
        assert len(page) <= 3
        seen |= {found.experiment_id for found in page}
        token = page.token
        if not token:
            break
    assert seen == made


def test_a_run_and_what_is_logged_to_it(client, experiment):
    with mlflow.start_run(run_name="first", tags={"a": "b"}) as active:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"rate": 0.1, "kind": "forest"})
        for step in range(20):
            mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
        mlflow.log_metrics({"nothing": math.nan, "much": math.inf, "little": -math.inf})
        mlflow.set_tags({"team": "risk", "empty": ""})
        mlflow.log_param("depth", 3)
        assert "depth" in refused("INVALID_PARAMETER_VALUE", client.log_param, active.info.run_id, "depth", 4)
        with mlflow.start_run(nested=True) as child:
            mlflow.log_metric("inner", 1)
    run = client.get_run(active.info.run_id)
    assert (run.info.status, run.info.run_name, run.info.lifecycle_stage) == ("FINISHED", "first", "active")
    assert run.info.start_time <= run.info.end_time
    assert run.data.params == {"depth": "3", "rate": "0.1", "kind": "forest"}
    assert run.data.metrics["loss"] == 0.05 and math.isnan(run.data.metrics["nothing"])
    assert (run.data.metrics["much"], run.data.metrics["little"]) == (1.7976931348623157e308, -1.7976931348623157e308)
    assert run.data.tags["team"] == "risk" and run.data.tags["mlflow.runName"] == "first" and run.data.tags["a"] == "b"
    assert [(metric.step, metric.value) for metric in client.get_metric_history(active.info.run_id, "loss")] == [
        (step, 1.0 / (step + 1)) for step in range(20)
    ]
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == active.info.run_id

    client.update_run(active.info.run_id, name="renamed")
    assert client.get_run(active.info.run_id).data.tags["mlflow.runName"] == "renamed"
    client.set_tag(active.info.run_id, "mlflow.runName", "again")
    assert client.get_run(active.info.run_id).info.run_name == "again"
    client.delete_tag(active.info.run_id, "team")
    assert "team" not in client.get_run(active.info.run_id).data.tags
    refused("RESOURCE_DOES_NOT_EXIST", client.delete_tag, active.info.run_id, "team")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "0" * 32)


def test_a_crashed_run_is_failed(client, experiment):
    with pytest.raises(ValueError), mlflow.start_run() as active:
        raise ValueError("no luck")
    assert client.get_run(active.info.run_id).info.status == "FAILED"


def test_a_batch_is_written_whole_or_not_at_all(client, experiment):
    run_id = client.create_run(experiment).info.run_id
    metrics = [Metric("m", value, 1_000 + value, value) for value in range(1_000)]
    client.log_batch(run_id, metrics, [Param("p", "1")], [RunTag("t", "1")])
    assert len(client.get_metric_history(run_id, "m")) == 1_000
    refused("INVALID_PARAMETER_VALUE", client.log_batch, run_id, [Metric("n", 1, 1, 1)], [Param("p", "2")])
    assert client.get_metric_history(run_id, "n") == []
    assert "n" not in client.get_run(run_id).data.metrics
    refused("INVALID_PARAMETER_VALUE", client.log_param, run_id, "k" * 251, "v")


def test_searches(client, experiment):
    for number in range(12):
        with mlflow.start_run(run_name=f"run {number}"):
            mlflow.log_params({"number": number, "parity": "odd" if number % 2 else "even"})
            mlflow.log_metric("score", number / 10)
            if number % 3 == 0:
                mlflow.set_tag("third", "yes")
    names = lambda **search: [run.info.run_name for run in client.search_runs([experiment], **search)]
    assert names(filter_string="metrics.score > 0.85", order_by=["metrics.score DESC"]) == ["run 11", "run 10", "run 9"]
    assert names(filter_string="params.parity = 'odd' and metrics.score <= 0.3", order_by=["params.number ASC"]) == [
        "run 1",
        "run 3",
    ]
    assert set(names(filter_string="tags.third = 'yes'")) == {"run 0", "run 3", "run 6", "run 9"}
    assert names(filter_string="attributes.run_name LIKE 'run 1_'", order_by=["attributes.run_name ASC"]) == [
        "run 10",
        "run 11",
    ]
    with_missing = names(order_by=["tags.third ASC", "metrics.score ASC"])
    assert with_missing[:4] == ["run 0", "run 3", "run 6", "run 9"], "what has none comes last"
    seen, token = [], None
    while True:
        page = client.search_runs([experiment], order_by=["metrics.score ASC"], max_results=5, page_token=token)
        seen += [run.info.run_name for run in page]
        token = page.token
        if not token:
            break
    assert seen == [f"run {number}" for number in range(12)]
    table = mlflow.search_runs([experiment], filter_string="metrics.score >= 1.0", order_by=["metrics.score ASC"])
    assert list(table["params.number"]) == ["10", "11"] and list(table["metrics.score"]) == [1.0, 1.1]
    refused("INVALID_PARAMETER_VALUE", client.search_runs, [experiment], "metrics.score >> 1")
    refused("INVALID_PARAMETER_VALUE", client.search_runs, [experiment], page_token="not a token")


def test_deleted_runs(client, experiment):
    run_id = client.create_run(experiment).info.run_id
    client.delete_run(run_id)
    count = lambda view: len(client.search_runs([experiment], run_view_type=view))
    assert (count(ViewType.ACTIVE_ONLY), count(ViewType.DELETED_ONLY), count(ViewType.ALL)) == (0, 1, 1)
    refused("INVALID_PARAMETER_VALUE", client.log_metric, run_id, "m", 1.0)
    client.restore_run(run_id)
    client.log_metric(run_id, "m", 1.0)
    assert count(ViewType.ACTIVE_ONLY) == 1


def test_artifacts(client, experiment, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "leaf.bin").write_bytes(os.urandom(3_000_000))
    (tmp_path / "empty.txt").write_text("")
    with mlflow.start_run() as active:
        mlflow.log_text("hello", "words/hello.txt")
        mlflow.log_dict({"x": [1, 2]}, "x.json")
        mlflow.log_artifact(str(tmp_path / "empty.txt"))
        mlflow.log_artifacts(str(tmp_path / "tree"), "tree")
        mlflow.log_text("odd", "words/a b & c+ü%.txt")
    run_id = active.info.run_id
    listed = lambda folder=None: {entry.path: entry.file_size for entry in client.list_artifacts(run_id, folder)}
    top = listed()
    assert top.pop("x.json") > 0
    assert top == {"words": None, "tree": None, "empty.txt": 0}
    assert listed("words") == {"words/hello.txt": 5, "words/a b & c+ü%.txt": 3}
    folder = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="tree", dst_path=str(tmp_path / "back"))
    assert (pathlib.Path(folder) / "leaf.bin").read_bytes() == (tmp_path / "tree" / "leaf.bin").read_bytes()
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/x.json") == {"x": [1, 2]}
    assert mlflow.artifacts.load_text(f"{active.info.artifact_uri}/words/a b & c+ü%.txt") == "odd"
    with pytest.raises(MlflowException):
        mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="nothing.txt")


def test_datasets(client, experiment):
    dataset = mlflow.data.from_pandas(pd.DataFrame({"a": [1.0, 2.0]}), name="rows", source="here.csv")
    with mlflow.start_run() as active:
        mlflow.log_input(dataset, context="training")
    (found,) = client.get_run(active.info.run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("rows", dataset.digest)
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    runs = client.search_runs([experiment], "datasets.name = 'rows'")
    assert [run.info.run_id for run in runs] == [active.info.run_id]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_registry(client, experiment):
    with mlflow.start_run() as active:
        mlflow.log_text("flavors: {}", "model/MLmodel")
    run_id = active.info.run_id
    made = client.create_registered_model("credit", tags={"team": "risk"}, description="good or bad")
    assert (made.name, made.description, made.tags) == ("credit", "good or bad", {"team": "risk"})
    refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, "credit")
    refused("INVALID_PARAMETER_VALUE", client.create_registered_model, "a/b")
    first = client.create_model_version("credit", f"{active.info.artifact_uri}/model", run_id, tags={"x": "1"})
    second = client.create_model_version("credit", f"runs:/{run_id}/model", run_id, description="the second")
    assert [(int(version.version), version.status) for version in (first, second)] == [(1, "READY"), (2, "READY")]
    for source in ["/etc", "file:///etc/passwd", "mlflow-artifacts:/../../etc", "s3://bucket/../x"]:
        refused("INVALID_PARAMETER_VALUE", client.create_model_version, "credit", source, run_id)
    refused("RESOURCE_DOES_NOT_EXIST", client.create_model_version, "nobody", f"runs:/{run_id}/model", run_id)

    client.set_registered_model_alias("credit", "champion", 2)
    assert int(client.get_model_version_by_alias("credit", "champion").version) == 2
    aliases = client.get_registered_model("credit").aliases
    assert {alias: int(version) for alias, version in aliases.items()} == {"champion": 2}
    stage = lambda version: client.get_model_version("credit", version).current_stage
    client.transition_model_version_stage("credit", 1, "Production")
    client.transition_model_version_stage("credit", 2, "Production")
    assert (stage(1), stage(2)) == ("Production", "Production")
    client.transition_model_version_stage("credit", 2, "Production", archive_existing_versions=True)
    assert (stage(1), stage(2)) == ("Archived", "Production")
    assert [int(version.version) for version in client.get_latest_versions("credit", ["Production"])] == [2]
    refused("INVALID_PARAMETER_VALUE", client.transition_model_version_stage, "credit", 1, "Nowhere")

    folder = pathlib.Path(mlflow.artifacts.download_artifacts("models:/credit/Production"))
    assert (folder / "MLmodel").read_text() == "flavors: {}"
    client.update_model_version("credit", 1, "words")
    client.set_model_version_tag("credit", "1", "y", "2")
    client.delete_model_version_tag("credit", "1", "x")
    version = client.get_model_version("credit", 1)
    assert (version.description, version.tags, version.run_id) == ("words", {"y": "2"}, run_id)
    found = client.search_model_versions("name = 'credit'", order_by=["version_number ASC"])
    assert [int(version.version) for version in found] == [1, 2]
    assert len(client.search_model_versions(f"run_id = '{run_id}' and tags.y = '2'")) == 1
    assert [model.name for model in client.search_registered_models("name ILIKE 'CRED%'")] == ["credit"]
    assert [model.name for model in client.search_registered_models("tags.team = 'risk'")] == ["credit"]
    client.set_registered_model_tag("credit", "z", "3")
    client.delete_registered_model_tag("credit", "team")
    assert client.get_registered_model("credit").tags == {"z": "3"}
    client.rename_registered_model("credit", "credits")
    assert client.get_registered_model("credits").name == "credits"
    client.update_registered_model("credits", "changed")
    assert client.get_registered_model("credits").description == "changed"
    client.delete_registered_model_alias("credits", "champion")
    refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, "credits", "champion")
    client.delete_model_version("credits", 1)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_model_version, "credits", 1)
    client.transition_model_version_stage("credits", 2, "Archived")
    client.delete_registered_model("credits")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "credits")


def test_the_example(server):
    example = pathlib.Path(__file__).parents[3] / "examples" / "mlflow_client.py"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": server}
    done = subprocess.run([sys.executable, example], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "best: rate 1.0, loss 0.0074\na run with rate 1.0" in done.stdout


class Doubler(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return model_input * 2


@pytest.mark.filterwarnings("ignore")
def test_a_logged_model(client, experiment):
    """Clients before 3.0 log models as artifacts of a run; those from 3.0 on as models with ids of their own."""
    log = lambda: mlflow.pyfunc.log_model(artifact_path="model", python_model=Doubler())
    with mlflow.start_run() as active:
        log()
        log()
    if mlflow.__version__.startswith("2."):
        history = json.loads(client.get_run(active.info.run_id).data.tags["mlflow.log-model.history"])
        assert [entry["artifact_path"] for entry in history] == ["model", "model"]
    version = mlflow.register_model(f"runs:/{active.info.run_id}/model", "doubler")
    client.transition_model_version_stage("doubler", version.version, "Production")
    loaded = mlflow.pyfunc.load_model("models:/doubler/Production")
    assert list(loaded.predict(pd.DataFrame({"x": [1, 2]}))["x"]) == [2, 4]

"""Logged models, which clients from 3.0 on have, from their making to the registry and to predictions."""

import json
import pathlib

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

pytestmark = [
    pytest.mark.skipif(mlflow.__version__.startswith("2."), reason="clients before 3.0 have no logged models"),
    pytest.mark.filterwarnings("ignore"),
]


def refused(code, call, *arguments, **named):
    with pytest.raises(MlflowException) as caught:
        call(*arguments, **named)
    assert caught.value.error_code == code, caught.value
    return str(caught.value)


class Doubler(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        return model_input * 2


def log_doubler(**named):
    return mlflow.pyfunc.log_model(name="model", python_model=Doubler(), pip_requirements=[], **named)


def doubled(uri):
    return list(mlflow.pyfunc.load_model(uri).predict(pd.DataFrame({"x": [1, 2]}))["x"])


def by_name(models):
    return [model.name for model in models]


def ask(client, path, **params):
    host = client._tracking_client.store.get_host_creds()
    path = f"/api/2.0/mlflow/{path}"
    return mlflow.utils.rest_utils.http_request(host, path, "GET", params=params, raise_on_status=False)


def model_id_of(client, name, version):
    """The client of 3.17 does not read it from the answer."""
    return ask(client, "model-versions/get", name=name, version=version).json()["model_version"]["model_id"]


def test_from_pending_to_deleted(client, experiment):
    made = client.create_logged_model(
        experiment, name="a", tags={"team": "risk"}, params={"depth": "3"}, model_type="forest"
    )
    assert (made.name, made.model_type, made.status, made.experiment_id) == ("a", "forest", "PENDING", experiment)
    assert made.model_id.startswith("m-") and made.creation_timestamp == made.last_updated_timestamp
    location = f"mlflow-artifacts:/{experiment}/models/{made.model_id}/artifacts"
    assert (made.artifact_location, made.model_uri) == (location, f"models:/{made.model_id}")
    assert (made.params, made.tags, made.metrics) == ({"depth": "3"}, {"team": "risk"}, [])
    assert client.create_logged_model(experiment).name

    ready = client.finalize_logged_model(made.model_id, "READY")
    assert ready.status == "READY" and ready.last_updated_timestamp >= made.last_updated_timestamp
    client.set_logged_model_tags(made.model_id, {"team": "fraud", "odd key": "ü 🦀"})
    client.log_model_params(made.model_id, {f"p{number}": str(number) for number in range(250)})
    client.log_model_params(made.model_id, {"depth": "3"})
    assert "depth" in refused("INVALID_PARAMETER_VALUE", client.log_model_params, made.model_id, {"depth": "4"})
    client.delete_logged_model_tag(made.model_id, "team")
    refused("RESOURCE_DOES_NOT_EXIST", client.delete_logged_model_tag, made.model_id, "team")
    found = mlflow.get_logged_model(made.model_id)
    assert found.tags == {"odd key": "ü 🦀"} and len(found.params) == 251 and found.params["p249"] == "249"

    client.delete_logged_model(made.model_id)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, made.model_id)
    refused("RESOURCE_DOES_NOT_EXIST", mlflow.pyfunc.load_model, f"models:/{made.model_id}")
    store = client._tracking_client.store
    assert store.get_logged_model(made.model_id, allow_deleted=True).name == "a"
    assert made.model_id not in {model.model_id for model in client.search_logged_models([experiment])}
    for name in ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b"]:
        refused("INVALID_PARAMETER_VALUE", client.create_logged_model, experiment, name=name)
    refused("RESOURCE_DOES_NOT_EXIST", client.create_logged_model, "987654321")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, "m-" + "0" * 32)
    refused("RESOURCE_DOES_NOT_EXIST", client.finalize_logged_model, "m-" + "0" * 32, "READY")


def test_many_params_at_once(client, experiment):
    params = {f"p{number:04}": "v" * 300 for number in range(550)}
    made = mlflow.create_external_model(name="many", params=params)
    assert made.params == params and made.status == "READY"


def test_a_python_model_by_every_address(client, experiment):
    with mlflow.start_run() as active:
        info = log_doubler(params={"rate": 0.1}, step=3)
    run_id = active.info.run_id
    assert mlflow.last_logged_model().model_id == info.model_id
    model = mlflow.get_logged_model(info.model_id)
    assert (model.status, model.source_run_id, model.params) == ("READY", run_id, {"rate": "0.1"})
    (output,) = client.get_run(run_id).outputs.model_outputs
    assert (output.model_id, output.step) == (info.model_id, 3)
    (found,) = client.search_runs([experiment])
    assert [output.model_id for output in found.outputs.model_outputs] == [info.model_id]

    assert info.model_uri == f"models:/{info.model_id}"
    for uri in [info.model_uri, f"runs:/{run_id}/model"]:
        assert doubled(uri) == [2, 4], uri
    files = {entry.path for entry in client.list_logged_model_artifacts(info.model_id)}
    assert {"MLmodel", "python_model.pkl", "requirements.txt"} <= files
    assert "model/MLmodel" in {entry.path for entry in client.list_artifacts(run_id, "model")}
    text = mlflow.artifacts.load_text(f"{model.artifact_location}/MLmodel")
    assert info.model_id in text

    version = mlflow.register_model(info.model_uri, "by every address")
    assert (int(version.version), version.run_id) == (1, run_id)
    mlflow.register_model(f"runs:/{run_id}/model", "by every address")
    client.set_registered_model_alias("by every address", "best", 1)
    client.transition_model_version_stage("by every address", 1, "Production")
    for address in ["/1", "/2", "@best", "/Production", "/latest"]:
        assert doubled(f"models:/by every address{address}") == [2, 4], address
    assert client.get_model_version("by every address", 2).source == info.model_uri
    versions = client.search_model_versions(f"run_id = '{run_id}'", order_by=["version_number ASC"])
    assert [int(version.version) for version in versions] == [1, 2]
    assert {model_id_of(client, "by every address", number) for number in [1, 2]} == {info.model_id}
    uri = client.get_model_version_download_uri("by every address", 1)
    assert uri == model.artifact_location
    tag = json.loads(mlflow.get_logged_model(info.model_id).tags["mlflow.modelVersions"])
    assert {(entry["name"], int(entry["version"])) for entry in tag} == {
        ("by every address", 1),
        ("by every address", 2),
    }
    copied = client.copy_model_version("models:/by every address/1", "copied")
    assert copied.run_id == run_id and doubled("models:/copied/1") == [2, 4]
    assert model_id_of(client, "copied", 1) == info.model_id
    refused(
        "INVALID_PARAMETER_VALUE",
        client._get_registry_client().create_model_version,
        "copied",
        info.model_uri,
        model_id="m-" + "0" * 32,
    )


def test_registered_while_logged(client, experiment):
    with mlflow.start_run():
        info = log_doubler(registered_model_name="at once")
    version = client.get_model_version("at once", 1)
    assert (model_id_of(client, "at once", 1), version.source) == (info.model_id, info.model_uri)
    assert int(info.registered_model_version) == 1
    assert doubled("models:/at once/1") == [2, 4]


def test_several_models_of_one_run(client, experiment):
    with mlflow.start_run() as active:
        infos = [log_doubler(step=step) for step in range(3)]
        mlflow.pyfunc.log_model(name="other", python_model=Doubler(), pip_requirements=[])
    outputs = client.get_run(active.info.run_id).outputs.model_outputs
    steps = {output.model_id: output.step for output in outputs}
    assert len(steps) == 4 and [steps[info.model_id] for info in infos] == [0, 1, 2]
    found = mlflow.search_logged_models([experiment], f"source_run_id = '{active.info.run_id}'", output_format="list")
    assert by_name(found) == ["other", "model", "model", "model"]
    registered = mlflow.register_model(f"runs:/{active.info.run_id}/model", "the last step")
    assert registered.source == infos[2].model_uri


def test_metrics_belong_to_models(client, experiment):
    train = mlflow.data.from_pandas(pd.DataFrame({"a": [1.0]}), name="train", source="train.csv")
    test = mlflow.data.from_pandas(pd.DataFrame({"a": [2.0]}), name="test", source="test.csv")
    model = client.create_logged_model(experiment, name="measured")
    with mlflow.start_run() as active:
        mlflow.log_metric("loss", 0.5, step=1, model_id=model.model_id, dataset=train)
        mlflow.log_metric("loss", 0.7, step=1, model_id=model.model_id, dataset=test)
        mlflow.log_metrics({"accuracy": 0.9, "f1": 0.8}, step=2, model_id=model.model_id)
        mlflow.log_metric("of the run alone", 1.0)
        mlflow.log_input(train, context="training", model=mlflow.entities.LoggedModelInput(model.model_id))
    measured = {
        (metric.key, metric.value, metric.step, metric.dataset_name, metric.dataset_digest, metric.model_id)
        for metric in client.get_logged_model(model.model_id).metrics
    }
    none = ("", "") if any(entry[3] == "" for entry in measured) else (None, None)
    assert measured == {
        ("loss", 0.5, 1, "train", train.digest, model.model_id),
        ("loss", 0.7, 1, "test", test.digest, model.model_id),
        ("accuracy", 0.9, 2, *none, model.model_id),
        ("f1", 0.8, 2, *none, model.model_id),
    }
    assert {metric.run_id for metric in client.get_logged_model(model.model_id).metrics} == {active.info.run_id}
    run = client.get_run(active.info.run_id)
    assert set(run.data.metrics) == {"loss", "accuracy", "f1", "of the run alone"}
    assert [used.model_id for used in run.inputs.model_inputs] == [model.model_id]
    missing = "m-" + "0" * 32
    refused("RESOURCE_DOES_NOT_EXIST", client.log_metric, active.info.run_id, "loss", 1.0, model_id=missing)
    assert len(client.get_metric_history(active.info.run_id, "loss")) == 2, "nothing of a refused call is written"


def test_searches_for_models(client, experiment):
    datasets = {
        name: mlflow.data.from_pandas(pd.DataFrame({"a": [number]}), name=name, source=f"{name}.csv")
        for number, name in enumerate(["train", "test"])
    }
    with mlflow.start_run() as active:
        for number in range(6):
            model = client.create_logged_model(
                experiment,
                name=f"model-{number}",
                source_run_id=active.info.run_id,
                params={"depth": str(number), "odd.key": "x"},
                tags={"parity": "odd" if number % 2 else "even"},
                model_type="forest" if number < 3 else None,
            )
            if number != 5:
                client.log_metric(
                    active.info.run_id,
                    "score",
                    number / 10,
                    dataset_name="train",
                    dataset_digest=datasets["train"].digest,
                    model_id=model.model_id,
                )
                client.log_metric(
                    active.info.run_id,
                    "score",
                    -number,
                    timestamp=4_000_000_000_000,
                    dataset_name="test",
                    dataset_digest=datasets["test"].digest,
                    model_id=model.model_id,
                )
        client.finalize_logged_model(model.model_id, "FAILED")

    def names(filter_string=None, **search):
        return [model.name[6:] for model in client.search_logged_models([experiment], filter_string, **search)]

    assert names() == ["5", "4", "3", "2", "1", "0"], "the newest first"
    for filter_string, expected in [
        ("name = 'model-3'", ["3"]),
        ("name ILIKE 'MODEL-_' AND params.depth IN ('1', '2')", ["2", "1"]),
        ("params.depth = 4", ["4"]),
        ("params.`odd.key` = 'x' AND tags.parity = 'odd'", ["5", "3", "1"]),
        ("tags.parity != 'odd'", ["4", "2", "0"]),
        ("model_type = 'forest'", ["2", "1", "0"]),
        ("attributes.name LIKE '%-5'", ["5"]),
        ("status = 'FAILED'", ["5"]),
        (f"source_run_id = '{active.info.run_id}' AND creation_timestamp > 5", ["5", "4", "3", "2", "1", "0"]),
        ("metrics.score >= 0.3", ["4", "3"]),
        ("metrics.score < 0", ["4", "3", "2", "1"]),
        ("metrics.nothing > 0", []),
    ]:
        assert names(filter_string) == expected, filter_string
    train = [{"dataset_name": "train", "dataset_digest": datasets["train"].digest}]
    assert names("metrics.score < 0", datasets=train) == []
    assert names("metrics.score < 0.15", datasets=train) == ["1", "0"]
    assert names(datasets=[{"dataset_name": "test"}]) == ["4", "3", "2", "1", "0"]
    assert names(datasets=[{"dataset_name": "test", "dataset_digest": "other"}]) == []
    by = lambda field, ascending=True, **dataset: {"field_name": field, "ascending": ascending, **dataset}
    for order, expected in [
        (by("metrics.score"), ["4", "3", "2", "1", "0", "5"]),
        (by("metrics.score", dataset_name="train"), ["0", "1", "2", "3", "4", "5"]),
        (by("metrics.score", False, dataset_name="train"), ["4", "3", "2", "1", "0", "5"]),
        (by("creation_timestamp"), ["0", "1", "2", "3", "4", "5"]),
        (by("name", False), ["5", "4", "3", "2", "1", "0"]),
    ]:
        assert names(order_by=[order]) == expected, order
        seen, token = [], None
        while True:
            page = client.search_logged_models([experiment], max_results=4, order_by=[order], page_token=token)
            seen += [model.name[6:] for model in page]
            token = page.token
            if not token:
                break
        assert seen == expected, order
    table = mlflow.search_logged_models([experiment], "params.depth = '2'")
    assert list(table["name"]) == ["model-2"] and table["params"][0]["depth"] == "2"
    for filter_string in ["colour = 'x'", "metrics.score = 'x'", "params.depth > 3", "name = 'a' name", "metrics."]:
        refused("INVALID_PARAMETER_VALUE", client.search_logged_models, [experiment], filter_string)
    refused("INVALID_PARAMETER_VALUE", client.search_logged_models, [experiment], order_by=[by("params.depth")])
    refused("INVALID_PARAMETER_VALUE", client.search_logged_models, [experiment], page_token="none of yours")


def test_files_stay_inside(client, experiment, tmp_path):
    model = client.create_logged_model(experiment, name="files")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "leaf.txt").write_text("leaf")
    client.log_model_artifacts(model.model_id, str(tmp_path))
    assert [(entry.path, entry.is_dir) for entry in client.list_logged_model_artifacts(model.model_id)] == [("deep", True)]
    listed = client.list_logged_model_artifacts(model.model_id, "deep")
    assert [(entry.path, entry.file_size) for entry in listed] == [("deep/leaf.txt", 4)]
    folder = mlflow.artifacts.download_artifacts(f"models:/{model.model_id}", dst_path=str(tmp_path / "back"))
    assert (pathlib.Path(folder) / "deep" / "leaf.txt").read_text() == "leaf"

    of_model = lambda path, **params: ask(client, f"logged-models/{model.model_id}/artifacts/{path}", **params)
    found = of_model("directories", artifact_directory_path="deep").json()
    assert found["root_uri"] == model.artifact_location
    assert found["files"] == [{"path": "deep/leaf.txt", "is_dir": False, "file_size": 4}]
    assert of_model("files", artifact_file_path="deep/leaf.txt").text == "leaf"
    for escape in ["../..", "/etc", "deep/../../..", "..\\x"]:
        assert of_model("directories", artifact_directory_path=escape).status_code == 400, escape
        assert of_model("files", artifact_file_path=escape).status_code == 400, escape
    assert of_model("files", artifact_file_path="nothing").status_code == 404


def test_scikit_learn(client, experiment):
    linear = pytest.importorskip("sklearn.linear_model")
    x, y = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]}), [0, 0, 1, 1]
    fitted = linear.LogisticRegression().fit(x, y)
    with mlflow.start_run() as active:
        info = mlflow.sklearn.log_model(fitted, name="classifier", input_example=x, registered_model_name="scoring")
    assert mlflow.get_logged_model(info.model_id).name == "classifier"
    client.set_registered_model_alias("scoring", "champion", 1)
    client.transition_model_version_stage("scoring", 1, "Production")
    wanted = list(fitted.predict(x))
    for uri in [
        info.model_uri,
        f"runs:/{active.info.run_id}/classifier",
        "models:/scoring/1",
        "models:/scoring@champion",
        "models:/scoring/Production",
    ]:
        assert list(mlflow.sklearn.load_model(uri).predict(x)) == wanted, uri
        assert list(mlflow.pyfunc.load_model(uri).predict(x)) == wanted, uri


@pytest.fixture
def no_autologging():
    yield
    mlflow.autolog(disable=True)


def test_autologging_of_scikit_learn(client, experiment, no_autologging):
    ensemble = pytest.importorskip("sklearn.ensemble")
    x, y = pd.DataFrame({"a": range(20), "b": [number % 3 for number in range(20)]}), [int(n > 9) for n in range(20)]
    mlflow.sklearn.autolog(log_input_examples=True, serialization_format="cloudpickle")
    with mlflow.start_run() as active:
        fitted = ensemble.RandomForestClassifier(n_estimators=3, random_state=0).fit(x, y)
        fitted.score(x, y)
    (output,) = client.get_run(active.info.run_id).outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert model.status == "READY" and model.params["n_estimators"] == "3"
    keys = {metric.key for metric in model.metrics}
    assert {"training_accuracy_score", "training_f1_score"} <= keys
    assert {metric.dataset_name for metric in model.metrics if metric.key == "training_f1_score"} == {"dataset"}
    best = mlflow.search_logged_models([experiment], "metrics.training_accuracy_score > 0.5", output_format="list")
    assert [found.model_id for found in best] == [model.model_id]
    assert list(mlflow.pyfunc.load_model(model.model_uri).predict(x)) == list(fitted.predict(x))


def test_autologging_of_xgboost(client, experiment, no_autologging):
    xgboost = pytest.importorskip("xgboost")
    x, y = pd.DataFrame({"a": [float(n) for n in range(40)]}), [int(n > 19) for n in range(40)]
    mlflow.xgboost.autolog(log_input_examples=True)
    with mlflow.start_run() as active:
        data = xgboost.DMatrix(x, label=y)
        fitted = xgboost.train(
            {"objective": "binary:logistic"}, data, num_boost_round=5, evals=[(data, "train")], verbose_eval=False
        )
    (output,) = client.get_run(active.info.run_id).outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert model.status == "READY" and client.get_run(active.info.run_id).data.params["num_boost_round"] == "5"
    assert len(client.get_metric_history(active.info.run_id, "train-logloss")) == 5
    assert any(metric.key == "train-logloss" for metric in model.metrics)
    again = mlflow.pyfunc.load_model(model.model_uri).predict(x)
    assert again == pytest.approx(fitted.predict(data))

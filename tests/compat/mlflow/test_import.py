"""What MLflow's own stores hold, taken over by `metria import mlflow`, and given back by `metria export mlflow`."""

import contextlib
import json
import math
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

# MLflow 3 wants to be told that its file store is meant. This is read at each use.
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.tracking._tracking_service import utils

GREATEST = sys.float_info.max


def metria(*arguments, check=True):
    command = [os.environ["METRIA_BIN"], *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if check:
        assert done.returncode == 0, done.stderr + done.stdout
    return done


@contextlib.contextmanager
def server_of(home):
    """A client of a Metria server over a home."""
    command = [os.environ["METRIA_BIN"], "server", "--home", str(home), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        text = ""
        while "}" not in text:
            line = process.stdout.readline()
            assert line, f"the server ended before it said where it listens: {text}"
            text += line
        url = json.loads(text)["url"]
        try:
            yield MlflowClient(tracking_uri=url, registry_uri=url)
        finally:
            process.terminate()
        assert process.wait(timeout=60) == 0


@contextlib.contextmanager
def stock_server(folder):
    """The address of MLflow's own server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/served.db", "--artifacts-destination", f"{folder}/files"]
    # Its workers outlive it unless they are ended with it.
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True
    ) as process:
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{url}/health", timeout=5).read()
                    break
                assert process.poll() is None, "MLflow's server ended"
                time.sleep(0.2)
            yield url
        finally:
            os.killpg(process.pid, 15)
            process.wait(timeout=60)


def point_at(client):
    mlflow.set_tracking_uri(client.tracking_uri)
    mlflow.set_registry_uri(client.tracking_uri)
    # MLflow remembers by a run's id where its artifacts were; here the same run is in several places.
    if hasattr(utils, "_artifact_repos_cache"):
        utils._artifact_repos_cache.clear()


def fill(client):
    """A history with experiments, runs and models of all kinds."""
    point_at(client)
    first = client.create_experiment("first / one", tags={"team": "risk", "note": "line\nline"})
    runs = []
    for index in range(4):
        run = client.create_run(first, run_name=f"run {index}", tags={"kind": "even" if index % 2 == 0 else "odd"})
        run_id = run.info.run_id
        metrics = [Metric("loss", 1 / (step + 1 + index), 1_700_000_000_000 + step, step) for step in range(50)]
        odd = {"nan": float("nan"), "inf/inity": float("inf"), "zero": -0.0}
        metrics += [Metric(key, value, 1_700_000_000_000, 0) for key, value in odd.items()]
        metrics += [Metric("accuracy", 0.5 + index / 10, 1_700_000_000_000, 0)]
        params = [Param("depth", str(index)), Param("a/b", "1: yes"), Param("empty", ""), Param("text", "ünï\n#x")]
        client.log_batch(run_id, metrics=metrics, params=params, tags=[RunTag("x/y", "z: 1")])
        client.log_text(run_id, f"hello {index}", "notes/a.txt")
        client.log_dict(run_id, {"index": index}, "model/conf.json")
        dataset = Dataset("credit", f"digest{index}", "local", '{"uri": "x"}', schema='{"a": 1}')
        client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
        runs.append(run_id)
    client.set_terminated(runs[0], "FINISHED")
    client.set_terminated(runs[1], "FAILED")
    client.delete_run(runs[2])
    gone = client.create_experiment("gone")
    client.log_param(client.create_run(gone).info.run_id, "p", "1")
    client.delete_experiment(gone)
    client.create_registered_model("credit model", tags={"k": "v"}, description="a model")
    for index in range(3):
        source = f"runs:/{runs[0]}/model"
        client.create_model_version("credit model", source, runs[0], tags={"n": str(index)}, description=f"v{index}")
    client.delete_model_version("credit model", "2")
    client.transition_model_version_stage("credit model", "1", "Archived")
    client.transition_model_version_stage("credit model", "3", "Production")
    client.set_registered_model_alias("credit model", "champion", "1")
    client.create_registered_model("empty model")


def number(value):
    """Metria's MLflow protocol clamps infinities, as MLflow's databases do."""
    return "nan" if math.isnan(value) else max(-GREATEST, min(GREATEST, value)) + 0.0


def pages(search, **arguments):
    found, token = [], None
    while True:
        page = search(page_token=token, **arguments)
        found.extend(page)
        token = page.token
        if not token:
            return found


def run_as_it_is(run):
    info = run.info
    inputs = [
        (i.dataset.name, i.dataset.digest, i.dataset.source_type, i.dataset.source, i.dataset.schema, tags(i.tags))
        for i in run.inputs.dataset_inputs
    ]
    return {
        "info": (info.run_id, info.run_name, info.status, info.start_time, info.end_time, info.lifecycle_stage),
        "user": info.user_id or "",
        "params": run.data.params,
        "tags": run.data.tags,
        "metrics": {key: number(value) for key, value in run.data.metrics.items()},
        "inputs": sorted(inputs),
    }


def tags(pairs):
    return sorted((pair.key, pair.value) for pair in pairs)


SEARCHES = [
    {"filter_string": "metrics.accuracy > 0.55 and params.depth != '3'", "order_by": ["metrics.accuracy DESC"]},
    {"filter_string": "tags.kind = 'even'", "order_by": ["params.depth DESC"]},
    {"filter_string": "attributes.status = 'FAILED'"},
    {"filter_string": "params.`a/b` LIKE '1:%' and tags.`x/y` ILIKE 'Z%'", "order_by": ["metrics.loss ASC"]},
    {"filter_string": "attributes.run_name = 'run 1'"},
]


def everything(client, folder):
    """All that a client sees, without what names the place itself."""
    # Artifacts come from where the whole process is pointed at.
    point_at(client)
    experiments = pages(client.search_experiments, view_type=ViewType.ALL)
    seen = {"experiments": {}, "runs": {}, "histories": {}, "files": {}, "models": {}, "versions": {}, "searches": []}
    ids = {}
    for experiment in experiments:
        times = None if experiment.name == "Default" else (experiment.creation_time, experiment.last_update_time)
        facts = (experiment.experiment_id, experiment.lifecycle_stage, experiment.tags, times)
        seen["experiments"][experiment.name] = facts
        ids[experiment.name] = experiment.experiment_id
        for run in pages(client.search_runs, experiment_ids=[experiment.experiment_id], run_view_type=ViewType.ALL):
            run_id = run.info.run_id
            seen["runs"][run_id] = run_as_it_is(run)
            for key in run.data.metrics:
                history = client.get_metric_history(run_id, key)
                points = sorted({(m.step, m.timestamp, str(number(m.value))) for m in history})
                seen["histories"][run_id, key] = points
            target = pathlib.Path(folder) / run_id
            target.mkdir(parents=True)
            for entry in client.list_artifacts(run_id):
                client.download_artifacts(run_id, entry.path, str(target))
            files = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
            seen["files"][run_id] = files
    for search in SEARCHES:
        found = client.search_runs([ids["first / one"]], run_view_type=ViewType.ALL, **search)
        seen["searches"].append([run.info.run_id for run in found])
    for model in pages(client.search_registered_models):
        aliases = {alias: int(version) for alias, version in model.aliases.items()}
        times = (model.creation_timestamp, model.last_updated_timestamp)
        seen["models"][model.name] = (model.description or "", model.tags, aliases, times)
    for version in pages(client.search_model_versions):
        facts = (version.current_stage, version.source, version.run_id, version.description or "", version.tags)
        times = (version.creation_timestamp, version.last_updated_timestamp)
        seen["versions"][version.name, int(version.version)] = (facts, times)
    return seen


def assert_same(theirs, ours):
    assert set(theirs) == set(ours)
    for kind, found in theirs.items():
        assert ours[kind] == found, kind


@contextlib.contextmanager
def stock(kind, folder):
    """A stock store, filled: its client, and what `metria import` is told."""
    if kind == "server":
        with stock_server(folder) as url:
            yield MlflowClient(tracking_uri=url, registry_uri=url), url
        return
    uri = f"sqlite:///{folder}/mlflow.db" if kind == "sqlite" else f"file://{folder}/mlruns"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    yield client, f"{folder}/mlflow.db" if kind == "sqlite" else f"{folder}/mlruns"


@pytest.fixture
def there(tmp_path, monkeypatch):
    # The default artifact root of a SQLite store is `mlruns` in the working folder.
    folder = tmp_path / "theirs"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("kind", ["folder", "sqlite", "server"])
def test_what_is_imported_is_found_alike(kind, there, tmp_path):
    home = tmp_path / "home"
    with stock(kind, there) as (theirs, source):
        fill(theirs)
        told = json.loads(metria("import", "mlflow", source, "--home", home).stdout)
        assert told["same"] and told["problems"] == [], told
        counted = {row["what"]: (row["source"], row["same"]) for row in told["rows"]}
        assert counted["runs"] == (5, 5) and counted["model versions"] == (2, 2), counted
        assert counted["measurements"] == (4 * 54, 4 * 54), counted
        again = json.loads(metria("import", "mlflow", source, "--home", home).stdout)
        assert again["rows"] == told["rows"], "a second time changes nothing"
        expected = everything(theirs, tmp_path / "there")
    with server_of(home) as ours:
        found = everything(ours, tmp_path / "here")
        assert_same(expected, found)
        folder = mlflow.artifacts.download_artifacts(artifact_uri="models:/credit model/3")
        assert json.loads((pathlib.Path(folder) / "conf.json").read_text()) == {"index": 0}
        made = ours.create_model_version("credit model", f"runs:/{next(iter(found['runs']))}/model")
        assert int(made.version) == 4, "numbers go on"


@pytest.fixture(autouse=True)
def pointed_back(server):
    yield
    mlflow.set_tracking_uri(server)
    mlflow.set_registry_uri(server)


def test_what_is_exported_is_read_by_mlflow(there, tmp_path):
    home, out = tmp_path / "home", tmp_path / "out" / "mlruns"
    with server_of(home) as ours:
        fill(ours)
        expected = everything(ours, tmp_path / "here")
    told = json.loads(metria("export", "mlflow", out, "--home", home).stdout)
    assert told["same"], told
    uri = f"file://{out}"
    assert_same(expected, everything(MlflowClient(tracking_uri=uri, registry_uri=uri), tmp_path / "there"))
    refused = metria("export", "mlflow", "http://127.0.0.1:1", "--home", home, check=False)
    assert refused.returncode == 2 and "folder" in refused.stderr


def test_an_import_that_is_killed_goes_on(there, tmp_path):
    home = tmp_path / "home"
    with stock("sqlite", there) as (theirs, source):
        mlflow.set_tracking_uri(theirs.tracking_uri)
        experiment = theirs.create_experiment("many")
        for index in range(60):
            run_id = theirs.create_run(experiment, run_name=str(index)).info.run_id
            theirs.log_batch(run_id, metrics=[Metric("m", index, step, step) for step in range(100)])
            theirs.log_text(run_id, "x" * 10_000, "a.txt")
        command = [os.environ["METRIA_BIN"], "import", "mlflow", source, "--home", str(home)]
        killed = 0
        for delay in (0.02, 0.05, 0.08, 0.12, 0.17, 0.23, 0.3):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=delay)
            killed += process.poll() is None
            process.kill()
            process.wait()
        assert killed > 0, "it was never killed at work"
        told = json.loads(metria("import", "mlflow", source, "--home", home).stdout)
        counted = {row["what"]: (row["source"], row["same"]) for row in told["rows"]}
        assert counted["runs"] == (60, 60) and counted["measurements"] == (6_000, 6_000), counted
    with server_of(home) as ours:
        runs = pages(ours.search_runs, experiment_ids=[experiment])
        assert len(runs) == 60
        assert all(len(ours.get_metric_history(run.info.run_id, "m")) == 100 for run in runs)


def test_what_is_missing_is_named_and_a_failure(there, tmp_path):
    with stock("folder", there) as (theirs, source):
        fill(theirs)
        found = theirs.search_experiments(filter_string="name = 'first / one'")[0]
        run_id = theirs.search_runs([found.experiment_id])[0].info.run_id
        broken = pathlib.Path(source) / found.experiment_id / run_id / "meta.yaml"
        broken.write_text("status: [")
        done = metria("import", "mlflow", source, "--home", tmp_path / "home", check=False)
        assert done.returncode == 1
        told = json.loads(done.stdout)
        assert not told["same"] and any(run_id in problem for problem in told["problems"]), told
    assert metria("import", "mlflow", there / "nothing", "--home", tmp_path / "home", check=False).returncode == 1

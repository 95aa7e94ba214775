"""A Metria server of its own, and MLflow's client pointed at it by nothing but its URL."""

import json
import os
import subprocess

import mlflow
import pytest
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    command = [os.environ["METRIA_BIN"], "server", "--home", str(home), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        text = ""
        while "}" not in text:
            line = process.stdout.readline()
            assert line, f"the server ended before it said where it listens: {text}"
            text += line
        yield json.loads(text)["url"]
        process.terminate()
        assert process.wait(timeout=60) == 0


@pytest.fixture(scope="session", autouse=True)
def pointed_at(server):
    mlflow.set_tracking_uri(server)
    mlflow.set_registry_uri(server)


@pytest.fixture
def client():
    return MlflowClient()


@pytest.fixture
def experiment(client, request):
    """An experiment of the test's own, made the active one."""
    experiment_id = client.create_experiment(f"experiment of {request.node.name}")
    mlflow.set_experiment(experiment_id=experiment_id)
    return experiment_id

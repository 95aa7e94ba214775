"""A Metria server, MLflow's own server, and MLflow's client pointed at the first by nothing but its URL."""

import os
import uuid

import mlflow
import pytest
import servers
from mlflow import MlflowClient


def pytest_addoption(parser):
    parser.addoption(
        "--store",
        choices=["sqlite", "postgres"],
        default="sqlite",
        help="where Metria keeps its records: SQLite, with artifacts in a folder; or the database of METRIA_TEST_POSTGRES "
        "(scripts/with-postgres), with artifacts in the bucket of METRIA_TEST_S3 (scripts/with-s3) if that is set",
    )


def storage(config):
    """The URLs of records and artifacts; nothing where they are in the home."""
    if config.getoption("--store") == "sqlite":
        return None, None
    if "METRIA_TEST_POSTGRES" not in os.environ:
        pytest.exit("--store postgres needs METRIA_TEST_POSTGRES; scripts/with-postgres COMMAND sets it", returncode=4)
    bucket = os.environ.get("METRIA_TEST_S3")
    return os.environ["METRIA_TEST_POSTGRES"], bucket and f"{bucket}/{uuid.uuid4().hex}"


def pytest_report_header(config):
    records, artifacts = storage(config)
    return f"MLflow {mlflow.__version__}; records: {records or 'SQLite'}; artifacts: {artifacts or 'a folder'}"


@pytest.fixture(scope="session")
def server(tmp_path_factory, pytestconfig):
    """Metria."""
    with servers.metria(tmp_path_factory.mktemp("home"), *storage(pytestconfig)) as url:
        yield url


@pytest.fixture(scope="session")
def stock_server(tmp_path_factory):
    """MLflow's own server."""
    with servers.stock(tmp_path_factory.mktemp("stock")) as url:
        yield url


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

"""Artifacts through the real client: in parts, by signed addresses, on a folder and on an S3 server."""

import json
import os
import subprocess
import uuid

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

MIB = 1024 * 1024
CLIENT_3 = int(mlflow.__version__.split(".")[0]) >= 3


def start(home, root):
    command = [os.environ["METRIA_BIN"], "server", "--home", str(home), "--artifacts", root, "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    text = ""
    while "}" not in text:
        line = process.stdout.readline()
        assert line, f"the server ended before it said where it listens: {text}"
        text += line
    return process, json.loads(text)["url"]


@pytest.fixture(scope="module", params=["folder", "s3"])
def root(request, tmp_path_factory):
    """A root of each kind."""
    if request.param == "folder":
        return str(tmp_path_factory.mktemp("root"))
    bucket = os.environ.get("METRIA_TEST_S3")
    assert bucket, "METRIA_TEST_S3: this test needs an S3 server; run `make test` or `scripts/with-s3 python -m pytest`"
    return f"{bucket}/py-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def rooted(root, tmp_path_factory):
    """A server of its own over the root, and the client pointed at it."""
    process, url = start(tmp_path_factory.mktemp("home"), root)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    yield url
    mlflow.set_tracking_uri(before)
    mlflow.set_registry_uri(before)
    process.terminate()
    assert process.wait(timeout=60) == 0


@pytest.fixture
def run(rooted):
    client = MlflowClient()
    return client.create_run(client.create_experiment(uuid.uuid4().hex))


@pytest.fixture
def parts(monkeypatch):
    """Uploads in parts of 5 MiB, and the numbers of those that were sent."""
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(6 * MIB))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * MIB))
    sent = []
    send = HttpArtifactRepository._upload_part

    def spy(credential, local_file, size, start_byte):
        part = send(credential, local_file, size, start_byte)
        sent.append((part.part_number, part.etag))
        return part

    monkeypatch.setattr(HttpArtifactRepository, "_upload_part", staticmethod(spy))
    return sent


def fetch(run, path, folder):
    return mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path=path, dst_path=str(folder))


def test_a_large_file_goes_up_in_parts(run, parts, tmp_path):
    client = MlflowClient()
    content = os.urandom(12 * MIB + 5)
    large = tmp_path / "weights (1).bin"
    large.write_bytes(content)
    (tmp_path / "small.txt").write_text("small")
    client.log_artifact(run.info.run_id, str(large), "model/data")
    client.log_artifact(run.info.run_id, str(tmp_path / "small.txt"))
    assert sorted(number for number, _ in parts) == [1, 2, 3]
    assert all(etag for _, etag in parts)
    listed = client.list_artifacts(run.info.run_id, "model/data")
    assert [(info.path, info.file_size) for info in listed] == [("model/data/weights (1).bin", len(content))]
    with open(fetch(run, "model/data/weights (1).bin", tmp_path / "back"), "rb") as file:
        assert file.read() == content
    assert [info.path for info in client.list_artifacts(run.info.run_id)] == ["model", "small.txt"]


def test_an_upload_that_fails_is_given_up(run, parts, monkeypatch, tmp_path, root):
    send = HttpArtifactRepository._upload_part

    def broken(credential, local_file, size, start_byte):
        if credential.part_number == 2:
            raise ConnectionError("the cable was pulled")
        return send(credential, local_file, size, start_byte)

    monkeypatch.setattr(HttpArtifactRepository, "_upload_part", staticmethod(broken))
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(11 * MIB))
    client = MlflowClient()
    with pytest.raises(Exception, match="Failed to upload at least one part"):
        client.log_artifact(run.info.run_id, str(large))
    assert client.list_artifacts(run.info.run_id) == []
    if not root.startswith("s3:"):
        assert os.listdir(os.path.join(root, ".metria-uploads")) == []


@pytest.mark.skipif(not CLIENT_3, reason="clients before 3.0 have no downloads in parts")
def test_a_large_file_comes_down_in_parts(run, monkeypatch, tmp_path, root):
    content = os.urandom(3 * MIB + 11)
    (tmp_path / "large.bin").write_bytes(content)
    client = MlflowClient()
    client.log_artifact(run.info.run_id, str(tmp_path / "large.bin"))
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(MIB))
    calls = []
    in_parts = HttpArtifactRepository._multipart_download
    spy = lambda self, *args, **kwargs: (calls.append(kwargs["file_size"]), in_parts(self, *args, **kwargs))  # noqa: E731
    monkeypatch.setattr(HttpArtifactRepository, "_multipart_download", spy)
    with open(fetch(run, "large.bin", tmp_path / "back"), "rb") as file:
        assert file.read() == content
    # A folder has no signed addresses; the client takes the 501 for that and fetches it whole.
    assert calls == ([len(content)] if root.startswith("s3:") else [])


def test_files_folders_and_deletion(run, tmp_path):
    client = MlflowClient()
    for name in ["a.txt", "sub/b.txt", "sub/deep/c.txt"]:
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    client.log_artifacts(run.info.run_id, str(tmp_path / "out"), "logged")
    client.log_text(run.info.run_id, "words", "logged/words.txt")
    client.log_dict(run.info.run_id, {"a": [1, 2]}, "config.json")
    names = lambda path=None: [info.path for info in client.list_artifacts(run.info.run_id, path)]  # noqa: E731
    assert names() == ["config.json", "logged"]
    assert names("logged") == ["logged/a.txt", "logged/sub", "logged/words.txt"]
    assert names("logged/a.txt") == []
    back = fetch(run, "logged", tmp_path / "back")
    assert sorted(os.path.relpath(os.path.join(at, file), back) for at, _, files in os.walk(back) for file in files) == [
        "a.txt",
        "sub/b.txt",
        "sub/deep/c.txt",
        "words.txt",
    ]
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/logged/words.txt") == "words"
    repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(run.info.artifact_uri)
    repository.delete_artifacts("logged/sub")
    assert names("logged") == ["logged/a.txt", "logged/words.txt"]
    repository.delete_artifacts("logged/nothing")


def test_a_version_of_files_on_our_own_root(run, root, rooted, tmp_path):
    client = MlflowClient()
    client.log_text(run.info.run_id, "flavors: {}\n", "model/MLmodel")
    name = f"model {uuid.uuid4().hex[:6]}"
    client.create_registered_model(name)
    sources = [f"{run.info.artifact_uri}/model"]
    if root.startswith("s3:"):
        sources.append(f"{root}/{run.info.experiment_id}/{run.info.run_id}/artifacts/model")
    for source in sources:
        version = client.create_model_version(name, source, run.info.run_id)
        assert version.source == source
        uri = client.get_model_version_download_uri(name, version.version)
        assert uri == f"{run.info.artifact_uri}/model"
        local = mlflow.artifacts.download_artifacts(f"models:/{name}/{version.version}", dst_path=str(tmp_path / version.version))
        assert open(os.path.join(local, "MLmodel")).read() == "flavors: {}\n"
        answer = requests.get(
            f"{rooted}/model-versions/get-artifact", {"name": name, "version": version.version, "path": "MLmodel"}
        )
        assert answer.text == "flavors: {}\n"


def test_signed_addresses(run, root, rooted):
    client = MlflowClient()
    client.log_text(run.info.run_id, "hello", "words.txt")
    ask = lambda call, **fields: requests.post(  # noqa: E731
        f"{rooted}/api/2.0/mlflow/artifacts/presigned-{call}-url", json={"run_id": run.info.run_id, **fields}
    )
    answers = [ask("download", path="words.txt"), ask("upload", path="sent.txt", expiration=60)]
    path = f"{run.info.experiment_id}/{run.info.run_id}/artifacts/words.txt"
    answers.append(requests.get(f"{rooted}/api/2.0/mlflow-artifacts/presigned/{path}"))
    if not root.startswith("s3:"):
        for answer in answers:
            assert (answer.status_code, answer.json()["error_code"]) == (501, "NOT_IMPLEMENTED")
            assert "is not supported for the current artifact repository" in answer.json()["message"]
        return
    down, up, proxied = [answer.json() for answer in answers]
    assert down["file_size"] == proxied["file_size"] == 5
    assert requests.get(down["presigned_url"]).text == requests.get(proxied["url"]).text == "hello"
    assert requests.put(up["presigned_url"], data=b"sent").ok
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/sent.txt") == "sent"
    assert ask("download", path="nothing").status_code == 404
    for wrong in [{"path": "words.txt", "expiration": 0}, {"path": "../x"}, {}]:
        assert ask("download", **wrong).json()["error_code"] == "INVALID_PARAMETER_VALUE"


def test_an_upload_of_the_page(run, rooted):
    send = lambda data, **fields: requests.post(  # noqa: E731
        f"{rooted}/ajax-api/2.0/mlflow/upload-artifact", params={"run_uuid": run.info.run_id, **fields}, data=data
    )
    assert send(b"\x00\x01", path="notes/a.bin").status_code == 200
    assert [info.path for info in MlflowClient().list_artifacts(run.info.run_id, "notes")] == ["notes/a.bin"]
    for answer, message in [
        (send(b"x"), "Request must specify path."),
        (send(b"", path="a"), "Request must specify data."),
        (send(b"x" * (10 * MIB + 1), path="a"), "Artifact size is too large. Max size is 10MB."),
        (send(b"x", path="../a"), None),
    ]:
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message is None or answer.json()["message"] == message

"""Webhooks through the client of 3.x, told to a receiver that checks signatures as MLflow's documentation shows."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import queue
import subprocess
import threading
import time

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

if mlflow.__version__.startswith("2."):
    pytest.skip("clients before 3.3 have no webhooks", allow_module_level=True)

SECRET = "a secret of the test's own"
LOOSE = {"METRIA_WEBHOOKS_ALLOW_PRIVATE": "true", "METRIA_WEBHOOKS_SCHEMES": "https,http"}


class Receiver:
    """An HTTP server that keeps what it is told and answers with the statuses it is given, then 200."""

    def __init__(self):
        self.told, self.statuses, self.headers = queue.Queue(), [], {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.told.put((self.path, self.headers, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"thank you")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def next(self, timeout=30):
        path, headers, body = self.told.get(timeout=timeout)
        return path, headers, json.loads(body), body

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@contextlib.contextmanager
def serving(home, variables):
    """A server of its own, that says where it listens."""
    command = [os.environ["METRIA_BIN"], "server", "--home", str(home), "--port", "0", "--json"]
    environment = {**os.environ, **variables}
    log = open(home / "server.log", "ab")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process:
        text = ""
        while "}" not in text:
            line = process.stdout.readline()
            assert line, f"the server ended before it said where it listens: {text}"
            text += line
        url = json.loads(text)["url"]
        yield MlflowClient(url, url), process
        if process.poll() is None:
            process.terminate()
            assert process.wait(timeout=60) == 0
    log.close()


@pytest.fixture(scope="module")
def loose(tmp_path_factory):
    """A client of a server that tells webhooks on this machine."""
    with serving(tmp_path_factory.mktemp("loose"), LOOSE) as (client, _):
        yield client


def refused(code, call, *arguments, **named):
    with pytest.raises(MlflowException) as caught:
        call(*arguments, **named)
    assert caught.value.error_code == code, caught.value
    return str(caught.value)


def check_signature(headers, body):
    signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["X-MLflow-Signature"] == f"v1,{expected}"
    assert abs(time.time() - int(headers["X-MLflow-Timestamp"])) < 60


def test_a_webhook_s_life(loose, receiver):
    events = ["model_version.created", "registered_model.created"]
    made = loose.create_webhook("life", receiver.url("life"), events, description="about", secret=SECRET)
    assert (made.name, str(made.status), made.description) == ("life", "ACTIVE", "about")
    assert [str(event) for event in made.events] == events and made.secret is None
    found = loose.get_webhook(made.webhook_id)
    assert (found.url, found.creation_timestamp) == (receiver.url("life"), made.creation_timestamp)
    changed = loose.update_webhook(made.webhook_id, name="other", events=["prompt.created"], status="DISABLED")
    assert (changed.name, changed.url, str(changed.status)) == ("other", found.url, "DISABLED")
    assert [str(event) for event in changed.events] == ["prompt.created"] and changed.description == "about"
    others = [loose.create_webhook(f"more-{number}", receiver.url("x"), ["prompt.created"]) for number in range(3)]
    page = loose.list_webhooks(max_results=2)
    rest = loose.list_webhooks(max_results=100, page_token=page.token)
    ids = [webhook.webhook_id for webhook in [*page, *rest]]
    assert len(page) == 2 and ids == [webhook.webhook_id for webhook in [*others[::-1], made]]
    for webhook in [made, *others]:
        loose.delete_webhook(webhook.webhook_id)
    refused("RESOURCE_DOES_NOT_EXIST", loose.get_webhook, made.webhook_id)
    refused("RESOURCE_DOES_NOT_EXIST", loose.delete_webhook, made.webhook_id)


def test_every_event_of_models(loose, receiver):
    events = ["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted",
              "model_version_alias.created", "model_version_alias.deleted"]
    webhook = loose.create_webhook("models", receiver.url("models"), events, secret=SECRET)

    def told(event, data):
        path, headers, said, body = receiver.next()
        assert (path, headers["Content-Type"]) == ("/models", "application/json")
        check_signature(headers, body)
        assert f"{said['entity']}.{said['action']}" == event and set(said) == {"entity", "action", "timestamp", "data"}
        assert said["data"] == data

    loose.create_registered_model("m", tags={"a": "1"}, description="d")
    told("registered_model.created", {"name": "m", "tags": {"a": "1"}, "description": "d"})
    loose.create_model_version("m", "s3://bucket/m", tags={"b": "2"})
    source = {"name": "m", "version": "1", "source": "s3://bucket/m", "run_id": None, "tags": {"b": "2"}}
    told("model_version.created", {**source, "description": None})
    loose.set_model_version_tag("m", "1", "k", "v")
    told("model_version_tag.set", {"name": "m", "version": "1", "key": "k", "value": "v"})
    loose.delete_model_version_tag("m", "1", "k")
    told("model_version_tag.deleted", {"name": "m", "version": "1", "key": "k"})
    loose.set_registered_model_alias("m", "best", 1)
    told("model_version_alias.created", {"name": "m", "alias": "best", "version": "1"})
    loose.delete_registered_model_alias("m", "best")
    told("model_version_alias.deleted", {"name": "m", "alias": "best"})

    loose.set_registered_model_tag("m", "k", "v")
    loose.create_prompt("not-a-model")
    loose.update_webhook(webhook.webhook_id, status="DISABLED")
    loose.create_registered_model("unheard")
    loose.update_webhook(webhook.webhook_id, status="ACTIVE")
    loose.create_registered_model("heard")
    told("registered_model.created", {"name": "heard", "tags": {}, "description": ""})
    loose.delete_webhook(webhook.webhook_id)


def test_every_event_of_prompts(loose, receiver):
    events = ["prompt.created", "prompt_version.created", "prompt_tag.set", "prompt_tag.deleted",
              "prompt_version_tag.set", "prompt_version_tag.deleted", "prompt_alias.created", "prompt_alias.deleted"]
    webhook = loose.create_webhook("prompts", receiver.url("prompts"), events)

    def told(event, data):
        _, headers, said, _ = receiver.next()
        assert "X-MLflow-Signature" not in headers and headers["X-MLflow-Delivery-Id"]
        assert (f"{said['entity']}.{said['action']}", said["data"]) == (event, data)

    loose.create_prompt("p", description="d", tags={"a": "1"})
    told("prompt.created", {"name": "p", "tags": {"a": "1"}, "description": "d"})
    loose.create_prompt_version("p", "Hello {{name}}!", description="first", tags={"b": "2"})
    said = {"name": "p", "version": "1", "template": "Hello {{name}}!", "tags": {"b": "2"}, "description": "first"}
    told("prompt_version.created", said)
    loose.set_prompt_tag("p", "k", "v")
    told("prompt_tag.set", {"name": "p", "key": "k", "value": "v"})
    loose.delete_prompt_tag("p", "k")
    told("prompt_tag.deleted", {"name": "p", "key": "k"})
    loose.set_prompt_version_tag("p", 1, "k", "v")
    told("prompt_version_tag.set", {"name": "p", "version": "1", "key": "k", "value": "v"})
    loose.delete_prompt_version_tag("p", 1, "k")
    told("prompt_version_tag.deleted", {"name": "p", "version": "1", "key": "k"})
    loose.set_prompt_alias("p", "best", 1)
    told("prompt_alias.created", {"name": "p", "alias": "best", "version": "1"})
    loose.delete_prompt_alias("p", "best")
    told("prompt_alias.deleted", {"name": "p", "alias": "best"})
    loose.delete_webhook(webhook.webhook_id)


def test_a_failed_delivery_is_tried_again(loose, receiver):
    webhook = loose.create_webhook("again", receiver.url("again"), ["registered_model.created"], secret=SECRET)
    receiver.statuses = [503, 500]
    loose.create_registered_model("tried")
    tries = [receiver.next() for _ in range(3)]
    assert len({headers["X-MLflow-Delivery-Id"] for _, headers, _, _ in tries}) == 1
    for _, headers, said, body in tries:
        check_signature(headers, body)
        assert said["data"]["name"] == "tried"
    # What is refused is not tried again, and neither is a redirect followed.
    receiver.statuses, receiver.headers = [404, 307], {"Location": receiver.url("elsewhere")}
    loose.create_registered_model("refused")
    loose.create_registered_model("redirected")
    assert {receiver.next()[2]["data"]["name"] for _ in range(2)} == {"refused", "redirected"}
    receiver.headers = {}
    loose.create_registered_model("after")
    assert receiver.next()[2]["data"]["name"] == "after"
    loose.delete_webhook(webhook.webhook_id)


def test_trying_a_webhook_out(loose, receiver):
    webhook = loose.create_webhook("trial", receiver.url("trial"), ["prompt_tag.set", "prompt.created"], secret=SECRET)
    result = loose.test_webhook(webhook.webhook_id)
    assert (result.success, result.response_status, result.response_body) == (True, 200, "thank you")
    _, headers, said, body = receiver.next()
    check_signature(headers, body)
    assert said["data"] == {"name": "example_prompt", "key": "example_key", "value": "example_value"}
    receiver.statuses = [418]
    result = loose.test_webhook(webhook.webhook_id, "model_version.created")
    assert (result.success, result.response_status) == (False, 418)
    assert receiver.next()[2]["entity"] == "model_version"
    receiver.close()
    result = loose.test_webhook(webhook.webhook_id)
    assert not result.success and "Failed to test webhook" in result.error_message
    loose.delete_webhook(webhook.webhook_id)


def test_what_waits_outlives_the_server(tmp_path, receiver):
    """A server is killed while its receiver is away; the next one tells what is left, under the same id."""
    receiver.statuses = [503] * 50
    variables = {**LOOSE, "METRIA_WEBHOOKS_TIMEOUT_SECONDS": "1", "METRIA_WEBHOOKS_MAX_RETRIES": "20"}
    with serving(tmp_path, variables) as (client, process):
        client.create_webhook("kept", receiver.url("kept"), ["registered_model.created"], secret=SECRET)
        client.create_registered_model("kept")
        first = receiver.next()
        process.kill()
        process.wait(timeout=60)
    receiver.statuses = []
    with serving(tmp_path, variables):
        _, headers, said, body = receiver.next(timeout=90)
        check_signature(headers, body)
        assert said["data"]["name"] == "kept"
        assert headers["X-MLflow-Delivery-Id"] == first[1]["X-MLflow-Delivery-Id"]


def test_secrets_stay_secret(tmp_path, receiver):
    with serving(tmp_path, {**LOOSE, "METRIA_LOG_FILTER": "debug"}) as (client, _):
        url = client._tracking_client.tracking_uri
        made = client.create_webhook("sealed", receiver.url("sealed"), ["registered_model.created"], secret=SECRET)
        for answer in [
            requests.get(f"{url}/api/2.0/mlflow/webhooks", timeout=30),
            requests.get(f"{url}/api/2.0/mlflow/webhooks/{made.webhook_id}", timeout=30),
            requests.patch(f"{url}/api/2.0/mlflow/webhooks/{made.webhook_id}", json={"secret": SECRET}, timeout=30),
        ]:
            assert answer.status_code == 200 and "secret" not in answer.text
        client.create_registered_model("signed")
        _, headers, _, body = receiver.next()
        check_signature(headers, body)
        client.update_webhook(made.webhook_id, secret="")
        client.create_registered_model("unsigned")
        assert "X-MLflow-Signature" not in receiver.next()[1]
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file
    assert (tmp_path / "webhooks.key").stat().st_mode & 0o077 == 0


def test_where_webhooks_may_be(client, loose):
    """As the server is set by default: public addresses by https only."""
    make = lambda url: client.create_webhook("where", url, ["prompt.created"])
    for url in ["http://8.8.8.8/", "ftp://8.8.8.8/", "https://127.0.0.1/", "https://localhost/", "https://[::1]/",
                "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://2130706433/", "no url", "https://"]:
        refused("INVALID_PARAMETER_VALUE", make, url)
    made = make("https://8.8.8.8/hook")
    refused("INVALID_PARAMETER_VALUE", client.update_webhook, made.webhook_id, url="https://192.168.0.1/")
    client.delete_webhook(made.webhook_id)
    for name in ["", "-a", "a b", "x" * 64]:
        refused("INVALID_PARAMETER_VALUE", loose.create_webhook, name, "https://8.8.8.8/", ["prompt.created"])


def test_events_that_there_are_not(loose):
    url = loose._tracking_client.tracking_uri
    create = lambda events: requests.post(
        f"{url}/api/2.0/mlflow/webhooks", timeout=30, json={"name": "n", "url": "https://8.8.8.8/", "events": events}
    )
    for events in [[], [{"entity": "PROMPT", "action": "UPDATED"}], [{"entity": "X", "action": "CREATED"}], [{}], "x"]:
        answer = create(events)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), events

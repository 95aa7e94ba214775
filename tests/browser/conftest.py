"""A home that `metria demo` filled twice, a server over it, and a headless Chromium."""

import contextlib
import json
import os
import shutil
import subprocess
import urllib.request

import pytest
from selenium import webdriver

METRIA = os.environ["METRIA_BIN"]


def metria(*arguments):
    return subprocess.run([METRIA, *arguments], capture_output=True, text=True, check=True, timeout=300).stdout


class Api:
    def __init__(self, url):
        self.url = url

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body):
        return self.call("POST", path, body)

    def patch(self, path, body):
        return self.call("PATCH", path, body)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}", data, {"content-type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def run(self, experiment_id, name, metrics=(), params=None, tags=None, **more):
        """A run with what was logged to it; its id."""
        run = self.post("/runs", {"experiment_id": experiment_id, "run_name": name, **more})
        pairs = lambda given: [{"key": key, "value": value} for key, value in (given or {}).items()]
        self.post(
            f"/runs/{run['run_id']}/log",
            {"metrics": [point(*metric) for metric in metrics], "params": pairs(params), "tags": pairs(tags)},
        )
        return run["run_id"]

    def upload(self, run_id, path, content):
        """A file of a run, as MLflow's clients send it."""
        experiment = self.get(f"/runs/{run_id}")["experiment_id"]
        place = f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run_id}/artifacts/{path}"
        request = urllib.request.Request(place, content, method="PUT")
        urllib.request.urlopen(request, timeout=60).close()


def point(key, value, step=0, timestamp_ms=None):
    return {"key": key, "value": value, "step": step, "timestamp_ms": timestamp_ms or 1_700_000_000_000 + step * 1000}


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    home = str(tmp_path_factory.mktemp("home"))
    metria("demo", "--home", home, "--json")
    metria("demo", "--home", home, "--json", "--set", "n_estimators=20", "--set", "max_depth=2")
    return home


@contextlib.contextmanager
def serving(home):
    process = subprocess.Popen(
        [METRIA, "server", "--home", home, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    )
    text = ""
    while True:
        line = process.stdout.readline()
        assert line, f"the server ended before it said where it listens: {text}"
        text += line
        try:
            url = json.loads(text)["url"]
            break
        except json.JSONDecodeError:
            continue
    yield url
    process.terminate()
    assert process.wait(timeout=60) == 0


@pytest.fixture(scope="session")
def server(home):
    with serving(home) as url:
        yield url


@pytest.fixture
def another_server(home):
    """The API of a second server over the same home."""
    with serving(home) as url:
        yield Api(url)


@pytest.fixture(scope="session")
def api(server):
    return Api(server)


@pytest.fixture
def open_page(browser, server):
    """Opens a page, and at the end of the test fails on anything that the browser complained about."""
    browser.get_log("browser")

    def open_page(path):
        browser.get(server + path)
        return browser

    yield open_page
    complaints = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    assert complaints == []


@pytest.fixture(scope="session")
def experiment(api):
    found = api.get("/experiments?name=german-credit")
    assert len(found) == 1
    return found[0]["experiment_id"]


@pytest.fixture(scope="session")
def runs(api, experiment):
    runs = api.get(f"/runs?experiment_ids={experiment}")["items"]
    assert len(runs) == 2
    return runs


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1400,1000",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chromedriver = shutil.which("chromedriver")
    assert chromedriver, "chromedriver is missing; `make test` installs it"
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()

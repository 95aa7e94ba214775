"""A home that `metria demo` filled twice, a server over it, and a headless Chromium."""

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
        with urllib.request.urlopen(f"{self.url}/api/v1{path}", timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    home = str(tmp_path_factory.mktemp("home"))
    metria("demo", "--home", home, "--json")
    metria("demo", "--home", home, "--json", "--set", "n_estimators=20", "--set", "max_depth=2")
    return home


@pytest.fixture(scope="session")
def server(home):
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
def api(server):
    return Api(server)


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

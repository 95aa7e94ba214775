"""Starts the servers that the tests talk to: Metria, and MLflow's own."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request


@contextlib.contextmanager
def metria(home, store=None, artifacts=None):
    """Metria on a home of its own, with records and artifacts there or at the URLs that are given; its own URL."""
    command = [os.environ["METRIA_BIN"], "server", "--home", str(home), "--port", "0", "--json"]
    environment = dict(os.environ)
    if store:
        environment["METRIA_STORE_URL"] = store
    if artifacts:
        environment["METRIA_ARTIFACTS_ROOT"] = artifacts
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        text = ""
        while "}" not in text:
            line = process.stdout.readline()
            assert line, f"the server ended before it said where it listens: {text}"
            text += line
        try:
            yield json.loads(text)["url"]
        finally:
            process.terminate()
            code = process.wait(timeout=60)
        assert code == 0, f"the server ended with {code}"


@contextlib.contextmanager
def stock(folder):
    """MLflow's own server of the version that is installed here, with one worker, on SQLite; its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    folder = pathlib.Path(folder)
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts")]
    url = f"http://127.0.0.1:{port}"
    with open(folder / "server.log", "wb") as log:
        # A group of its own: the server's workers are children that outlive a parent that is only terminated.
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=folder)
        try:
            _wait(url, process, folder / "server.log")
            yield url
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def _wait(url, process, log):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, f"MLflow's server ended: {log.read_text()[-2_000:]}"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"MLflow's server did not answer in two minutes: {log.read_text()[-2_000:]}")

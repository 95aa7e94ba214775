"""Tracking beside MLflow's own server: the same requests to both, over HTTP, each with its records in SQLite.

`--workers 1` is one process; the default is four. Both servers write to a disk of the same machine and are asked by one
program (`bench_http`) or one Python process that keeps its connections.
"""

import contextlib
import hashlib
import http.client
import json
import pathlib
import shutil
import socket
import sqlite3
import statistics
import sys
import time

import measure
from common import Different, entry, median, say

API = "/api/2.0/mlflow/"
PROXY = "/api/2.0/mlflow-artifacts/artifacts/"
ONE = "mlflow server --workers 1"
DEFAULT = "mlflow server (4 workers)"
START_MS = 1_700_000_000_000
CLIENT = pathlib.Path(__file__).parent / "tracking_client.py"


class Client:
    """One kept connection to a server."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method, path, body=None):
        """The seconds and the JSON of an answer."""
        text = None if body is None else json.dumps(body)
        start = time.perf_counter()
        self.connection.request(method, path, text, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = response.read()
        seconds = time.perf_counter() - start
        if response.status != 200:
            raise measure.Failed(f"{method} {path} was answered with {response.status}: {answer[:300]}")
        return seconds, json.loads(answer)

    def post(self, path, **body):
        return self.ask("POST", API + path, body)[1]

    def experiment(self, name):
        return self.post("experiments/create", name=name)["experiment_id"]

    def run(self, experiment_id, name="r"):
        return self.post("runs/create", experiment_id=experiment_id, run_name=name, start_time=START_MS)["run"]["info"]["run_id"]


@contextlib.contextmanager
def metria(bench, home):
    port = measure.free_port()
    command = [bench.bin / "metria", "server", "--home", home, "--port", port]
    with measure.server(command, port, bench.scratch / "metria.log") as (process, seconds):
        yield port, process.pid, seconds


@contextlib.contextmanager
def mlflow(bench, folder, workers=1):
    folder.mkdir(parents=True, exist_ok=True)
    port = measure.free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", folder / "artifacts"]
    command += ["--workers", workers] if workers else []
    with measure.server(command, port, bench.scratch / "mlflow.log") as (process, seconds):
        yield port, process.pid, seconds


def sides(bench, default=False):
    """How to start each server on a fresh home."""
    fresh = lambda name: bench.scratch / f"tracking-{name}-{time.monotonic_ns()}"
    made = {"metria": lambda: metria(bench, fresh("metria")), ONE: lambda: mlflow(bench, fresh("mlflow"))}
    if default:
        made[DEFAULT] = lambda: mlflow(bench, fresh("mlflow"), None)
    return made


def compared(results, what, key, unit, peer, **more):
    return entry(what, median(results["metria"], key), peer, median(results[peer], key), unit, **more)


# Writes


def write_bodies(bench, experiment_id):
    """What is sent: path and body, with a new number in each request."""
    metric = lambda key: f'{{"key": "{key}", "value": 0.5, "timestamp": {START_MS}, "step": @N@}}'
    batch = lambda count: '{"run_id": "@LINE@", "metrics": [' + ", ".join(metric(f"m{place}") for place in range(count)) + "]}"
    bodies = {
        "create run": (
            "runs/create",
            f'{{"experiment_id": "{experiment_id}", "run_name": "run @N@", "start_time": {START_MS}, '
            '"tags": [{"key": "mlflow.user", "value": "bench"}]}',
        ),
        "log-metric": ("runs/log-metric", '{"run_id": "@LINE@", "key": "loss", "value": 0.5, "timestamp": 1700000000000, "step": @N@}'),
        "log-batch of 10": ("runs/log-batch", batch(10)),
        "log-batch of 1,000": ("runs/log-batch", batch(1_000)),
    }
    paths = {}
    for name, (path, body) in bodies.items():
        file = bench.scratch / f"{name.replace(' ', '-')}.json"
        file.write_text(body)
        paths[name] = (API + path, file)
    return paths


def same_writes(port, client, experiment_id):
    """What one of each request leaves behind."""
    run_id = client.run(experiment_id, "same")
    client.post("runs/log-metric", run_id=run_id, key="loss", value=0.5, timestamp=START_MS, step=1)
    client.post("runs/log-batch", run_id=run_id, metrics=[{"key": f"m{n}", "value": n, "timestamp": START_MS, "step": n} for n in range(1_000)])
    run = client.ask("GET", f"{API}runs/get?run_id={run_id}")[1]["run"]
    metrics = sorted((metric["key"], metric["value"], metric["step"]) for metric in run["data"]["metrics"])
    return run["info"]["run_name"], run["info"]["status"], metrics


def writes(bench):
    """tracking-writes: create run, log-metric, batches, over 1 and 16 connections."""
    seconds = 0.5 if bench.quick else 3.0
    turns = {"metria": 1 if bench.quick else 2, ONE: 1 if bench.quick else 2, DEFAULT: 1}
    results, same, failed = {}, {}, {}
    for turn in range(max(turns.values())):
        for side, make in sides(bench, default=not bench.quick).items():
            if turn >= turns[side]:
                continue
            with make() as (port, pid, _):
                client = Client(port)
                experiment_id = client.experiment("bench")
                same[side] = same_writes(port, client, experiment_id)
                lines = bench.scratch / "runs.txt"
                lines.write_text("\n".join(client.run(experiment_id) for _ in range(16)))
                result = {}
                for name, (path, body) in write_bodies(bench, experiment_id).items():
                    for connections in [1, 16]:
                        before = measure.tree_cpu_s(pid)
                        load = bench.ours("bench_http", f"127.0.0.1:{port}", path, body, connections, seconds, lines)
                        used = measure.tree_cpu_s(pid) - before
                        result |= {f"{key} {name} {connections}": load[key] for key in ["requests_per_s", "p50_ms", "p99_ms"]}
                        result[f"cpu_ms {name} {connections}"] = used / load["requests"] * 1e3
                        failed[side] = failed.get(side, 0) + load["failed"]
                        say(f"tracking-writes: {side}: {name}, {connections}: {load['requests_per_s']:,.1f}/s, {load['failed']} failed")
                results.setdefault(side, []).append(result)
    if any(answer != same["metria"] for answer in same.values()):
        raise Different("tracking-writes: what was written is not what is read back from the other")
    entries = []
    for name in ["create run", "log-metric", "log-batch of 10", "log-batch of 1,000"]:
        for connections in [1, 16]:
            what = f"{name}, {connections} connection{'s' * (connections > 1)}"
            aim = {"aim": ">= 50x", "least": 50.0, "higher_is_better": True}
            entries.append(compared(results, f"{what}: requests", f"requests_per_s {name} {connections}", "/s", ONE, **aim))
            if DEFAULT in results:
                entries.append(compared(results, f"{what}: requests", f"requests_per_s {name} {connections}", "/s", DEFAULT, higher_is_better=True))
            for key, words in [("p50_ms", "p50"), ("p99_ms", "p99"), ("cpu_ms", "CPU of the server a request")]:
                entries.append(compared(results, f"{what}: {words}", f"{key} {name} {connections}", "ms", ONE))
    lost = ", ".join(f"{side} {count}" for side, count in failed.items() if count)
    return {
        "title": "Tracking: writes",
        "about": "Runs, metrics and batches of metrics over HTTP into a new home, each request another step; with 16 "
        "connections to 16 runs. An answer means that the write survives `kill -9`.",
        "entries": entries,
        "same": "a run with 1,001 metrics is read back alike.",
        "caveats": [
            "`bench_http` shares the two cores with the server; it is what limits nothing but the fastest rows.",
            f"Answers other than 200, which are not counted as requests: {lost or 'none'}.",
        ],
    }


# Search


def fill_mlflow(database, runs):
    """The runs of `fill_runs`, written straight into MLflow's tables."""
    uuid = lambda number: f"{number:032x}"
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time) "
            "VALUES (1, 'filled', 'mlflow-artifacts:/1', 'active', ?, ?)",
            (START_MS, START_MS),
        )
        columns = "run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, deleted_time, source_version, lifecycle_stage, artifact_uri, experiment_id"
        connection.executemany(
            f"INSERT INTO runs ({columns}) VALUES (?, ?, 'UNKNOWN', '', '', 'bench', 'FINISHED', ?, ?, NULL, '', 'active', ?, 1)",
            ((uuid(n), f"run-{n}", START_MS + n, START_MS + n + 1_000, f"mlflow-artifacts:/1/{uuid(n)}/artifacts") for n in range(runs)),
        )
        for key, value in [("m", lambda n: n * 7_919 % runs), ("loss", lambda n: n)]:
            rows = [(key, float(value(n)), START_MS + n, uuid(n)) for n in range(runs)]
            connection.executemany("INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, 0, 0)", rows)
            connection.executemany("INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, 0, 0)", rows)
        connection.executemany("INSERT INTO params (key, value, run_uuid) VALUES ('p', ?, ?)", (("xyz"[n % 3], uuid(n)) for n in range(runs)))
        connection.executemany("INSERT INTO params (key, value, run_uuid) VALUES ('depth', ?, ?)", ((str(n % 7), uuid(n)) for n in range(runs)))
        connection.executemany("INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.runName', ?, ?)", ((f"run-{n}", uuid(n)) for n in range(runs)))
        connection.executemany("INSERT INTO tags (key, value, run_uuid) VALUES ('team', ?, ?)", (("a" if n % 5 else "b", uuid(n)) for n in range(runs)))
    connection.close()


def filled_mlflow(bench, cache, runs):
    """A folder of MLflow's server with that many runs; filled once."""
    import mlflow as installed

    folder = cache / f"mlflow-{installed.__version__}-{runs}"
    if not (folder / "filled").exists():
        say(f"tracking-search: filling MLflow's tables with {runs:,} runs")
        shutil.rmtree(folder, ignore_errors=True)
        with mlflow(bench, folder):
            pass
        fill_mlflow(folder / "mlflow.db", runs)
        (folder / "filled").touch()
    return folder


def filled_metria(bench, cache, runs):
    """A home of Metria with that many runs; filled once for one build of `fill_runs`."""
    program = bench.bin / "examples" / "fill_runs"
    home = cache / f"metria-{hashlib.sha256(program.read_bytes()).hexdigest()[:12]}-{runs}"
    if not (home / "filled").exists():
        say(f"tracking-search: filling Metria with {runs:,} runs")
        for old in cache.glob(f"metria-*-{runs}"):
            shutil.rmtree(old)
        home.mkdir()
        start = time.perf_counter()
        measure.run_silent([program, f"sqlite:{home}/metria.db", runs])
        say(f"tracking-search: filled in {time.perf_counter() - start:.0f} s")
        (home / "filled").touch()
    return home


def search_side(server, runs, times):
    """Median and slowest of a number of searches, the server's CPU, and the names that were found."""
    question = {
        "experiment_ids": ["1"],
        "filter": f"metrics.m > {runs / 2} and params.p = 'y'",
        "order_by": ["metrics.m DESC"],
        "max_results": 100,
    }
    with server as (port, pid, _):
        client = Client(port)
        client.ask("GET", f"{API}experiments/get?experiment_id=1")
        before = measure.tree_cpu_s(pid)
        answers = [client.ask("POST", API + "runs/search", question) for _ in range(times)]
        used = measure.tree_cpu_s(pid) - before
    seconds = sorted(seconds for seconds, _ in answers)
    names = [run["info"]["run_name"] for run in answers[-1][1]["runs"]]
    # A first search finds nothing in the page cache of SQLite; it counts as the slowest.
    return {"p50_ms": statistics.median(seconds) * 1e3, "max_ms": seconds[-1] * 1e3, "cpu_ms": used / times * 1e3}, names


def search(bench, cache):
    """tracking-search: a page of 100 by a metric among 1,000 to 1,000,000 runs."""
    sizes = {1_000: 5, 10_000: 2} if bench.quick else {1_000: 20, 10_000: 5, 100_000: 1, 1_000_000: None}
    entries = []
    for runs, times in sizes.items():
        ours, names = search_side(metria(bench, filled_metria(bench, cache, runs)), runs, 20 if bench.quick else 100)
        say(f"tracking-search: metria, {runs:,} runs: p50 {ours['p50_ms']:.2f} ms")
        title = f"{runs:,} runs"
        if times is None:
            entries.append(entry(f"{title}: p50", ours["p50_ms"], "–", None, "ms", aim="< 50 ms", most=50.0))
            entries.append(entry(f"{title}: slowest of 100", ours["max_ms"], "–", None, "ms"))
            continue
        theirs, found = search_side(mlflow(bench, filled_mlflow(bench, cache, runs)), runs, times)
        say(f"tracking-search: mlflow, {runs:,} runs: p50 {theirs['p50_ms']:.1f} ms")
        if found != names or len(names) != 100:
            raise Different(f"tracking-search: other runs are found among {runs:,}, or in another order")
        entries.append(entry(f"{title}: p50", ours["p50_ms"], ONE, theirs["p50_ms"], "ms", aim=">= 50x", least=50.0))
        entries.append(entry(f"{title}: slowest", ours["max_ms"], ONE, theirs["max_ms"], "ms"))
        entries.append(entry(f"{title}: CPU of the server", ours["cpu_ms"], ONE, theirs["cpu_ms"], "ms"))
    return {
        "title": "Tracking: search",
        "about": "`metrics.m > x and params.p = 'y'` (a sixth of the runs), ordered by the metric, a page of 100 whole runs with "
        "two metrics, two params and two tags each.",
        "entries": entries,
        "same": "the same 100 names in the same order, at every size both have.",
        "caveats": [
            "The tables are filled beforehand, MLflow's by SQL and Metria's by its store, and kept in `bench/.cache`.",
            "One search of MLflow at 100,000 runs: it takes most of a minute.",
        ],
    }


# History


def history(bench):
    """tracking-history: 100,000 points of one metric, page by page as the client reads them."""
    points = 5_000 if bench.quick else 100_000
    results, series = {}, {}
    for side, make in sides(bench).items():
        with make() as (port, pid, _):
            client = Client(port)
            run_id = client.run(client.experiment("bench"))
            for first in range(0, points, 1_000):
                metrics = [{"key": "m", "value": step / 7, "timestamp": START_MS + step, "step": step} for step in range(first, first + 1_000)]
                client.post("runs/log-batch", run_id=run_id, metrics=metrics)
            for _ in range(1 if bench.quick else 3):
                before, start, token, found = measure.tree_cpu_s(pid), time.perf_counter(), None, []
                while token != "":
                    query = f"run_id={run_id}&metric_key=m&max_results=25000" + (f"&page_token={token}" if token else "")
                    answer = client.ask("GET", f"{API}metrics/get-history?{query}")[1]
                    found += answer["metrics"]
                    token = answer.get("next_page_token", "")
                wall = time.perf_counter() - start
                results.setdefault(side, []).append({"wall_s": wall, "cpu_s": measure.tree_cpu_s(pid) - before})
                say(f"tracking-history: {side}: {wall:.3f} s")
            series[side] = [(metric["step"], metric["value"]) for metric in found]
    if series["metria"] != series[ONE] or len(series[ONE]) != points:
        raise Different("tracking-history: the series differ")
    return {
        "title": "Tracking: a long history",
        "about": f"{points:,} measurements of one metric by `metrics/get-history` in pages of 25,000, read and parsed by one Python process.",
        "entries": [
            compared(results, "wall, with the client's parsing", "wall_s", "s", ONE, aim=">= 50x", least=50.0,
                     why="Parsing the JSON in Python is most of the time left."),
            compared(results, "CPU of the server", "cpu_s", "s", ONE, aim=">= 50x", least=50.0),
        ],  # fmt: skip
        "same": f"all {points:,} steps and values.",
        "caveats": [],
    }


# Artifacts


def upload(port, path, file):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    start = time.perf_counter()
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
    with open(file, "rb") as body:
        connection.request("PUT", path, body, headers)
        response = connection.getresponse()
        response.read()
    if response.status != 200:
        raise measure.Failed(f"PUT {path} was answered with {response.status}")
    return time.perf_counter() - start


def download(port, path):
    """The seconds, and the digest of what came, which is made outside of them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    start = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    parts = []
    while part := response.read(1 << 20):
        parts.append(part)
    seconds = time.perf_counter() - start
    return seconds, hashlib.sha256(b"".join(parts)).hexdigest()


def artifacts(bench):
    """tracking-artifacts: a large file up and down through the server."""
    megabytes = 10 if bench.quick else 100
    file = bench.scratch / "large.bin"
    block = hashlib.shake_256(b"large").digest(1 << 20)
    with open(file, "wb") as out:
        for place in range(megabytes):
            out.write(block[place:] + block[:place])
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    results = {}
    for side, make in sides(bench).items():
        with make() as (port, pid, _):
            time.sleep(1)
            idle = measure.tree_peak_mb(pid)
            for turn in range(1 if bench.quick else 3):
                before = measure.tree_cpu_s(pid)
                up = upload(port, f"{PROXY}bench/{turn}/large.bin", file)
                between = measure.tree_cpu_s(pid)
                down, got = download(port, f"{PROXY}bench/{turn}/large.bin")
                if got != digest:
                    raise Different(f"tracking-artifacts: {side} gives other bytes back than it got")
                results.setdefault(side, []).append(
                    {
                        "up": megabytes / up,
                        "down": megabytes / down,
                        "up_cpu": between - before,
                        "down_cpu": measure.tree_cpu_s(pid) - between,
                        "grown_mb": measure.tree_peak_mb(pid) - idle,
                        "peak_mb": measure.tree_peak_mb(pid),
                    }
                )
                say(f"tracking-artifacts: {side}: up {megabytes / up:.0f} MB/s, down {megabytes / down:.0f} MB/s")
    return {
        "title": "Tracking: artifacts",
        "about": f"A file of {megabytes} MiB through the server's artifact proxy into a local folder and back.",
        "entries": [
            compared(results, "upload", "up", "MiB/s", ONE, higher_is_better=True),
            compared(results, "upload, CPU of the server", "up_cpu", "s", ONE),
            compared(results, "download", "down", "MiB/s", ONE, higher_is_better=True),
            compared(results, "download, CPU of the server", "down_cpu", "s", ONE),
            compared(results, "peak memory of the server", "peak_mb", "MB", ONE),
            compared(results, "peak memory above that before the first upload", "grown_mb", "MB", ONE, aim="< 32 MB", most=32.0),
        ],
        "same": "SHA-256 of what came back.",
        "caveats": ["The client is a Python process on the same two cores; the file is in the page cache."],
    }


# A client's script


def script(bench):
    """tracking-client: MLflow's client logs 100 params, 1,000 metrics and 10 artifacts, call by call."""
    size = [10, 50, 2] if bench.quick else [100, 1_000, 10]
    results, same = {}, {}
    for side, make in sides(bench).items():
        with make() as (port, pid, _):
            before = measure.tree_cpu_s(pid)
            result = measure.run([sys.executable, CLIENT, f"http://127.0.0.1:{port}", *size])
            same[side] = result.pop("found")
            result["server_cpu_s"] = measure.tree_cpu_s(pid) - before
            results.setdefault(side, []).append(result)
            say(f"tracking-client: {side}: {result['wall_s']:.2f} s, of which the client computed {result['client_cpu_s']:.2f} s")
    if same["metria"] != same[ONE]:
        raise Different("tracking-client: what was logged is not read back alike")
    client = results["metria"][0]["client_cpu_s"]
    return {
        "title": "Tracking: a script of MLflow's client",
        "about": f"{size[0]} `log_param`, {size[1]} `log_metric` and {size[2]} `log_text`, one after another, with the client 3.17.2.",
        "entries": [
            compared(results, "the script, wall", "wall_s", "s", ONE),
            compared(results, "CPU of the client's process meanwhile", "client_cpu_s", "s", ONE),
            compared(results, "CPU of the server", "server_cpu_s", "s", ONE, aim=">= 50x", least=50.0),
        ],
        "same": "params, the last value and the length of the metric's history, and the names of the artifacts.",
        "caveats": [f"The client itself computes {client:.2f} s of the script's time; no server can make that less."],
    }


# Start


def start(bench):
    """tracking-start: from start to the first answer, and idle memory, each with an empty home."""
    turns = 1 if bench.quick else 3
    results = {}
    for turn in range(turns):
        for side, make in sides(bench, default=True).items():
            with make() as (_, pid, seconds):
                time.sleep(1)
                results.setdefault(side, []).append({"seconds": seconds, "idle_mb": measure.tree_resident_mb(pid)})
            last = results[side][-1]
            say(f"tracking-start: {side} {turn + 1}/{turns}: {last['seconds']:.2f} s, {last['idle_mb']:.0f} MB")
    entries = []
    for peer in [ONE, DEFAULT]:
        entries.append(compared(results, "first answer of /health, new home", "seconds", "s", peer, aim="< 0.2 s", most=0.2))
        entries.append(compared(results, "idle memory", "idle_mb", "MB", peer, aim="< 50 MB", most=50.0))
    return {
        "title": "Tracking: starting the server",
        "about": "From the start of the process to the first answer of `GET /health`, and a second later the memory (proportional "
        "set size) of all its processes.",
        "entries": entries,
        "same": "both answer /health with 200.",
        "caveats": ["A new home is made on the way: MLflow runs its migrations, Metria its own."],
    }


GROUPS = {
    "tracking-writes": writes,
    "tracking-search": lambda bench: search(bench, bench.cache),
    "tracking-history": history,
    "tracking-artifacts": artifacts,
    "tracking-client": script,
    "tracking-start": start,
}

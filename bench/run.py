"""Measures Metria beside its peers and writes docs/BENCHMARKS.md.

usage: run.py [--quick] [--only NAME]... [--adult FOLDER] [--bin-dir FOLDER] [--output FILE]

`make bench` builds what is needed and calls this; BENCH="--only row" passes options on. With --only or --quick nothing is
written unless --output says where.
"""

import argparse
import csv
import json
import os
import pathlib
import shlex
import shutil
import sys
import tempfile
import time

import numpy as np

import datasets
import measure
import report
import tracking
from common import Different, entry, median, say

HERE = pathlib.Path(__file__).parent
CREDIT = HERE.parent / "data" / "german_credit.csv"
CACHE = HERE / ".cache"
MODEL_PATH = "/predict/german-credit"
THREADS = 2
FOREST = {"n_estimators": 100, "max_depth": 10, "random_state": 42}


def credit_rows(n):
    """The first rows of German Credit as a client would send them."""
    with open(CREDIT, newline="", encoding="utf-8") as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(n))]
    for row in rows:
        row.pop("risk")
        for name in ["job", "credit_amount", "duration", "age"]:
            row[name] = int(row[name])
    return rows


def take_turns(sides, repetitions, what):
    """Runs every side in turn, as often as its number of repetitions says; the results of each side."""
    results = {name: [] for name in sides}
    for turn in range(max(repetitions.values())):
        for name, side in sides.items():
            if turn < repetitions[name]:
                results[name].append(side())
                last = results[name][-1]
                say(f"{what}: {name} {turn + 1}/{repetitions[name]}: {last['process_cpu_s']:.2f} CPU s, {last['process_wall_s']:.2f} s")
    return results


class Bench:
    def __init__(self, options):
        self.options = options
        self.bin = options.bin_dir
        self.quick = options.quick
        self.cache = CACHE
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="metria-bench-"))
        CACHE.mkdir(exist_ok=True)

    def ours(self, program, *arguments):
        path = self.bin / "examples" / program
        return measure.run([path, *arguments], {"RAYON_NUM_THREADS": str(THREADS)})

    def peer(self, task, **arguments):
        texts = {key: str(value) if isinstance(value, pathlib.Path) else value for key, value in arguments.items()}
        environment = {name: str(THREADS) for name in ["POLARS_MAX_THREADS", "OMP_NUM_THREADS"]}
        return measure.run([sys.executable, HERE / "peers.py", task, json.dumps(texts)], environment)

    # Forests

    def forest(self, name, title, paths, settings, repetitions):
        proba = {side: self.scratch / f"{name}_{side}.npy" for side in ["metria", "sklearn", "xgboost"]}
        arrays = {key: paths[key] for key in ["x", "y", "evaluation"]}

        def peer(side):
            return self.peer(
                f"forest_{side}", **arrays, settings=settings, proba=proba[side], threads=THREADS
            )

        sides = {
            "metria": lambda: self.ours("bench_forest", *arrays.values(), json.dumps(settings), proba["metria"]),
            "sklearn": lambda: peer("sklearn"),
            "xgboost": lambda: peer("xgboost"),
        }
        results = take_turns(sides, repetitions, name)
        answers = {side: np.load(path) for side, path in proba.items()}
        truth = np.load(paths["truth"])
        off = float(np.abs(answers["metria"] - answers["sklearn"]).max())
        if off > 1e-12:
            raise Different(f"{name}: probabilities differ from scikit-learn's by up to {off}")
        accuracy = {side: float((answer.argmax(axis=1) == truth).mean()) for side, answer in answers.items()}
        if abs(accuracy["metria"] - accuracy["xgboost"]) > 0.03:
            raise Different(f"{name}: accuracy {accuracy['metria']:.4f}, XGBoost {accuracy['xgboost']:.4f}")
        ours = results["metria"]
        n = len(truth)

        def compared(what, key, unit, side, **aim):
            peers = {"sklearn": "scikit-learn, n_jobs=2", "xgboost": "XGBoost RF mode, hist"}
            return entry(f"{title}: {what}", median(ours, key), peers[side], median(results[side], key), unit, **aim)

        entries = [
            compared("fit, CPU", "fit_cpu_s", "s", "sklearn", aim=">= 5x", least=5.0),
            compared("fit, wall", "fit_s", "s", "sklearn"),
            compared("fit, CPU", "fit_cpu_s", "s", "xgboost"),
            compared("fit, wall", "fit_s", "s", "xgboost"),
            compared(f"predict_proba of {n:,} rows, CPU", "predict_cpu_s", "s", "sklearn"),
            compared("whole process with loading, wall", "process_wall_s", "s", "sklearn"),
            compared("peak memory of the process", "peak_mb", "MB", "sklearn"),
        ]
        same = (
            f"probabilities of {n:,} rows that were not trained on: scikit-learn's to {off:.1e}; "
            f"accuracy {accuracy['metria']:.4f}, XGBoost {accuracy['xgboost']:.4f}."
        )
        return entries, same

    def forests(self):
        """forest: random forests on Adult and on two generated tables."""
        quick = self.quick
        trees = {**FOREST, "n_estimators": 10 if quick else 100}
        cases = []
        caveats = [
            f"{trees['n_estimators']} trees, depth at most {trees['max_depth']}, {THREADS} threads on each side; tables are `float32` in C order, and loading is not part of the fit.",
            "XGBoost grows other trees (histograms of 256 bins, row sampling without replacement, no bootstrap weights): "
            "equal quality is checked, equal trees are not to be had.",
        ]
        if self.options.adult:
            count = 1 if quick else 5
            cases.append(("adult", "Adult, 32,561 x 14", datasets.adult(CACHE, self.options.adult), (count, count, count)))
        else:
            say("forest: Adult is left out; name its folder with --adult or METRIA_ADULT")
            caveats.append("Adult was left out: its folder was not named (`METRIA_ADULT`).")
        wide = 5_000 if quick else 100_000
        paths = datasets.classification(CACHE, f"wide_{wide}", wide, 100, 10, 10, seed=1)
        cases.append(("wide", f"generated, {wide:,} x 100", paths, (1, 1, 1) if quick else (3, 2, 3)))
        tall = 20_000 if quick else 1_000_000
        paths = datasets.classification(CACHE, f"tall_{tall}", tall, 20, 6, 4, seed=2)
        cases.append(("tall", f"generated, {tall:,} x 20", paths, (1, 1, 1) if quick else (2, 1, 2)))
        entries, same = [], []
        for name, title, paths, repetitions in cases:
            sides = dict(zip(["metria", "sklearn", "xgboost"], repetitions))
            lines, equal = self.forest(name, title, paths, trees, sides)
            entries += lines
            same.append(f"{title}: {equal}")
        if not quick:
            caveats.append("One repetition of scikit-learn on 1,000,000 rows: it takes minutes.")
        return {
            "title": "Random forest: training",
            "about": "`RandomForestClassifier.fit` on numbers; the same trees as scikit-learn for the same seed, node for node.",
            "entries": entries,
            "same": " ".join(same),
            "caveats": caveats,
        }

    # One row

    def one_row(self):
        """row: one raw row through the fitted pipeline, in process."""
        times, rows, turns = (20, 20, 1) if self.quick else (100, 200, 3)
        results = take_turns(
            {
                "metria": lambda: self.ours("bench_predict_row", CREDIT, "risk", json.dumps(FOREST), times),
                "sklearn": lambda: self.peer("predict_row", table=CREDIT, target="risk", settings=FOREST, rows=rows),
            },
            {"metria": turns, "sklearn": turns},
            "row",
        )
        ours, theirs = (np.array(results[side][0]["proba"]) for side in ["metria", "sklearn"])
        off = float(np.abs(ours - theirs).max())
        if off > 1e-9:
            raise Different(f"row: probabilities differ from scikit-learn's by up to {off}")
        us = [median(results[side], "predict_us") for side in ["metria", "sklearn"]]
        return {
            "title": "One row in process",
            "about": "German Credit, raw values in (4 numbers, 5 texts), probabilities out: encoder, scaler and a forest of "
            "100 trees, depth at most 10. Metria: `FittedPipeline::predict_row`; scikit-learn: `Pipeline.predict_proba` on a "
            "data frame of one row.",
            "entries": [
                entry("one prediction, wall", us[0], "scikit-learn", us[1], "µs", aim="<= 7 µs", most=7.0)
            ],
            "same": f"probabilities of all {len(ours):,} rows, to {off:.1e}.",
            "caveats": [
                f"The median of single calls: {times:,} for each of the 1,000 rows, {rows} in all for scikit-learn; one thread each."
            ],
        }

    # Servers

    def credit_home(self):
        """A home with the demo's model in Production; made once."""
        home = self.scratch / "home"
        if not home.exists():
            say("serving: training and registering the model")
            result = measure.run([self.bin / "metria", "demo", "--json", "--home", home])
            if not result:
                raise measure.Failed("metria demo said nothing")
        return home

    def metria_server(self, home, log):
        port = measure.free_port()
        return port, measure.server([self.bin / "metria", "server", "--home", home, "--port", port], port, log)

    def flask_server(self, log):
        port = measure.free_port()
        arguments = json.dumps({"port": port, "table": str(CREDIT), "target": "risk", "settings": FOREST})
        return port, measure.server([sys.executable, HERE / "flask_server.py", arguments], port, log)

    def both_servers(self):
        return {
            "metria": lambda: self.metria_server(self.credit_home(), self.scratch / "metria.log"),
            "flask": lambda: self.flask_server(self.scratch / "flask.log"),
        }

    def serving(self):
        """http: one row by POST /predict, Metria beside Flask."""
        table = credit_rows(100)
        one = json.dumps({"instances": table[:1]})
        body = self.scratch / "one.json"
        body.write_text(one)
        asked, seconds = (50, 0.3) if self.quick else (2_000, 4.0)
        turns = 1 if self.quick else 3
        answers, results = {}, {}
        for turn in range(turns):
            for side, make in self.both_servers().items():
                port, server = make()
                with server as (process, _):
                    _, answer = measure.ask(port, MODEL_PATH, json.dumps({"instances": table}), 1)
                    answers[side] = np.array(answer["probabilities"])
                    measure.ask(port, MODEL_PATH, one, 20)
                    n = asked if side == "metria" else max(asked // 10, 20)
                    python, _ = measure.ask(port, MODEL_PATH, one, n)
                    result = {
                        "python_p50_ms": python[len(python) // 2] * 1e3,
                        "python_p99_ms": python[int((len(python) - 1) * 0.99)] * 1e3,
                    }
                    for connections in [1, 16]:
                        before = measure.cpu_s(process.pid)
                        load = self.ours("bench_http", f"127.0.0.1:{port}", MODEL_PATH, body, connections, seconds)
                        used = measure.cpu_s(process.pid) - before
                        result[f"cpu_us_{connections}"] = used / load["requests"] * 1e6
                        for key in ["requests_per_s", "p50_ms", "p99_ms"]:
                            result[f"{key}_{connections}"] = load[key]
                results.setdefault(side, []).append(result)
                rate = result["requests_per_s_16"]
                say(f"http: {side} {turn + 1}/{turns}: {rate:,.0f} requests/s, p50 {result['p50_ms_1']:.3f} ms")
        off = float(np.abs(answers["metria"] - answers["flask"]).max())
        if off > 1e-9:
            raise Different(f"http: probabilities differ from the peer's by up to {off}")

        def compared(what, key, unit, **more):
            both = [median(results[side], key) for side in ["metria", "flask"]]
            return entry(what, both[0], "Flask + scikit-learn", both[1], unit, **more)

        return {
            "title": "One row over HTTP",
            "about": "`POST /predict/german-credit` with one row, kept connections, client on the same two cores. The peer is a "
            "threaded Flask server (Werkzeug, HTTP/1.1) with the same forest in scikit-learn.",
            "entries": [
                compared("16 connections, requests", "requests_per_s_16", "/s", aim=">= 20x", least=20.0, higher_is_better=True),
                compared("16 connections, p50", "p50_ms_16", "ms"),
                compared("16 connections, p99", "p99_ms_16", "ms"),
                compared("16 connections, CPU of the server a request", "cpu_us_16", "µs"),
                compared("1 connection, requests", "requests_per_s_1", "/s", higher_is_better=True),
                compared("1 connection, p50", "p50_ms_1", "ms"),
                compared("1 connection, p99", "p99_ms_1", "ms"),
                compared("1 connection, Python client, p50", "python_p50_ms", "ms"),
                compared("1 connection, Python client, p99", "python_p99_ms", "ms"),
            ],
            "same": f"probabilities of {len(table)} rows in one request, to {off:.1e}.",
            "caveats": [
                "Metria writes every prediction to its log before it answers; the peer writes nothing.",
                "The client is a small program of our own (`crates/metria/examples/bench_http.rs`) and takes its share of "
                "the two cores; with a server this quick that share is large.",
            ],
        }

    def start(self):
        """start: from start to the first answer, and idle memory."""
        turns = 1 if self.quick else 5
        results = {}
        for turn in range(turns):
            fresh = self.scratch / f"fresh-{turn}"
            sides = {"fresh": lambda: self.metria_server(fresh, self.scratch / "metria.log"), **self.both_servers()}
            for side, make in sides.items():
                port, server = make()
                with server as (process, seconds):
                    time.sleep(0.5)
                    idle = measure.resident_mb(process.pid)
                    if side != "fresh":
                        measure.ask(port, MODEL_PATH, json.dumps({"instances": credit_rows(1)}), 1)
                    asked = measure.resident_mb(process.pid)
                    results.setdefault(side, []).append({"seconds": seconds, "idle_mb": idle, "asked_mb": asked})
                say(f"start: {side} {turn + 1}/{turns}: {seconds * 1e3:.0f} ms, {idle:.1f} MB")
            shutil.rmtree(fresh, ignore_errors=True)
        flask = [median(results["flask"], key) for key in ["seconds", "idle_mb", "asked_mb"]]
        entries = []
        for side, title in [("fresh", "new home"), ("metria", "home with a model")]:
            seconds, idle = (median(results[side], key) for key in ["seconds", "idle_mb"])
            entries += [
                entry(f"{title}: first answer of /health", seconds, "Flask + scikit-learn", flask[0], "s", aim="< 0.2 s", most=0.2),
                entry(f"{title}: idle memory", idle, "Flask + scikit-learn", flask[1], "MB", aim="< 50 MB", most=50.0),
            ]
        asked = median(results["metria"], "asked_mb")
        entries.append(entry("home with a model: memory after a prediction", asked, "Flask + scikit-learn", flask[2], "MB"))
        return {
            "title": "Starting the server",
            "about": "From the start of the process to the first answer of `GET /health`, asked for every millisecond, and "
            "resident memory (VmRSS) half a second later.",
            "entries": entries,
            "same": "both answer /health with 200.",
            "caveats": [
                "A new home is made on the way: database, tables, folders. Metria loads a model when it is first asked for.",
                "The Flask server trains its small forest at the start, about half a second of its time; most of the rest is "
                "importing scikit-learn and pandas.",
            ],
        }

    # Tables

    def csv(self):
        """csv: reading a CSV file with types found out on the way."""
        n_rows = 20_000 if self.quick else 1_000_000
        path = datasets.mixed_csv(CACHE, n_rows)
        turns = 1 if self.quick else 5
        results = take_turns(
            {"metria": lambda: self.ours("read_csv", path), "polars": lambda: self.peer("read_csv", path=path)},
            {"metria": turns, "polars": turns},
            "csv",
        )
        ours, theirs = (results[side][0] for side in ["metria", "polars"])
        if (ours["rows"], ours["columns"]) != (theirs["rows"], theirs["columns"]):
            raise Different(f"csv: {ours['rows']} x {ours['columns']}, Polars {theirs['rows']} x {theirs['columns']}")
        for name, value in theirs["sums"].items():
            got = ours["sums"][name]
            if abs(got - value) > 1e-9 * max(abs(value), 1.0):
                raise Different(f"csv: the column {name} sums to {got}, with Polars to {value}")

        def compared(what, key, unit, **more):
            both = [median(results[side], key) for side in ["metria", "polars"]]
            return entry(what, both[0], "Polars", both[1], unit, **more)

        size = path.stat().st_size / 2**20
        return {
            "title": "Reading CSV",
            "about": f"{n_rows:,} rows, 20 columns ({size:.0f} MiB): whole numbers, decimals, flags, categories, dates as text, "
            "quoted text, missing values. Two threads on each side.",
            "entries": [
                compared("reading, wall", "wall_s", "s", aim=">= 1x", least=1.0),
                compared("reading, CPU", "cpu_s", "s", aim=">= 1x", least=1.0),
                compared("peak memory of the process", "peak_mb", "MB"),
            ],
            "same": "rows, columns, the sum of every number column and the bytes of every text column.",
            "caveats": [
                "Metria looks at every value before it settles on a column's type; Polars looks at the first 100 rows.",
                "The file is in the page cache.",
            ],
        }


GROUPS = {
    "forest": Bench.forests,
    "row": Bench.one_row,
    "http": Bench.serving,
    "csv": Bench.csv,
    "start": Bench.start,
    **tracking.GROUPS,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small inputs, one repetition: does it work at all")
    parser.add_argument("--only", action="append", choices=GROUPS, default=[], help="may be repeated")
    parser.add_argument("--adult", default=os.environ.get("METRIA_ADULT"), help="folder of adult_train.csv and adult_test.csv")
    parser.add_argument("--bin-dir", type=pathlib.Path, default=HERE.parent / "target" / "release")
    parser.add_argument("--output", type=pathlib.Path, help="where the report goes")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    started = time.monotonic()
    bench = Bench(options)
    failed = []
    results = []
    try:
        versions = bench.peer("versions")
        versions = {name: version for name, version in versions.items() if isinstance(version, str)}
        for name in options.only or GROUPS:
            say(f"{name}: begins")
            try:
                results.append(GROUPS[name](bench))
            except (measure.Failed, Different, OSError) as error:
                failed.append(name)
                say(f"{name}: FAILED: {error}")
    finally:
        shutil.rmtree(bench.scratch, ignore_errors=True)
    for group in results:
        print(f"\n{group['title']}")
        for line in group["entries"]:
            print("  " + report.row(line).strip("| ").replace(" | ", "  "))
    output = options.output
    if output is None and not (options.quick or options.only or failed):
        output = HERE.parent / "docs" / "BENCHMARKS.md"
    if output:
        output.parent.mkdir(exist_ok=True)
        arguments = (["--quick"] if options.quick else []) + [word for name in options.only for word in ("--only", name)]
        command = f'make bench BENCH="{shlex.join(arguments)}"' if arguments else "make bench"
        report.write(output, results, versions, command, options.quick, load_before)
        say(f"written: {output}")
    say(f"done in {(time.monotonic() - started) / 60:.1f} minutes" + (f"; FAILED: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Metrics: numbers of every kind, latest values, histories."""

import json

from . import scenario
from .runs import experiment, run


@scenario
def numbers(w):
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    values = {"zero": 0, "whole": 3, "fraction": 0.1, "negative": -2.5, "tiny": 5e-324, "greatest": 1.7976931348623157e308, "text": "1.5",
              "NaN": "NaN", "Infinity": "Infinity", "minus Infinity": "-Infinity", "exponent": "1e3", "words": "much", "flag": True, "nothing": None, "list": [1]}  # fmt: skip
    for label, value in values.items():
        w.post(label, "runs/log-metric", run_id=id, key=label, value=value, timestamp=1000, step=1)
    # Not JSON, but what Python writes.
    for word in ["NaN", "Infinity", "-Infinity", "1e400"]:
        body = f'{{"run_id": "{id}", "key": "bare {word}", "value": {word}, "timestamp": 1, "step": 0}}'
        w.send(f"bare {word}", "POST", "runs/log-metric", body.encode())
    w.get("in the end", "runs/get", run_id=id)
    for key in ["NaN", "Infinity", "bare NaN", "bare 1e400"]:
        w.get(f"history of {key}", "metrics/get-history", run_id=id, metric_key=key)


@scenario
def refused(w):
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    log = lambda label, **fields: w.post(label, "runs/log-metric", **{"run_id": id, "key": "m", "value": 1, "timestamp": 1, **fields})
    log("time as text", timestamp="5", key="a")
    log("time in words", timestamp="now")
    log("time as fraction", timestamp=1.5)
    log("time before 1970", timestamp=-1)
    log("time beyond 64 bits", timestamp=2**64)
    log("step as text", step="5", key="b")
    log("step below 0", step=-5, key="c")
    log("step as whole fraction", step=2.0, key="d")
    log("step as fraction", step=2.5)
    log("step beyond 64 bits", step=2**63)
    log("greatest step", step=2**63 - 1, key="e")
    log("greatest step as text", step=str(2**63 - 1), key="f")
    log("key of 250", key="k" * 250)
    log("key of 251", key="k" * 251)
    log("key with slashes", key="a/b")
    log("key with dots", key="../b")
    log("key with question", key="a?b")
    log("key with unicode", key="größe 漢")
    log("key is a number", key=5)
    log("empty key", key="")
    w.post("no value", "runs/log-metric", run_id=id, key="m", timestamp=1)
    w.post("no time", "runs/log-metric", run_id=id, key="m", value=1)
    w.post("no key", "runs/log-metric", run_id=id, value=1, timestamp=1)
    w.post("dataset of the metric", "runs/log-metric", run_id=id, key="g", value=1, timestamp=1, dataset_name="n", dataset_digest="d")
    w.get("in the end", "runs/get", run_id=id)


@scenario
def latest(w):
    """The greatest of step, time, value; not what came last."""
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    log = lambda label, key, step, timestamp, value: w.post(label, "runs/log-metric", run_id=id, key=key, step=step, timestamp=timestamp, value=value)
    log("late", "step", 5, 100, 1.0)
    log("early", "step", 3, 200, 2.0)
    log("new", "time", 1, 200, 1.0)
    log("old", "time", 1, 100, 2.0)
    log("great", "value", 1, 100, 2.0)
    log("small", "value", 1, 100, 1.0)
    log("the same", "twice", 1, 100, 1.0)
    log("the same again", "twice", 1, 100, 1.0)
    log("number", "nan", 1, 100, 5.0)
    log("no number", "nan", 1, 100, "NaN")
    w.get("in the end", "runs/get", run_id=id)
    for key in ["step", "time", "value", "twice", "nan"]:
        w.get(f"history of {key}", "metrics/get-history", run_id=id, metric_key=key)


@scenario
def histories(w):
    e = experiment(w)
    ids = [run(w, f"run {number}", experiment_id=e, run_name="r", start_time=1) for number in range(2)]
    for number, id in enumerate(ids):
        metrics = [{"key": "m", "value": step * 0.5, "timestamp": 1000 + step, "step": step} for step in range(10 * (number + 1))]
        w.post(f"batch {number}", "runs/log-batch", run_id=id, metrics=metrics)
    history = lambda label, **fields: w.get(label, "metrics/get-history", **{"run_id": ids[0], "metric_key": "m", **fields})
    history("whole")
    history("unknown key", metric_key="nothing")
    w.get("no key", "metrics/get-history", run_id=ids[0])
    w.get("no run", "metrics/get-history", metric_key="m")
    history("nobody", run_id="0" * 32)
    token = history("page", max_results=4).get("next_page_token")
    history("next page", max_results=4, page_token=token)
    history("page of none", max_results=0)
    history("page below none", max_results=-1)
    history("a page as large as can be", max_results=25_000)
    history("broken token", max_results=4, page_token="not a token")
    bulk = lambda label, **fields: w.get(label, "/ajax-api/2.0/mlflow/metrics/get-history-bulk", **fields)
    query = "&".join(f"run_id={id}" for id in ids)
    found = json.loads(w.ask("GET", f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?{query}&metric_key=m", None)[2])["metrics"]
    w.see("bulk", [[metric for metric in found if metric["run_id"] == id] for id in ids])
    w.see("bulk, by run", [metric["run_id"] for metric in found] == sorted(metric["run_id"] for metric in found))
    bulk("bulk of one", run_id=ids[0], metric_key="m", max_results=3)
    bulk("bulk without run", metric_key="m")
    bulk("bulk without key", run_id=ids)
    bulk("bulk of 101", run_id=[f"{n:032x}" for n in range(101)], metric_key="m")
    bulk("bulk of nobody", run_id="0" * 32, metric_key="m")
    sampled = lambda label, **fields: w.get(label, "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", **fields)
    sampled("sampled, all", run_ids=ids, metric_key="m", max_results=320)
    sampled("sampled, range", run_ids=ids, metric_key="m", start_step=2, end_step=5, max_results=320)
    sampled("sampled, range the wrong way", run_ids=ids, metric_key="m", start_step=5, end_step=2, max_results=320)
    sampled("sampled, half a range", run_ids=ids, metric_key="m", start_step=5, max_results=320)
    sampled("sampled, none", metric_key="m", max_results=320)
    sampled("sampled, no key", run_ids=ids, max_results=320)
    sampled("sampled, too many", run_ids=ids, metric_key="m", max_results=2_501)
    sampled("sampled, no size", run_ids=ids, metric_key="m")
    w.get("sampled for clients", "metrics/get-history-bulk-interval", run_ids=ids, metric_key="m", max_results=320)

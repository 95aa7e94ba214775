"""`runs/search`: the language, orders, pages."""

import json

from . import scenario
from .runs import experiment, run


def filled(w):
    """Six runs: ties, values that are missing, NaN and infinity."""
    e = experiment(w)
    rows = [
        ("a", 100, {"m": 1.0, "n": 5.0}, {"p": "x", "q": "1"}, {"t": "red"}),
        ("b", 100, {"m": 1.0}, {"p": "y"}, {"t": "Red"}),
        ("c", 200, {"m": 3.0, "n": "NaN"}, {"p": "x", "q": "10"}, {}),
        ("d", 200, {"m": "Infinity"}, {"q": "9"}, {"t": "blue", "odd key/x": "1"}),
        ("e", 300, {"m": "-Infinity", "a b": 1.0}, {"p": "it''s 100%_"}, {"t": ""}),
        ("f", 300, {}, {"p": "größe"}, {"t": "red", "mlflow.user": "ann"}),
    ]
    for name, start, metrics, params, tags in rows:
        id = run(w, f"run {name}", experiment_id=e, run_name=name, start_time=start, user_id="ann" if name < "d" else "bob")
        pairs = lambda fields: [{"key": key, "value": value} for key, value in fields.items()]
        metrics = [{"key": key, "value": value, "timestamp": 1, "step": 0} for key, value in metrics.items()]
        w.post(f"batch {name}", "runs/log-batch", run_id=id, metrics=metrics, params=pairs(params), tags=pairs(tags))
        if name == "b":
            w.post("end b", "runs/update", run_id=id, status="FINISHED", end_time=500)
            dataset = {"name": "rows", "digest": "d1", "source_type": "local", "source": "{}"}
            w.post("inputs b", "runs/log-inputs", run_id=id, datasets=[{"tags": [{"key": "mlflow.data.context", "value": "train"}], "dataset": dataset}])
        if name == "c":
            dataset = {"name": "lines", "digest": "d2", "source_type": "local", "source": "{}"}
            w.post("inputs c", "runs/log-inputs", run_id=id, datasets=[{"dataset": dataset}])
    return e


def names(w, label, e, filter="", order=("attributes.run_name ASC",), **more):
    """Writes down the names that come back, or how it was refused; the page's token."""
    body = {"experiment_ids": [e], "filter": filter, "order_by": list(order), "max_results": 100, **more}
    status, _, text = w.ask("POST", "runs/search", body)
    answer = json.loads(text)
    found = [one["info"]["run_name"] for one in answer.get("runs", [])]
    refused = {"error_code": answer["error_code"]} if "error_code" in answer else {}
    w.see(label, {"status": status, "body": refused, "runs": " ".join(found), "token": bool(answer.get("next_page_token"))})
    return answer.get("next_page_token")


@scenario
def filters(w):
    e = filled(w)
    texts = """
metrics.m > 1 | metrics.m >= 1 | metrics.m = 1 | metrics.m != 1 | metrics.m < 1 | metrics.m <= 3.0 | metric.m > 1 | metrics.n > 1
metrics.n != 5 | metrics.m > 1e400 | metrics.m > -1 | metrics.m > .5 | metrics.m = '1' | metrics.`a b` = 1 | metrics."a b" = 1 | metrics.a b = 1
metrics.m > 1 AND metrics.m < 5 | metrics.m > 0 and params.p = 'x' | metrics.m LIKE '1%' | metrics.m IN (1, 3) | metrics.m IS NULL | metrics.m IS NOT NULL
metrics.m > nan | metrics.m > 1 OR metrics.m < 1 | NOT metrics.m > 1 | (metrics.m > 1) | metrics.m BETWEEN 1 AND 2
params.p = 'x' | params.p = "x" | params.p != 'x' | param.p = 'x' | parameters.p = 'x' | parameter.p = 'x' | params.p LIKE 'X%' | params.p ILIKE 'X%'
params.p LIKE '%' | params.p LIKE '_' | params.p = 'größe' | params.p ILIKE 'GRÖSSE' | params.p ILIKE 'GRÖßE' | params.p = 3 | params.p > 'a'
params.p = 'it''s 100%_' | params.p LIKE '%100\\%%' | params.p IN ('x', 'y') | params.p NOT IN ('x') | params.p IS NULL | params.p IS NOT NULL
params.q = '1' | params.q > 1 | params.`p` = 'x' | params."p" = 'x' | params.'p' = 'x' | params.p is not null | params.p Is Null
tags.t = 'red' | tags.t != 'red' | tag.t = 'red' | tags.t LIKE 'R%' | tags.t ILIKE 'R%' | tags.t = '' | tags.t IS NULL | tags.t IS NOT NULL
tags.`odd key/x` = '1' | tags."odd key/x" = '1' | tags.mlflow.user = 'ann' | tags.`mlflow.user` = 'ann' | tags.t IN ('red') | tags.none != 'x'
attributes.run_name = 'a' | run_name = 'a' | attribute.run_name = 'a' | attr.run_name = 'a' | run.run_name = 'a' | attributes."run name" = 'a' | attributes.Run_Name = 'a'
attributes.run_name LIKE '_' | run_name ILIKE 'A' | run_name IN ('a', 'b') | run_name NOT IN ('a', 'b') | run_name != 'a' | run_name IS NULL | run_name IS NOT NULL
status = 'FINISHED' | attributes.status = 'RUNNING' | status != 'FINISHED' | status = 'finished' | status IN ('FINISHED') | status LIKE 'F%'
start_time > 100 | attributes.start_time >= 200 | start_time = 100 | start_time != 100 | start_time > '100' | attributes.created > 100 | attributes.Created > 100 | created > 100
end_time = 500 | end_time > 0 | end_time IS NULL | user_id = 'ann' | attributes.user_id LIKE 'b%' | user_id IN ('ann') | attributes.user = 'ann'
artifact_uri LIKE 'mlflow-artifacts:%' | attributes.artifact_uri LIKE '%artifacts' | run_id = 'x' | attributes.run_id IN ('x', 'y') | run_id NOT IN ('x') | run_id LIKE '%' | run_id != 'x'
lifecycle_stage = 'active' | experiment_id = '1' | colour = 'red' | attributes.colour = 'red' | cosmos.a = 'b' | m > 1
dataset.name = 'rows' | datasets.name = 'rows' | datasets.digest = 'd2' | datasets.context = 'train' | datasets.context LIKE 'tr%' | dataset.name IN ('rows', 'lines')
datasets.name NOT IN ('rows') | datasets.name != 'rows' | datasets.name ILIKE 'ROWS' | datasets.colour = 'x' | dataset.name = 3 | datasets.name IS NULL
metrics.m | metrics.m > | > 1 | metrics. > 1 | metrics.m >> 1 | metrics.m == 1 | metrics.m > 1 AND | AND metrics.m > 1 | metrics.m > 1 AND AND params.p = 'x'
metrics.m > 1, params.p = 'x' | metrics.m > 1; | params.p = 'x | params.p = 'x"" | params.p = '' | params.p = ''; DROP TABLE runs;-- | params.p = 'x' -- y
params.p=params.q | 'x' = params.p | 1 = 1 | true | params.p = x | params.p = `x` | metrics.m=1 | metrics.m>1 and metrics.m<5 | params.p='x'
run_id IN () | run_id IN ('x' | run_id IN 'x' | run_id IN (1) | run_name IN ('a',) | metrics.m > 1 And params.p = 'x' | status='RUNNING'AND run_name='a'
"""
    for place, text in enumerate(text.strip() for line in texts.strip().splitlines() for text in line.split(" | ")):
        names(w, f"{place} {text}", e, text)
    names(w, "empty", e, "")
    names(w, "only space", e, "  ")
    names(w, "many lines", e, "metrics.m > 0\n  AND\tparams.p = 'x'")


@scenario
def orders(w):
    e = filled(w)
    for text in [
        "metrics.m", "metrics.m ASC", "metrics.m DESC", "metrics.n ASC", "metrics.n DESC", "metrics.nothing DESC", "metrics.`a b`", "metrics.\"a b\" DESC",
        "params.p", "params.p DESC", "params.q ASC", "params.nothing", "tags.t", "tags.t DESC", "tags.`odd key/x`", "tags.\"odd key/x\" DESC",
        "start_time", "start_time DESC", "attributes.start_time", "attributes.start_time DESC", "attribute.end_time", "attributes.end_time DESC", "end_time",
        "run_name DESC", "attributes.run_name", "attributes.`run name`", "attributes.\"Run Name\" DESC", "status", "attributes.status DESC", "user_id DESC", "attributes.User",
        "Created", "attributes.Created DESC", "artifact_uri", "run_id", "attributes.lifecycle_stage", "experiment_id", "metrics.m asc", "metrics.m desc",
        "metrics.m DOWN", "metrics.m ASC DESC", "metrics.m, metrics.n", "metrics", "metrics.", "colour", "cosmos.m", "datasets.name", "", "metrics.m > 1", "'x'", "run_name ASC; DROP TABLE runs",
    ]:  # fmt: skip
        # What ties is by start, the newest first, then by id, which is not the same on two servers.
        second = [] if "run_name" in text.lower() or "run name" in text.lower() else ["attributes.run_name ASC"]
        names(w, f"by {text}", e, order=[text, *second])
    names(w, "by two", e, order=["params.p ASC", "metrics.m DESC", "run_name"])
    names(w, "the same twice", e, order=["metrics.m ASC", "metrics.m DESC", "run_name"])


@scenario
def ties(w):
    """Without an order: by start, the newest first, then by id."""
    e = filled(w)
    answer = json.loads(w.ask("POST", "runs/search", {"experiment_ids": [e]})[2])
    infos = [found["info"] for found in answer["runs"]]
    w.see("starts", [info["start_time"] for info in infos])
    w.see("ids ascend within one start", [a["run_id"] < b["run_id"] for a, b in zip(infos, infos[1:]) if a["start_time"] == b["start_time"]])


@scenario
def pages(w):
    e = filled(w)
    for size in [1, 2, 5, 6, 7]:
        token = names(w, f"{size}: page 0", e, max_results=size)
        for number in range(1, 4):
            if token:
                token = names(w, f"{size}: page {number}", e, max_results=size, page_token=token)
    for label, size in [("0", 0), ("-1", -1), ("50,000", 50_000), ("50,001", 50_001), ("a text", "3"), ("words", "three"), ("a fraction", 1.5), ("beyond 32 bits", 2**40)]:
        names(w, f"size {label}", e, max_results=size)
    for label, token in [("words", "not a token"), ("empty", ""), ("base64 of no JSON", "bm90IGpzb24="), ("base64 of {}", "e30="), ("a number", 5),
                         ("offset below 0", "eyJvZmZzZXQiOiAtNX0="), ("offset in words", "eyJvZmZzZXQiOiAieCJ9"), ("unicode", "größe"), ("long", "A" * 5000)]:  # fmt: skip
        names(w, f"token {label}", e, page_token=token)


@scenario
def views_and_experiments(w):
    e = filled(w)
    search = lambda label, **fields: w.post(label, "runs/search", max_results=1, order_by=["run_name ASC"], **fields)
    search("whole run", experiment_ids=[e])
    search("of one found by all it has", experiment_ids=[e], filter="run_name = 'b'")
    search("no experiment")
    search("empty list", experiment_ids=[])
    search("nobody's", experiment_ids=["987654321"])
    search("in words", experiment_ids=["abc"])
    search("as numbers", experiment_ids=[int(e or 0)])
    search("no list", experiment_ids=e)
    search("two", experiment_ids=[e, "0"])
    search("none found", experiment_ids=[e], filter="run_name = 'nobody'")
    for view in ["ACTIVE_ONLY", "DELETED_ONLY", "ALL", "active_only", "NONE", 1, 2, 3, 9]:
        search(f"view {view}", experiment_ids=[e], run_view_type=view)
    w.get("by GET", "runs/search", experiment_ids=e)

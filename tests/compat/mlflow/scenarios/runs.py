"""`runs/*`: life, what is logged, limits, inputs."""

import json

from . import scenario


def experiment(w):
    return w.post("experiment", "experiments/create", name=w.name("e")).get("experiment_id")


def run(w, label, **fields):
    return w.post(label, "runs/create", **fields).get("run", {}).get("info", {}).get("run_id", "0" * 32)


@scenario
def life(w):
    e = experiment(w)
    id = run(w, "create", experiment_id=e, run_name="first", user_id="ann", start_time=1234, tags=[{"key": "a", "value": "b"}])
    w.get("get", "runs/get", run_id=id)
    w.get("get by run_uuid", "runs/get", run_uuid=id)
    w.post("finish", "runs/update", run_id=id, status="FINISHED", end_time=5678)
    w.get("finished", "runs/get", run_id=id)
    w.post("rename", "runs/update", run_id=id, run_name="second")
    w.get("renamed", "runs/get", run_id=id)
    w.post("name by tag", "runs/set-tag", run_id=id, key="mlflow.runName", value="third")
    w.get("named by tag", "runs/get", run_id=id)
    w.post("name by batch", "runs/log-batch", run_id=id, tags=[{"key": "mlflow.runName", "value": "fourth"}])
    w.get("named by batch", "runs/get", run_id=id)
    w.post("remove the name", "runs/delete-tag", run_id=id, key="mlflow.runName")
    w.get("name removed", "runs/get", run_id=id)
    w.post("running again", "runs/update", run_id=id, status="RUNNING")
    w.get("is running again", "runs/get", run_id=id)
    w.post("nothing to change", "runs/update", run_id=id)
    for status in ["SCHEDULED", "FAILED", "KILLED"]:
        w.post(status, "runs/update", run_id=id, status=status, end_time=6000)
    w.post("status of no kind", "runs/update", run_id=id, status="LOST")
    w.post("status by number", "runs/update", run_id=id, status=3)
    w.post("delete", "runs/delete", run_id=id)
    w.get("deleted", "runs/get", run_id=id)
    w.post("delete again", "runs/delete", run_id=id)
    w.post("log to a deleted one", "runs/log-metric", run_id=id, key="m", value=1, timestamp=1)
    w.post("param to a deleted one", "runs/log-parameter", run_id=id, key="m", value="1")
    w.post("tag to a deleted one", "runs/set-tag", run_id=id, key="m", value="1")
    w.post("batch to a deleted one", "runs/log-batch", run_id=id, metrics=[])
    w.post("rename a deleted one", "runs/update", run_id=id, run_name="x")
    w.post("restore", "runs/restore", run_id=id)
    w.post("restore again", "runs/restore", run_id=id)
    w.get("restored", "runs/get", run_id=id)


@scenario
def created_oddly(w):
    e = experiment(w)
    create = lambda label, **fields: run(w, label, **fields)
    create("no name", experiment_id=e, start_time=1)
    create("empty name", experiment_id=e, run_name="", start_time=1)
    create("name and tag", experiment_id=e, run_name="a", tags=[{"key": "mlflow.runName", "value": "a"}], start_time=1)
    create("name by tag", experiment_id=e, tags=[{"key": "mlflow.runName", "value": "a"}], start_time=1)
    create("name and another tag", experiment_id=e, run_name="a", tags=[{"key": "mlflow.runName", "value": "b"}])
    create("no experiment", run_name="a", start_time=1)
    create("experiment of nobody", experiment_id="987654321")
    create("experiment in words", experiment_id="abc")
    create("experiment as number", experiment_id=int(e or 0), run_name="a", start_time=1)
    create("start as text", experiment_id=e, run_name="a", start_time="17")
    create("start in words", experiment_id=e, run_name="a", start_time="now")
    create("start as fraction", experiment_id=e, run_name="a", start_time=1.5)
    create("start before 1970", experiment_id=e, run_name="a", start_time=-5)
    create("tag without key", experiment_id=e, run_name="a", tags=[{"value": "x"}])
    create("tag twice", experiment_id=e, run_name="a", start_time=1, tags=[{"key": "x", "value": "1"}, {"key": "x", "value": "2"}])
    create("unknown field", experiment_id=e, run_name="a", start_time=1, colour="red")
    create("long name", experiment_id=e, run_name="n" * 500, start_time=1)
    create("unicode name", experiment_id=e, run_name="Lauf 漢字 🎲/..", start_time=1)
    for label, path, fields in [
        ("get nobody", "runs/get", {"run_id": "0" * 32}),
        ("get without id", "runs/get", {}),
        ("get by a broken id", "runs/get", {"run_id": "../../etc"}),
    ]:
        w.get(label, path, **fields)
    for path in ["update", "delete", "restore", "log-metric", "log-parameter", "log-batch", "set-tag", "delete-tag", "log-inputs", "log-model"]:
        w.post(f"{path} without id", f"runs/{path}")
        fields = {"key": "a", "value": 1 if path == "log-metric" else "1", "timestamp": 1, "model_json": "{}"}
        w.post(f"{path} to nobody", f"runs/{path}", run_id="0" * 32, **fields)


@scenario
def params(w):
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    log = lambda label, **fields: w.post(label, "runs/log-parameter", run_id=id, **fields)
    log("first", key="depth", value="3")
    log("the same again", key="depth", value="3")
    log("another value", key="depth", value="4")
    log("empty value", key="empty", value="")
    log("no value", key="none")
    log("number", key="number", value=5)
    log("no key", value="x")
    log("key of 250", key="k" * 250, value="x")
    log("key of 251", key="k" * 251, value="x")
    log("value of 6,000", key="long", value="v" * 6_000)
    log("value of 6,001", key="longer", value="v" * 6_001)
    log("wide value of 6,000", key="wide", value="漢" * 6_000)
    log("by run_uuid", key="x", value="y")
    for label, key in [("slashes", "a/b"), ("dots", "../x"), ("root", "/x"), ("two slashes", "a//b"), ("point", "a/./b"), ("slash at the end", "a/"),
                       ("colon", "a:b"), ("question", "a?b"), ("percent", "a%b"), ("quotes", "a'b\"c`"), ("space", " a b "), ("unicode", "größe 漢"),
                       ("backslash", "a\\b"), ("line", "a\nb"), ("only dot", "."), ("comma", "a,b"), ("parentheses", "f(x)"), ("at", "a@b"), ("emoji", "🎲")]:  # fmt: skip
        log(f"key with {label}", key=key, value="v")
    w.get("in the end", "runs/get", run_id=id)


@scenario
def tags(w):
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    put = lambda label, **fields: w.post(label, "runs/set-tag", run_id=id, **fields)
    put("first", key="a", value="1")
    put("replaced", key="a", value="2")
    put("empty value", key="b", value="")
    put("no value", key="c")
    put("no key", value="x")
    put("key of 250", key="k" * 250, value="x")
    put("key of 251", key="k" * 251, value="x")
    put("value of 8,000", key="long", value="v" * 8_000)
    put("value of 8,001", key="longer", value="v" * 8_001)
    put("key with dots", key="../x", value="v")
    put("key with question", key="a?b", value="v")
    put("number", key="n", value=5)
    put("list", key="l", value=[1])
    put("nothing", key="null", value=None)
    w.post("remove", "runs/delete-tag", run_id=id, key="a")
    w.post("remove again", "runs/delete-tag", run_id=id, key="a")
    w.post("remove no key", "runs/delete-tag", run_id=id)
    w.get("in the end", "runs/get", run_id=id)


@scenario
def batches(w):
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    metric = lambda n, key="m": {"key": key, "value": n, "timestamp": 1000 + n, "step": n}
    pair = lambda n, value="v": {"key": f"k{n}", "value": value}
    log = lambda label, **fields: w.post(label, "runs/log-batch", run_id=id, **fields)
    log("nothing")
    log("of each", metrics=[metric(1)], params=[pair(1)], tags=[pair(1)])
    log("1,000 metrics", metrics=[metric(n, "many") for n in range(1000)])
    log("1,001 metrics", metrics=[metric(n, "more") for n in range(1001)])
    log("100 params", params=[pair(n) for n in range(100)])
    log("101 params", params=[pair(n) for n in range(200, 301)])
    log("100 tags", tags=[pair(n) for n in range(100)])
    log("101 tags", tags=[pair(n) for n in range(200, 301)])
    log("1,000 in all", metrics=[metric(n, "all") for n in range(900)], params=[pair(n) for n in range(50)], tags=[pair(n) for n in range(50)])
    log("1,001 in all", metrics=[metric(n, "over") for n in range(901)], params=[pair(n) for n in range(50)], tags=[pair(n) for n in range(50)])
    log("a param twice alike", params=[pair(500), pair(500)])
    log("a param twice unlike", params=[pair(501), pair(501, "w")])
    log("a tag twice", tags=[pair(502), pair(502, "w")])
    log("a param would change", metrics=[metric(1, "lost")], params=[pair(1, "other")])
    log("the same params again", params=[pair(n) for n in range(100)])
    log("metric without key", metrics=[{"value": 1, "timestamp": 1}])
    log("metric without value", metrics=[{"key": "a", "timestamp": 1}])
    log("metric without time", metrics=[{"key": "a", "value": 1}])
    log("metric without step", metrics=[{"key": "stepless", "value": 1, "timestamp": 7}])
    log("param without value", params=[{"key": "valueless"}])
    log("param without key", params=[{"value": "x"}])
    log("tag without key", tags=[{"value": "x"}])
    log("metric key of 251", metrics=[metric(1, "k" * 251)])
    log("param value of 6,001", params=[{"key": "p", "value": "v" * 6001}])
    log("tag value of 8,001", tags=[{"key": "t", "value": "v" * 8001}])
    log("metrics no list", metrics={"key": "a"})
    log("metrics of texts", metrics=["a"])
    w.get("in the end", "runs/get", run_id=id)
    w.send("a request of over 1 MB", "POST", "runs/log-batch", {"run_id": id, "tags": [{"key": "x", "value": "y"}], "filler": "z" * 1_100_000})


@scenario
def inputs(w):
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    data = lambda **more: {"name": "rows", "digest": "d1", "source_type": "local", "source": "{}", **more}
    log = lambda label, *datasets: w.post(label, "runs/log-inputs", run_id=id, datasets=list(datasets))
    tag = lambda value: [{"key": "mlflow.data.context", "value": value}]
    log("none")
    log("one", {"tags": tag("training"), "dataset": data(schema="{}", profile="{}")})
    log("the same again", {"tags": tag("training"), "dataset": data(schema="{}", profile="{}")})
    log("without tags", {"dataset": data(name="plain", digest="d2")})
    log("no name", {"dataset": {"digest": "d", "source_type": "t", "source": "s"}})
    log("no digest", {"dataset": {"name": "n", "source_type": "t", "source": "s"}})
    log("no source", {"dataset": {"name": "n", "digest": "e", "source_type": "t"}})
    log("no source type", {"dataset": {"name": "n", "digest": "f", "source": "s"}})
    log("name of 501", {"dataset": data(name="n" * 501)})
    log("digest of 37", {"dataset": data(digest="d" * 37)})
    log("source of 65,536", {"dataset": data(source="s" * 65_536)})
    log("tag key of 256", {"tags": [{"key": "k" * 256, "value": "v"}], "dataset": data(digest="d7")})
    log("tag value of 501", {"tags": [{"key": "k", "value": "v" * 501}], "dataset": data(digest="d8")})
    other = run(w, "another run", experiment_id="0", run_name="r", start_time=1)
    w.post("1,001 datasets", "runs/log-inputs", run_id=other, datasets=[{"dataset": data(digest=str(n))} for n in range(1001)])
    third = run(w, "a third run", experiment_id="0", run_name="r", start_time=1)
    log = lambda label, *datasets: w.post(label, "runs/log-inputs", run_id=third, datasets=list(datasets))
    log("another tag", {"tags": [{"key": "colour", "value": "red"}], "dataset": data(name="tagged", digest="d3")})
    w.post("no dataset", "runs/log-inputs", run_id=other, datasets=[{"tags": tag("x")}])
    log("first for training", {"tags": tag("training"), "dataset": data()})
    log("then for testing", {"tags": tag("testing"), "dataset": data()})
    w.get("the third run", "runs/get", run_id=third)
    e = w.get("in the end", "runs/get", run_id=id).get("run", {}).get("info", {}).get("experiment_id")
    found = w.ask("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": [e]})
    summaries = json.loads(found[2]).get("dataset_summaries", []) if found[0] == 200 else []
    summaries.sort(key=lambda one: (one["name"], one["digest"], one.get("context", "")))
    w.see("datasets of the experiment", {"status": found[0], "summaries": summaries})
    w.post("datasets, odd path", "/api/2.0mlflow/experiments/search-datasets", experiment_ids=["987654321"])
    w.post("datasets, slash", "/api/2.0/mlflow/experiments/search-datasets", experiment_ids=["987654321"])
    w.post("datasets of nothing", "/ajax-api/2.0/mlflow/experiments/search-datasets", experiment_ids=[])
    w.post("datasets of 21", "/ajax-api/2.0/mlflow/experiments/search-datasets", experiment_ids=[str(n) for n in range(21)])


@scenario
def models(w):
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    model = json.dumps({"artifact_path": "model", "flavors": {"python_function": {}}, "utc_time_created": "2024-01-01 00:00:00", "run_id": id, "model_uuid": "u"})
    log = lambda label, **fields: w.post(label, "runs/log-model", run_id=id, **fields)
    log("one", model_json=model)
    log("another", model_json=model)
    log("no model")
    log("no JSON", model_json="{")
    log("no object", model_json="[]")
    log("lacks fields", model_json="{}")
    w.get("in the end", "runs/get", run_id=id)


@scenario
def through_the_client(w):
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(w.url, w.url)
    e = client.create_experiment(w.name("e"))
    made = w.call("create", client.create_run, e, run_name="r", start_time=1)
    id = made.info.run_id
    w.call("metric", client.log_metric, id, "m", 1.5, timestamp=5, step=2)
    w.call("param", client.log_param, id, "p", 3)
    w.call("param again", client.log_param, id, "p", 3)
    w.call("param changed", client.log_param, id, "p", 4)
    w.call("tag", client.set_tag, id, "t", "u")
    w.call("batch", client.log_batch, id, [Metric("m", 2.5, 6, 3)], [Param("q", "r")], [RunTag("s", "t")])
    w.call("get", lambda: client.get_run(id).to_dictionary())
    w.call("history", client.get_metric_history, id, "m")
    w.call("history of nothing", client.get_metric_history, id, "nothing")
    w.call("finish", client.set_terminated, id, "FINISHED", 7)
    w.call("parent of none", client.get_parent_run, id)
    w.call("search", lambda: [found.to_dictionary() for found in client.search_runs([e], "metrics.m > 2")])
    w.call("remove tag", client.delete_tag, id, "t")
    w.call("delete", client.delete_run, id)
    w.call("log to deleted", client.log_metric, id, "m", 1.0)
    w.call("restore", client.restore_run, id)
    w.call("nobody", client.get_run, "0" * 32)

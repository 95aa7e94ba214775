"""What does not belong to one family: prefixes, odd paths, bodies that are no JSON, the server about itself."""

from . import scenario
from .runs import experiment, run


@scenario
def about_the_server(w):
    w.get("health", "/health")
    w.get("version", "/version")
    for prefix in ["/api", "/ajax-api"]:
        w.get(f"server-info under {prefix}", f"{prefix}/3.0/mlflow/server-info")


@scenario
def prefixes(w):
    for prefix in ["/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/", "/api/2.0/preview/mlflow/", "/api/3.0/mlflow/", "/mlflow/"]:
        w.get(f"get under {prefix}", f"{prefix}experiments/get", experiment_id="0")
        w.get(f"search under {prefix}", f"{prefix}registered-models/search", filter="name = 'nobody'")
    w.get("slash at the end", "experiments/get/", experiment_id="0")
    w.get("two slashes", "/api/2.0/mlflow//experiments/get", experiment_id="0")
    w.get("large letters", "/api/2.0/mlflow/Experiments/get", experiment_id="0")
    w.get("no such call", "experiments/explode")
    w.get("no such family", "/api/2.0/mlflow/nothing")
    w.get("no such version", "/api/9.0/mlflow/experiments/get", experiment_id="0")
    w.post("wrong method", "experiments/get", experiment_id="0")
    w.get("wrong method too", "experiments/create", name="x")
    w.delete("wrong method as well", "experiments/delete", experiment_id="0")


@scenario
def bodies(w):
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    post = lambda label, body, content_type="application/json": w.send(label, "POST", "runs/set-tag", body, content_type)
    good = f'{{"run_id": "{id}", "key": "a", "value": "b"}}'.encode()
    post("good", good)
    post("with a charset", good, "application/json; charset=utf-8")
    post("nothing", b"")
    post("no JSON", b"{")
    post("list", b"[1]")
    post("text", b'"x"')
    post("number", b"5")
    post("null", b"null")
    post("no UTF-8", b'{"run_id": "\xff\xfe"}')
    post("a key twice", f'{{"run_id": "{id}", "key": "c", "key": "d", "value": "b"}}'.encode())
    post("unknown field", f'{{"run_id": "{id}", "key": "e", "value": "b", "colour": {{"deep": [1]}}}}'.encode())
    post("camel case", f'{{"runId": "{id}", "key": "f", "value": "b"}}'.encode())
    post("100 deep", b'{"run_id": ' + b"[" * 100 + b"]" * 100 + b"}")
    post("5,000 deep", b'{"run_id": ' + b"[" * 5_000 + b"]" * 5_000 + b"}")
    post("unknown field, 5,000 deep", f'{{"run_id": "{id}", "key": "g", "value": "b", "deep": '.encode() + b"[" * 5_000 + b"]" * 5_000 + b"}")
    post("surrogate", f'{{"run_id": "{id}", "key": "h", "value": "\\ud83d\\ude00"}}'.encode())
    post("half a surrogate", f'{{"run_id": "{id}", "key": "i", "value": "\\ud83d"}}'.encode())
    post("NUL", f'{{"run_id": "{id}", "key": "j", "value": "a\\u0000b"}}'.encode())
    post("as a form", b"run_id=x&key=a", "application/x-www-form-urlencoded")
    post("as a text", good, "text/plain")
    post("as JSON twice over", b'"{\\"run_id\\": \\"x\\"}"')
    w.get("in the end", "runs/get", run_id=id)


@scenario
def wrong_types(w):
    e = experiment(w)
    others = w.post("experiment of others", "experiments/create", name=w.name("others")).get("experiment_id")
    id = run(w, "run", experiment_id=e, run_name="r", start_time=1)
    for label, value in [("number", 5), ("list", []), ("object", {}), ("flag", True), ("nothing", None)]:
        w.post(f"run id is a {label}", "runs/set-tag", run_id=value, key="a", value="b")
        w.post(f"key is a {label}", "runs/set-tag", run_id=id, key=value, value="b")
        w.post(f"tags are a {label}", "runs/create", experiment_id=others, run_name="r", start_time=1, tags=value)
        w.post(f"filter is a {label}", "runs/search", experiment_ids=[e], filter=value, max_results=1)
        w.post(f"order is a {label}", "runs/search", experiment_ids=[e], order_by=value, max_results=1)
        w.post(f"size is a {label}", "runs/search", experiment_ids=[e], max_results=value if value != 5 else 1)
        w.post(f"model's name is a {label}", "registered-models/get-latest-versions", name=value)
    w.get("a field twice", "/api/2.0/mlflow/experiments/get?experiment_id=0&experiment_id=1")
    w.get("an unknown field", "experiments/get", experiment_id=e, colour="red")

"""`experiments/*`: life, names, tags, searches."""

from . import scenario


@scenario
def life(w):
    name = w.name("first")
    made = w.post("create", "experiments/create", name=name, tags=[{"key": "team", "value": "risk"}])
    id = made.get("experiment_id")
    w.get("get", "experiments/get", experiment_id=id)
    w.get("get by name", "experiments/get-by-name", experiment_name=name)
    w.get("default", "experiments/get", experiment_id="0")
    w.post("rename", "experiments/update", experiment_id=id, new_name=w.name("second"))
    w.get("renamed", "experiments/get", experiment_id=id)
    w.get("old name is gone", "experiments/get-by-name", experiment_name=name)
    w.post("delete", "experiments/delete", experiment_id=id)
    w.get("deleted", "experiments/get", experiment_id=id)
    w.get("deleted by name", "experiments/get-by-name", experiment_name=w.name("second"))
    w.post("delete again", "experiments/delete", experiment_id=id)
    w.post("a deleted one's name stays taken", "experiments/create", name=w.name("second"))
    w.post("a run in a deleted one", "runs/create", experiment_id=id)
    w.post("rename a deleted one", "experiments/update", experiment_id=id, new_name="x")
    w.post("tag on a deleted one", "experiments/set-experiment-tag", experiment_id=id, key="a", value="b")
    w.post("restore", "experiments/restore", experiment_id=id)
    w.post("restore again", "experiments/restore", experiment_id=id)
    w.get("restored", "experiments/get", experiment_id=id)


@scenario
def runs_go_with_it(w):
    id = w.post("create", "experiments/create", name=w.name("e")).get("experiment_id")
    run = w.post("run", "runs/create", experiment_id=id, run_name="one").get("run", {}).get("info", {}).get("run_id")
    w.post("delete", "experiments/delete", experiment_id=id)
    w.get("its run", "runs/get", run_id=run)
    w.post("log to its run", "runs/log-metric", run_id=run, key="m", value=1, timestamp=1)
    w.post("search in it", "runs/search", experiment_ids=[id])
    w.post("search deleted in it", "runs/search", experiment_ids=[id], run_view_type="DELETED_ONLY")
    w.post("restore", "experiments/restore", experiment_id=id)
    w.get("its run again", "runs/get", run_id=run)


@scenario
def refused(w):
    create = lambda label, **fields: w.post(label, "experiments/create", **fields)
    create("no name")
    create("empty name", name="")
    create("name is a number", name=3)
    create("name of 500", name=w.name("") + "x" * (500 - len(w.name(""))))
    create("name of 501", name="x" * 501)
    create("twice, once", name=w.name("twice"))
    create("twice", name=w.name("twice"))
    create("tag without key", name=w.name("t1"), tags=[{"value": "x"}])
    create("tags no list", name=w.name("t2"), tags={"key": "a"})
    create("tag key of 251", name=w.name("t3"), tags=[{"key": "k" * 251, "value": "x"}])
    create("tag value of 20,000", name=w.name("t4"), tags=[{"key": "k", "value": "v" * 20_000}])
    create("tag value of 20,001", name=w.name("t5"), tags=[{"key": "k", "value": "v" * 20_001}])
    create("location of a run", name=w.name("l1"), artifact_location="runs:/x/y")
    create("location in a bucket", name=w.name("l2"), artifact_location="s3://bucket/path")
    create("location on the server's disk", name=w.name("l3"), artifact_location="/etc")
    create("location as file", name=w.name("l4"), artifact_location="file:///etc")
    create("location with dots", name=w.name("l5"), artifact_location="s3://bucket/../x")
    create("location with a query", name=w.name("l6"), artifact_location="s3://bucket/x?y=1")
    w.get("get without id", "experiments/get")
    w.get("get nobody", "experiments/get", experiment_id="987654321")
    w.get("get by words", "experiments/get", experiment_id="abc")
    w.get("get by name of nobody", "experiments/get-by-name", experiment_name="nobody")
    w.get("get by no name", "experiments/get-by-name")
    w.post("rename nobody", "experiments/update", experiment_id="987654321", new_name="y")
    w.post("rename to nothing", "experiments/update", experiment_id="0")
    w.post("rename to a taken name", "experiments/update", experiment_id="0", new_name=w.name("twice"))
    w.post("delete nobody", "experiments/delete", experiment_id="987654321")
    w.post("restore nobody", "experiments/restore", experiment_id="987654321")


@scenario
def names(w):
    for label, name in [("unicode", "Größe 漢字 🎲"), ("slashes", "a/b/../c"), ("quotes", "it's \"x\" `y`"),
                        ("percent", "100% _sure"), ("spaces", "  two  "), ("line", "a\nb"), ("dots", "..")]:  # fmt: skip
        name = w.name(name) if label != "dots" else name
        id = w.post(f"create {label}", "experiments/create", name=name).get("experiment_id")
        w.get(f"get {label}", "experiments/get", experiment_id=id or "987654321")
        w.get(f"by name {label}", "experiments/get-by-name", experiment_name=name)


@scenario
def tags(w):
    id = w.post("create", "experiments/create", name=w.name("e")).get("experiment_id")
    put = lambda label, **fields: w.post(label, "experiments/set-experiment-tag", experiment_id=id, **fields)
    put("set", key="a", value="1")
    put("replace", key="a", value="2")
    put("empty value", key="b", value="")
    put("no value", key="c")
    put("no key", value="x")
    put("empty key", key="", value="x")
    put("key of 250", key="k" * 250, value="x")
    put("key of 251", key="k" * 251, value="x")
    put("value of 20,000", key="long", value="v" * 20_000)
    put("value of 20,001", key="long", value="v" * 20_001)
    put("key with slashes", key="a/b", value="x")
    put("key with dots", key="../x", value="x")
    put("key with odd characters", key="a?b", value="x")
    put("unicode key", key="größe", value="漢字")
    put("value is a number", key="n", value=5)
    put("retention, well", key="mlflow.trace.archivalRetention", value='{"type": "duration", "value": "30d"}')
    w.post("nobody", "experiments/set-experiment-tag", experiment_id="987654321", key="a", value="b")
    w.post("remove", "experiments/delete-experiment-tag", experiment_id=id, key="a")
    w.post("remove again", "experiments/delete-experiment-tag", experiment_id=id, key="a")
    w.post("remove nothing", "experiments/delete-experiment-tag", experiment_id=id)
    w.get("in the end", "experiments/get", experiment_id=id)


@scenario
def searches(w):
    for number, team in enumerate(["risk", "Risk", "fraud", None]):
        tags = [{"key": "team", "value": team}, {"key": "in", "value": w.name("")}] if team else [{"key": "in", "value": w.name("")}]
        w.post(f"create {number}", "experiments/create", name=w.name(f"e{number}_{'%' if number == 3 else ''}"), tags=tags)
    own = f"tags.`in` = '{w.name('')}'"

    def find(label, filter="", order=("name ASC",), **more):
        filter = f"{own} AND {filter}" if filter else own
        return w.post(label, "experiments/search", filter=filter, order_by=list(order), max_results=more.pop("max_results", 100), **more)

    find("all")
    find("name is", f"name = '{w.name('e1_')}'")
    find("name is not", f"name != '{w.name('e1_')}'")
    find("attribute", f"attribute.name = '{w.name('e1_')}'")
    find("LIKE", "name LIKE '%e_\\_'")
    find("LIKE any", "name LIKE '%e1%'")
    find("LIKE is exact in case", "name LIKE '%E1%'")
    find("ILIKE", "name ILIKE '%E1%'")
    find("LIKE percent", "name LIKE '%e3_%'")
    find("tag is", "tags.team = 'risk'")
    find("tag is not", "tags.team != 'risk'")
    find("tag LIKE", "tags.team LIKE 'ri%'")
    find("tag ILIKE", "tags.team ILIKE 'RI%'")
    find("tag in quotes", "tags.\"team\" = 'risk'")
    find("tag IS NULL", "tags.team IS NULL")
    find("tag IS NOT NULL", "tags.team IS NOT NULL")
    find("creation time", "creation_time > 0")
    find("last update", "last_update_time >= 1")
    find("time in quotes", "creation_time > '0'")
    find("order down", order=["name DESC"])
    find("order by creation", order=["creation_time ASC", "name"])
    find("order by id", order=["experiment_id ASC"])
    find("order by tag", order=["tags.team"])
    find("order by nonsense", order=["colour"])
    find("order down down", order=["name DOWN"])
    find("OR", "name = 'a' OR name = 'b'")
    find("IN", "name IN ('a', 'b')")
    find("id is", "experiment_id = '0'")
    find("metric", "metrics.a > 1")
    find("not finished", "name = ")
    find("quote left open", "name = 'x")
    find("no quotes", "name = x")
    find("injection", "name = 'x''; DROP TABLE experiments; --'")
    find("unknown attribute", "colour = 'red'")
    find("page of none", max_results=0)
    find("page below none", max_results=-1)
    find("page too large", max_results=50_001)
    find("page of most", max_results=50_000)
    find("page size as text", max_results="2")
    find("page size in words", max_results="two")
    token = find("first page", max_results=3).get("next_page_token")
    find("second page", max_results=3, page_token=token)
    find("broken token", page_token="not a token")
    find("empty token", page_token="")
    find("deleted only", view_type="DELETED_ONLY")
    find("all views", view_type="ALL")
    find("view in words", view_type="EVERYTHING")
    w.get("by GET", "experiments/search", filter=own, max_results=2, order_by="name DESC")
    w.get("by GET, two orders", "experiments/search", filter=own, max_results=2, order_by=["creation_time DESC", "name DESC"])


@scenario
def through_the_client(w):
    from mlflow import MlflowClient
    from mlflow.entities import ViewType

    client = MlflowClient(w.url, w.url)
    id = client.create_experiment(w.name("e"), tags={"a": "b"})
    w.call("get", client.get_experiment, id)
    w.call("get by name", client.get_experiment_by_name, w.name("e"))
    w.call("nobody by name", client.get_experiment_by_name, "nobody")
    w.call("set tag", client.set_experiment_tag, id, "c", "d")
    w.call("rename", client.rename_experiment, id, w.name("f"))
    w.call("search", client.search_experiments, filter_string=f"name = '{w.name('f')}'")
    w.call("delete", client.delete_experiment, id)
    w.call("search deleted", client.search_experiments, ViewType.DELETED_ONLY, filter_string=f"name = '{w.name('f')}'")
    w.call("restore", client.restore_experiment, id)
    w.call("nobody", client.get_experiment, "987654321")

"""`registered-models/*` and `model-versions/*`."""

from . import scenario
from .runs import experiment, run


def pairs(**fields):
    return [{"key": key, "value": value} for key, value in fields.items()]


def source(w):
    """A run, and the address of a folder of its artifacts."""
    id = run(w, "run", experiment_id=experiment(w), run_name="r", start_time=1)
    uri = w.get("the run", "runs/get", run_id=id).get("run", {}).get("info", {}).get("artifact_uri", "")
    return id, f"{uri}/model"


@scenario
def models(w):
    name = w.name("m")
    w.post("create", "registered-models/create", name=name, description="good", tags=pairs(team="risk"))
    w.get("get", "registered-models/get", name=name)
    w.post("create again", "registered-models/create", name=name)
    w.post("create plain", "registered-models/create", name=w.name("plain"))
    w.get("get plain", "registered-models/get", name=w.name("plain"))
    w.patch("describe", "registered-models/update", name=name, description="better")
    w.patch("describe with nothing", "registered-models/update", name=name, description="")
    w.patch("describe not at all", "registered-models/update", name=name)
    w.post("rename", "registered-models/rename", name=name, new_name=w.name("n"))
    w.get("old name is gone", "registered-models/get", name=name)
    w.post("rename to a taken name", "registered-models/rename", name=w.name("n"), new_name=w.name("plain"))
    w.post("rename to itself", "registered-models/rename", name=w.name("n"), new_name=w.name("n"))
    w.post("rename nobody", "registered-models/rename", name="nobody", new_name="x")
    w.post("rename to nothing", "registered-models/rename", name=w.name("n"))
    w.post("rename to a path", "registered-models/rename", name=w.name("n"), new_name="a/b")
    name = w.name("n")
    w.post("tag", "registered-models/set-tag", name=name, key="a", value="b")
    w.post("tag again", "registered-models/set-tag", name=name, key="a", value="c")
    w.post("tag without value", "registered-models/set-tag", name=name, key="none")
    w.post("tag without key", "registered-models/set-tag", name=name, value="x")
    w.post("tag of nobody", "registered-models/set-tag", name="nobody", key="a", value="b")
    w.post("tag key of 250", "registered-models/set-tag", name=name, key="k" * 250, value="b")
    w.post("tag key of 251", "registered-models/set-tag", name=name, key="k" * 251, value="b")
    w.post("tag value of 100,001", "registered-models/set-tag", name=name, key="long", value="v" * 100_001)
    w.delete("remove tag", "registered-models/delete-tag", name=name, key="a")
    w.delete("remove tag again", "registered-models/delete-tag", name=name, key="a")
    w.delete("remove tag of nobody", "registered-models/delete-tag", name="nobody", key="a")
    w.get("tagged", "registered-models/get", name=name)
    w.delete("delete", "registered-models/delete", name=name)
    w.delete("delete again", "registered-models/delete", name=name)
    w.get("get deleted", "registered-models/get", name=name)
    w.post("its name is free", "registered-models/create", name=name)
    w.get("get without name", "registered-models/get")
    w.patch("describe nobody", "registered-models/update", name="nobody", description="x")


@scenario
def model_names(w):
    texts = {"nothing": "", "only space": "  ", "slash": "a/b", "colon": "a:b", "dots": "..", "dot": ".", "at": "a@b", "hash": "a#b", "question": "a?b",
             "percent": "a%2Fb", "backslash": "a\\b", "unicode": "größe 漢字", "quotes": "it's \"x\"", "256": "n" * 256, "257": "n" * 257, "line": "a\nb", "space around": " a ", "latest": "latest"}  # fmt: skip
    for label, text in texts.items():
        text = text if label in ("nothing", "only space", "dots", "dot", "256", "257", "space around", "latest") else w.name(text)
        w.post(f"create {label}", "registered-models/create", name=text)
        w.get(f"get {label}", "registered-models/get", name=text)
    w.post("a number", "registered-models/create", name=5)
    w.post("no name", "registered-models/create")


@scenario
def versions(w):
    id, uri = source(w)
    name = w.name("m")
    w.post("model", "registered-models/create", name=name)
    make = lambda label, **fields: w.post(label, "model-versions/create", **{"name": name, "source": uri, "run_id": id, **fields})
    make("create", tags=pairs(x="1"), description="words", run_link="http://here/run")
    make("of a run", source=f"runs:/{id}/model")
    make("of a version", source=f"models:/{name}/1")
    make("in a bucket", source="s3://bucket/path", run_id="")
    make("of nobody", name="nobody")
    make("without source", source="")
    make("without name", name="")
    for label, text in [("the disk", "/etc"), ("the disk as file", "file:///etc/passwd"), ("a place above", "mlflow-artifacts:/../../etc"), ("dots in a bucket", "s3://bucket/../x"), ("dots, encoded", "mlflow-artifacts:/%2e%2e/x")]:
        make(f"source on {label}", source=text)
    w.get("get", "model-versions/get", name=name, version="1")
    w.get("get plain", "model-versions/get", name=name, version="2")
    w.get("get none", "model-versions/get", name=name, version="99")
    w.get("get in words", "model-versions/get", name=name, version="one")
    w.get("get 0", "model-versions/get", name=name, version="0")
    w.get("get -1", "model-versions/get", name=name, version="-1")
    w.get("get beyond 32 bits", "model-versions/get", name=name, version="99999999999")
    w.get("get of nobody", "model-versions/get", name="nobody", version="1")
    w.get("get without version", "model-versions/get", name=name)
    w.get("address", "model-versions/get-download-uri", name=name, version="1")
    w.get("address of a run's", "model-versions/get-download-uri", name=name, version="3")
    w.get("address of a version's", "model-versions/get-download-uri", name=name, version="4")
    w.get("address of none", "model-versions/get-download-uri", name=name, version="99")
    w.patch("describe", "model-versions/update", name=name, version="1", description="more words")
    w.patch("describe with nothing", "model-versions/update", name=name, version="1", description="")
    w.patch("describe none", "model-versions/update", name=name, version="99", description="x")
    w.patch("version as number", "model-versions/update", name=name, version=1, description="x")
    tag = lambda label, **fields: w.post(label, "model-versions/set-tag", **{"name": name, "version": "1", **fields})
    tag("tag", key="a", value="b")
    tag("tag without value", key="none")
    tag("tag without key", value="x")
    tag("tag of none", version="99", key="a", value="b")
    tag("tag value of 100,001", key="long", value="v" * 100_001)
    tag("tag key of 251", key="k" * 251, value="v")
    w.delete("remove tag", "model-versions/delete-tag", name=name, version="1", key="a")
    w.delete("remove tag again", "model-versions/delete-tag", name=name, version="1", key="a")
    w.get("in the end", "model-versions/get", name=name, version="1")
    w.delete("delete", "model-versions/delete", name=name, version="1")
    w.delete("delete again", "model-versions/delete", name=name, version="1")
    w.get("deleted", "model-versions/get", name=name, version="1")
    w.delete("delete the last", "model-versions/delete", name=name, version="4")
    make("numbers are given on")
    w.get("the model", "registered-models/get", name=name)
    make("of our own without run", run_id="")
    make("run that is not", run_id="0" * 32)
    make("of a run that is not", source=f"runs:/{'0' * 32}/model", run_id="0" * 32)
    w.get("how many there are", "model-versions/search", filter=f"name = '{name}'")


@scenario
def stages(w):
    id, uri = source(w)
    name = w.name("m")
    w.post("model", "registered-models/create", name=name)
    for number in range(1, 5):
        w.post(f"version {number}", "model-versions/create", name=name, source=uri, run_id=id)
    move = lambda label, version, stage, archive=None, **more: w.post(
        label, "model-versions/transition-stage", name=name, version=str(version), stage=stage, **({} if archive is None else {"archive_existing_versions": archive}), **more
    )
    move("1 to Staging", 1, "Staging", False)
    move("1 to Production", 1, "Production")
    move("2 beside it", 2, "Production", False)
    move("3 instead of both", 3, "Production", True)
    for number in range(1, 4):
        w.get(f"then {number}", "model-versions/get", name=name, version=str(number))
    move("small letters", 4, "staging", False)
    move("no such stage", 4, "Nowhere", False)
    move("none at all", 4, "", False)
    move("archive with archiving", 4, "Archived", True)
    move("none with archiving", 4, "None", True)
    move("to None", 4, "None", False)
    move("no version", 99, "Staging", False)
    move("4 to Staging", 4, "Staging")
    move("flag as text", 4, "Staging", "true")
    move("3 to where it is", 3, "Production", True)
    w.post("latest", "registered-models/get-latest-versions", name=name)
    w.get("latest by GET", "registered-models/get-latest-versions", name=name, stages=["Production", "Staging"])
    w.post("latest in Production", "registered-models/get-latest-versions", name=name, stages=["Production"])
    w.post("latest in small letters", "registered-models/get-latest-versions", name=name, stages=["production"])
    w.post("latest in nowhere", "registered-models/get-latest-versions", name=name, stages=["Nowhere"])
    w.post("latest of nobody", "registered-models/get-latest-versions", name="nobody")
    w.get("the model", "registered-models/get", name=name)
    w.delete("delete what is in Production", "model-versions/delete", name=name, version="3")
    w.delete("delete the model", "registered-models/delete", name=name)


@scenario
def aliases(w):
    id, uri = source(w)
    name = w.name("m")
    w.post("model", "registered-models/create", name=name)
    for number in range(1, 3):
        w.post(f"version {number}", "model-versions/create", name=name, source=uri, run_id=id)
    put = lambda label, alias, version="1", of=name: w.post(label, "registered-models/alias", name=of, alias=alias, version=version)
    put("set", "champion")
    put("move", "champion", "2")
    put("another", "challenger", "2")
    put("to none", "champion", "99")
    put("of nobody", "champion", of="nobody")
    put("nothing", "")
    for label, alias in [("latest", "latest"), ("Latest", "LATEST"), ("a version", "v3"), ("dots", "a.b"), ("slash", "a/b"), ("space", "a b"), ("unicode", "größe"),
                         ("255", "a" * 255), ("256", "a" * 256), ("dash", "a-b_C"), ("digits", "123"), ("a stage", "Production")]:  # fmt: skip
        put(f"named {label}", alias)
    w.get("get", "registered-models/alias", name=name, alias="champion")
    w.get("get none", "registered-models/alias", name=name, alias="nothing")
    w.get("get of nobody", "registered-models/alias", name="nobody", alias="champion")
    w.get("get latest", "registered-models/alias", name=name, alias="latest")
    w.get("version with its aliases", "model-versions/get", name=name, version="2")
    w.get("model with its aliases", "registered-models/get", name=name)
    w.delete("remove", "registered-models/alias", name=name, alias="champion")
    w.delete("remove again", "registered-models/alias", name=name, alias="champion")
    w.delete("remove of nobody", "registered-models/alias", name="nobody", alias="champion")
    w.delete("a version goes with its aliases", "model-versions/delete", name=name, version="2")
    w.get("aliases left", "registered-models/get", name=name)


@scenario
def searches(w):
    id, uri = source(w)
    for number, (team, count) in enumerate([("risk", 2), ("Risk", 0), (None, 1), ("it's", 0)]):
        name = w.name(f"m{number}")
        w.post(f"model {number}", "registered-models/create", name=name, tags=pairs(team=team) if team else [], description=f"d{number}")
        for version in range(count):
            w.post(f"version {number}.{version}", "model-versions/create", name=name, source=f"{uri}{number}", run_id=id, tags=pairs(v=str(version)))
    own = f"name LIKE '{w.name('')}%'"
    find = lambda label, filter="", order=("name ASC",), **more: w.get(
        label, "registered-models/search", filter=f"{own} AND {filter}" if filter else own, order_by=list(order), **more
    )
    find("all")
    find("name is", f"name = '{w.name('m1')}'")
    find("ILIKE", f"name ILIKE '{w.name('M1').upper()}'")
    find("name is not", f"name != '{w.name('m1')}'")
    find("tag is", "tags.team = 'risk'")
    find("tag is not", "tags.team != 'risk'")
    find("tag LIKE", "tags.team LIKE 'r%'")
    find("tag ILIKE", "tag.team ILIKE 'r%'")
    find("tag in backticks", "tags.`team` = 'risk'")
    find("tag IS NULL", "tags.team IS NULL")
    find("tag with a quote", "tags.team = \"it's\"")
    find("no prompt", "tags.`mlflow.prompt.is_prompt` != 'true'")
    find("prompts", "tags.`mlflow.prompt.is_prompt` = 'true'")
    find("IN", "name IN ('a')")
    find("OR", "name = 'a' OR name = 'b'")
    find("unknown attribute", "colour = 'red'")
    find("description", "description = 'd1'")
    find("time", "creation_timestamp > 0")
    find("not finished", "name =")
    find("number", "name = 5")
    find("order down", order=["name DESC"])
    find("order by time", order=["last_updated_timestamp ASC"], max_results=1)
    find("order by short time", order=["timestamp ASC", "name ASC"])
    find("order by creation", order=["creation_timestamp ASC", "name ASC"])
    find("order by tag", order=["tags.team"])
    find("order by nonsense", order=["colour"])
    find("page of none", max_results=0)
    find("page too large", max_results=1_001)
    find("page of most", max_results=1_000)
    token = find("page", max_results=3).get("next_page_token")
    find("next page", max_results=3, page_token=token)
    find("broken token", page_token="not a token")
    own_versions = f"name LIKE '{w.name('')}%'"
    seek = lambda label, filter="", order=("name ASC", "version_number ASC"), **more: w.get(
        label, "model-versions/search", filter=f"{own_versions} AND {filter}" if filter else own_versions, order_by=list(order), **more
    )
    seek("versions, all")
    seek("versions, no order", f"name = '{w.name('m0')}'", order=[])
    seek("versions, name is", f"name = '{w.name('m0')}'")
    seek("versions, run is", f"run_id = '{id}'")
    seek("versions, run IN", f"run_id IN ('{id}', 'x')")
    seek("versions, run LIKE", "run_id LIKE '%'")
    seek("versions, source is", f"source_path = '{uri}0'")
    seek("versions, source LIKE", "source_path LIKE '%model0'")
    seek("versions, tag is", "tags.v = '0'")
    seek("versions, tag is not", "tags.v != '0'")
    seek("versions, number is", "version_number = 1")
    seek("versions, number is in quotes", "version_number = '1'")
    seek("versions, number over", "version_number > 1")
    seek("versions, stage", "current_stage = 'None'")
    seek("versions, OR", "name = 'a' OR name = 'b'")
    seek("versions, unknown", "colour = 'red'")
    seek("versions, order down", order=["version_number DESC", "name DESC"])
    seek("versions, order by time", order=["creation_timestamp ASC"], max_results=1)
    seek("versions, order by nonsense", order=["colour"])
    seek("versions, page of none", max_results=0)
    seek("versions, page too large", max_results=200_001)
    token = seek("versions, page", max_results=2).get("next_page_token")
    seek("versions, next page", max_results=2, page_token=token)
    seek("versions, broken token", page_token="not a token")


@scenario
def through_the_client(w):
    from mlflow import MlflowClient

    client = MlflowClient(w.url, w.url)
    e = client.create_experiment(w.name("e"))
    info = client.create_run(e, run_name="r", start_time=1).info
    name = w.name("m")
    w.call("create", client.create_registered_model, name, tags={"a": "b"}, description="good")
    w.call("create again", client.create_registered_model, name)
    w.call("version", client.create_model_version, name, f"{info.artifact_uri}/model", info.run_id, tags={"x": "1"}, description="first")
    w.call("second", client.create_model_version, name, f"runs:/{info.run_id}/model", info.run_id)
    w.call("alias", client.set_registered_model_alias, name, "champion", "2")
    w.call("by alias", client.get_model_version_by_alias, name, "champion")
    w.call("by no alias", client.get_model_version_by_alias, name, "nothing")
    w.call("latest", client.get_latest_versions, name)
    w.call("move", client.transition_model_version_stage, name, "1", "Production", True)
    w.call("get", client.get_registered_model, name)
    w.call("search", client.search_registered_models, f"name = '{name}'")
    w.call("search versions", client.search_model_versions, f"name = '{name}'", order_by=["version_number ASC"])
    w.call("address", client.get_model_version_download_uri, name, "1")
    w.call("stages", client.get_model_version_stages, name, "1")
    w.call("describe", client.update_registered_model, name, "better")
    w.call("describe version", client.update_model_version, name, "1", "better")
    w.call("rename", client.rename_registered_model, name, w.name("n"))
    w.call("delete", client.delete_registered_model, w.name("n"))
    w.call("nobody", client.get_registered_model, w.name("n"))

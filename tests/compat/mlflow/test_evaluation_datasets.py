"""Evaluation datasets through `mlflow.genai.datasets` of clients from 3.0 on."""

import json
import time

import mlflow
import pandas as pd
import pytest
import requests
from mlflow.exceptions import MlflowException

if mlflow.__version__.startswith("2."):
    pytest.skip("clients before 3.0 have no evaluation datasets", allow_module_level=True)

from mlflow.genai import datasets


def refused(code, call, *arguments, **named):
    with pytest.raises(MlflowException) as caught:
        call(*arguments, **named)
    assert caught.value.error_code == code, caught.value
    return str(caught.value)


def test_a_dataset_s_life(client, experiment):
    made = datasets.create_dataset("questions", experiment_id=experiment, tags={"team": "risk", "mlflow.user": "ada"})
    assert made.dataset_id.startswith("d-") and len(made.digest) == 8
    assert (made.name, made.experiment_ids) == ("questions", [experiment])
    found = datasets.get_dataset(dataset_id=made.dataset_id)
    assert (found.name, found.digest, found.created_by) == ("questions", made.digest, "ada")
    assert (found.schema, found.profile) == (None, None)
    assert found.tags == {"team": "risk", "mlflow.user": "ada"}
    assert datasets.get_dataset(name="questions").dataset_id == made.dataset_id

    datasets.set_dataset_tags(made.dataset_id, {"team": "fraud", "stage": "trial"})
    assert datasets.get_dataset(dataset_id=made.dataset_id).tags["team"] == "fraud"
    datasets.delete_dataset_tag(made.dataset_id, "stage")
    datasets.delete_dataset_tag(made.dataset_id, "stage")
    assert "stage" not in datasets.get_dataset(dataset_id=made.dataset_id).tags

    datasets.delete_dataset(dataset_id=made.dataset_id)
    refused("RESOURCE_DOES_NOT_EXIST", datasets.get_dataset, dataset_id=made.dataset_id)
    datasets.delete_dataset(dataset_id=made.dataset_id)


def test_records_are_merged_by_their_inputs(client, experiment):
    dataset = datasets.create_dataset("merged", experiment_id=experiment)
    dataset.merge_records([
        {"inputs": {"q": "What?", "k": 3}, "expectations": {"answer": "This"}, "tags": {"mlflow.user": "ada"}},
        {"inputs": {"q": "Why?"}, "outputs": {"text": "So"}, "tags": {"mlflow.user": "ada"}},
    ])
    first = datasets.get_dataset(dataset_id=dataset.dataset_id)
    assert json.loads(first.profile) == {"num_records": 2}
    assert json.loads(first.schema) == {
        "inputs": {"q": "string", "k": "integer"},
        "outputs": {"text": "string"},
        "expectations": {"answer": "string"},
        "version": "1.0",
    }
    assert first.digest != dataset.digest and first.last_updated_by == "ada"
    time.sleep(0.005)
    again = {"k": 3, "q": "What?"}
    dataset.merge_records([{"inputs": again, "expectations": {"score": 0.5}, "tags": {"mlflow.user": "bob", "x": "1"}}])
    frame = dataset.to_df()
    assert list(frame["inputs"]) == [{"q": "What?", "k": 3}, {"q": "Why?"}]
    assert frame["expectations"][0] == {"answer": "This", "score": 0.5} and frame["expectations"][1] is None
    assert list(frame["outputs"]) == [{}, {"text": "So"}]
    assert frame["tags"][0] == {"mlflow.user": "bob", "x": "1"}
    assert list(frame["source_type"]) == ["HUMAN", "CODE"]
    assert frame["dataset_record_id"].str.startswith("dr-").all()
    record = client.get_dataset(dataset.dataset_id).records[0]
    assert (record.created_by, record.last_updated_by) == ("ada", "bob")
    assert record.created_time < record.last_update_time
    later = datasets.get_dataset(dataset_id=dataset.dataset_id)
    assert json.loads(later.profile) == {"num_records": 2} and later.digest != first.digest

    gone = dataset.delete_records([record.dataset_record_id, "dr-none"])
    assert gone == 1
    assert [record.inputs for record in client.get_dataset(dataset.dataset_id).records] == [{"q": "Why?"}]


def test_records_of_a_frame_and_odd_values(experiment):
    dataset = datasets.create_dataset("odd", experiment_id=experiment)
    values = [None, True, 1, 1.0, "1", [1, {"a": None}], {"b": {"c": "ü🦀\u0000'\""}}, -0.5, 2**53]
    frame = pd.DataFrame({"inputs": [{"v": value, "n": number} for number, value in enumerate(values)]})
    dataset.merge_records(frame)
    back = datasets.get_dataset(dataset_id=dataset.dataset_id).to_df()
    assert [given["v"] for given in back["inputs"]] == values
    assert [type(given["v"]) for given in back["inputs"]] == [type(value) for value in values]
    # 1, 1.0, True and "1" are inputs of their own.
    for value in [1, 1.0, True, "1"]:
        dataset.merge_records([{"inputs": {"same": value}}])
    assert len(dataset.to_df()) == len(values) + 4


def test_sources(client, experiment):
    dataset = datasets.create_dataset("sources", experiment_id=experiment)
    source = lambda kind, **data: {"source_type": kind, "source_data": data}
    dataset.merge_records([
        {"inputs": {"n": 1}, "source": source("trace", trace_id="tr-1")},
        {"inputs": {"n": 2}, "source": source("DOCUMENT", source_id="doc", page=3)},
        {"inputs": {"n": 3}, "source": source("UNSPECIFIED")},
    ])
    records = client.get_dataset(dataset.dataset_id).records
    assert [(record.source_type, record.source_id) for record in records] == [
        ("TRACE", "tr-1"), ("DOCUMENT", "doc"), ("UNSPECIFIED", None),
    ]
    assert records[1].source.source_data == {"source_id": "doc", "page": 3}
    wrong = [{"inputs": {"n": 4}, "source": source("HEARSAY")}]
    assert "HEARSAY" in refused("INVALID_PARAMETER_VALUE", dataset.merge_records, wrong)


def test_searching_datasets(client, experiment):
    other = client.create_experiment("another of datasets")
    made = [datasets.create_dataset(f"search {number}", experiment_id=experiment) for number in range(5)]
    datasets.set_dataset_tags(made[3].dataset_id, {"team": "risk"})
    names = lambda **search: [found.name for found in datasets.search_datasets(**search)]
    by_name = [f"search {number}" for number in range(5)]
    assert names(experiment_ids=experiment, order_by=["name ASC"]) == by_name
    assert names(experiment_ids=experiment) == by_name[::-1], "the newest first"
    assert names(filter_string="name = 'search 2'") == ["search 2"]
    assert names(filter_string="name LIKE 'search %' AND tags.team = 'risk'") == ["search 3"]
    assert names(experiment_ids=[other]) == []
    assert names(experiment_ids=[experiment], max_results=2, order_by=["name DESC"]) == ["search 4", "search 3"]
    after = made[2].created_time
    assert set(names(experiment_ids=experiment, filter_string=f"created_time >= {after}")) >= set(by_name[2:])
    page = client.search_datasets(experiment_ids=[experiment], max_results=3)
    rest = client.search_datasets(experiment_ids=[experiment], max_results=3, page_token=page.token)
    assert (len(page), len(rest), rest.token or None) == (3, 2, None)
    refused("INVALID_PARAMETER_VALUE", names, filter_string="colour = 'red'")
    refused("INVALID_PARAMETER_VALUE", client.search_datasets, page_token="broken")


def test_experiments_of_a_dataset(client, experiment):
    other = client.create_experiment("linked later")
    dataset = datasets.create_dataset("linked", experiment_id=[experiment])
    datasets.add_dataset_to_experiments(dataset.dataset_id, [other, experiment])
    linked = lambda: set(datasets.get_dataset(dataset_id=dataset.dataset_id).experiment_ids)
    assert linked() == {experiment, other}
    datasets.remove_dataset_from_experiments(dataset.dataset_id, [experiment])
    datasets.remove_dataset_from_experiments(dataset.dataset_id, [experiment])
    assert linked() == {other}
    refused("RESOURCE_DOES_NOT_EXIST", datasets.add_dataset_to_experiments, dataset.dataset_id, ["987654321"])
    refused("RESOURCE_DOES_NOT_EXIST", datasets.add_dataset_to_experiments, "d-none", [other])


def test_ten_thousand_records(experiment):
    dataset = datasets.create_dataset("many", experiment_id=experiment)
    records = [{"inputs": {"q": f"question {n}", "n": n}, "expectations": {"a": n * 0.5}} for n in range(10_000)]
    dataset.merge_records(records)
    back = datasets.get_dataset(dataset_id=dataset.dataset_id)
    frame = back.to_df()
    assert len(frame) == 10_000 and frame["dataset_record_id"].is_unique
    assert [given["n"] for given in frame["inputs"]] == list(range(10_000)), "in the order of writing"
    dataset.merge_records(records[:5_000])
    assert json.loads(datasets.get_dataset(dataset_id=dataset.dataset_id).profile) == {"num_records": 10_000}


def test_what_is_refused(server, experiment):
    post = lambda path, **body: requests.post(f"{server}/api/3.0/mlflow/datasets/{path}", json=body, timeout=30)
    dataset = datasets.create_dataset("refusing", experiment_id=experiment)
    records = f"{dataset.dataset_id}/records"
    for path, body in [
        ("create", {}),
        ("create", {"name": ""}),
        ("create", {"name": "x" * 256}),
        ("create", {"name": "x", "tags": "no JSON"}),
        ("create", {"name": "x", "tags": json.dumps({"k": "v" * 5_001})}),
        (records, {}),
        (records, {"records": "no JSON"}),
        (records, {"records": "{}"}),
        (records, {"records": '[{"inputs": 3}]'}),
        (records, {"records": '[{"inputs": {"x": NaN}}]'}),
        (records, {"records": '[{"inputs": {}, "source": {"source_type": "X"}}]'}),
    ]:
        answer = post(path, **body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), (path, body)
    assert post("d-none/records", records="[]").status_code == 404
    assert post("create", name="x", experiment_ids=["987654321"]).status_code == 404
    page = requests.get(f"{server}/api/3.0/mlflow/datasets/{records}", params={"page_token": "x"}, timeout=30)
    assert page.status_code == 400
    assert datasets.get_dataset(dataset_id=dataset.dataset_id).to_df().empty

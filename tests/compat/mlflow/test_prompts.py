"""Prompts through MLflow's own clients: `mlflow.genai` of 3.x and `mlflow.register_prompt` of 2.22."""

import json

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

IS_2 = mlflow.__version__.startswith("2.")
since_3 = pytest.mark.skipif(IS_2, reason="clients before 3.0 have no mlflow.genai.register_prompt")
before_3 = pytest.mark.skipif(not IS_2, reason="clients from 3.0 on have mlflow.genai.register_prompt instead")


def refused(code, call, *arguments, **named):
    with pytest.raises(MlflowException) as caught:
        call(*arguments, **named)
    assert caught.value.error_code == code, caught.value
    return str(caught.value)


@since_3
def test_versions_and_aliases(client):
    genai = mlflow.genai
    first = genai.register_prompt("greeting", "Hello {{name}}!", commit_message="first", tags={"author": "ada"})
    assert (first.version, first.template, first.variables) == (1, "Hello {{name}}!", {"name"})
    second = genai.register_prompt("greeting", "Good day, {{name}} of {{place}}!")
    assert (second.version, second.variables) == (2, {"name", "place"})

    loaded = genai.load_prompt("greeting", version=1)
    assert (loaded.template, loaded.commit_message, loaded.tags) == ("Hello {{name}}!", "first", {"author": "ada"})
    assert loaded.format(name="Eve") == "Hello Eve!"
    assert genai.load_prompt("prompts:/greeting/2").template.startswith("Good day")
    assert genai.load_prompt("greeting").version == 2
    assert genai.load_prompt("prompts:/greeting@latest").version == 2

    genai.set_prompt_alias("greeting", "production", 1)
    assert genai.load_prompt("prompts:/greeting@production").version == 1
    assert client.get_prompt_version_by_alias("greeting", "production").aliases == ["production"]
    genai.set_prompt_alias("greeting", "production", 2)
    assert client.get_prompt_version_by_alias("greeting", "production").version == 2
    genai.delete_prompt_alias("greeting", "production")
    with pytest.raises(MlflowException):
        client.get_prompt_version_by_alias("greeting", "production")
    refused("INVALID_PARAMETER_VALUE", genai.set_prompt_alias, "greeting", "latest", 1)
    assert genai.load_prompt("greeting", version=7, allow_missing=True) is None
    assert genai.load_prompt("nobody", version=1, allow_missing=True) is None


@since_3
def test_chats_formats_and_model_configs():
    chat = [{"role": "system", "content": "You are {{style}}."}, {"role": "user", "content": "{{question}}"}]
    form = {"type": "object", "properties": {"answer": {"type": "string"}}}
    config = {"model_name": "some-model", "temperature": 0.2, "max_tokens": 100}
    made = mlflow.genai.register_prompt("chat", chat, response_format=form, model_config=config)
    assert not made.is_text_prompt
    loaded = mlflow.genai.load_prompt("chat", version=1)
    assert (loaded.template, loaded.response_format) == (chat, form)
    assert {key: loaded.model_config[key] for key in config} == config
    filled = loaded.format(style="brief", question="Why?")
    assert filled == [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Why?"}]
    mlflow.genai.set_prompt_model_config("chat", 1, {"model_name": "other"})
    assert mlflow.genai.load_prompt("chat", version=1, cache_ttl_seconds=0).model_config["model_name"] == "other"
    mlflow.genai.delete_prompt_model_config("chat", 1)
    assert mlflow.genai.load_prompt("chat", version=1, cache_ttl_seconds=0).model_config is None


@since_3
def test_tags_of_prompts_and_versions(client):
    genai = mlflow.genai
    client.create_prompt("tagged", description="about tags", tags={"team": "risk"})
    genai.register_prompt("tagged", "x")
    genai.set_prompt_tag("tagged", "stage", "trial")
    assert genai.get_prompt_tags("tagged").items() >= {"team": "risk", "stage": "trial"}.items()
    genai.delete_prompt_tag("tagged", "team")
    assert "team" not in genai.get_prompt_tags("tagged")
    genai.set_prompt_version_tag("tagged", 1, "quality", "good")
    assert client.get_prompt_version("tagged", 1).tags["quality"] == "good"
    genai.delete_prompt_version_tag("tagged", 1, "quality")
    assert "quality" not in client.get_prompt_version("tagged", 1).tags
    assert client.get_prompt("tagged").description == "about tags"


@since_3
def test_searching_prompts(client, experiment):
    for number in range(5):
        mlflow.genai.register_prompt(f"found-{number}", f"text {number}")
    mlflow.genai.register_prompt("found-0", "second")
    mlflow.genai.set_prompt_tag("found-3", "team", "risk")
    names = lambda **search: [prompt.name for prompt in mlflow.genai.search_prompts(**search)]
    expected = [f"found-{number}" for number in range(5)]
    assert names(filter_string="name LIKE 'found-%'") == expected
    assert names(filter_string="tags.team = 'risk' AND name LIKE 'found-%'") == ["found-3"]
    pages, token = [], None
    while True:
        page = client.search_prompts(filter_string="name LIKE 'found-%'", max_results=2, page_token=token)
        assert len(page) <= 2
        pages += [prompt.name for prompt in page]
        token = page.token
        if not token:
            break
    assert pages == expected
    versions = client.search_prompt_versions("found-0")
    assert [found.version for found in versions] == [2, 1]
    assert [found.template for found in versions] == ["second", "text 0"]


@since_3
def test_a_run_s_prompts(client, experiment):
    mlflow.genai.register_prompt("used", "x")
    with mlflow.start_run() as active:
        loaded = mlflow.genai.load_prompt("used", version=1)
        run_id = active.info.run_id
    client.link_prompt_version_to_run(run_id, loaded)
    linked = json.loads(client.get_run(run_id).data.tags["mlflow.linkedPrompts"])
    assert linked == [{"name": "used", "version": "1"}]


@before_3
def test_prompts_of_clients_before_3(client, experiment):
    first = mlflow.register_prompt(
        "old", "Hello {{name}}!", commit_message="first", version_metadata={"author": "ada"}, tags={"team": "risk"}
    )
    assert (int(first.version), first.template, first.version_metadata) == (1, "Hello {{name}}!", {"author": "ada"})
    mlflow.register_prompt("old", "Good day, {{name}}!")
    assert int(mlflow.load_prompt("old").version) == 2
    loaded = mlflow.load_prompt("old", 1)
    assert (loaded.format(name="Eve"), loaded.commit_message, loaded.tags) == ("Hello Eve!", "first", {"team": "risk"})
    mlflow.set_prompt_alias("old", "production", 1)
    assert int(mlflow.load_prompt("prompts:/old@production").version) == 1
    mlflow.delete_prompt_alias("old", "production")
    with pytest.raises(MlflowException):
        mlflow.load_prompt("prompts:/old@production")
    with mlflow.start_run() as active:
        client.log_prompt(active.info.run_id, "prompts:/old/1")
    assert [prompt.name for prompt in client.list_logged_prompts(active.info.run_id)] == ["old"]
    client.detach_prompt_from_run(active.info.run_id, "prompts:/old/1")
    assert client.list_logged_prompts(active.info.run_id) == []
    mlflow.delete_prompt("old", 1)
    with pytest.raises(MlflowException):
        mlflow.load_prompt("old", 1)


def register(name, template="x"):
    return (mlflow.register_prompt if IS_2 else mlflow.genai.register_prompt)(name, template)


def test_models_and_prompts_have_names_of_their_own(client, server):
    register("both")
    message = refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, "both")
    assert "already taken by a prompt" in message
    client.create_registered_model("a-model")
    with pytest.raises(MlflowException, match="(?i)model"):
        register("a-model")
    assert "Registered Model (name=a-model) already exists." in refused(
        "RESOURCE_ALREADY_EXISTS", client.create_registered_model, "a-model"
    )
    refused("INVALID_PARAMETER_VALUE", client.create_model_version, "a-model", "models:/both/1")
    assert "both" not in [model.name for model in client.search_registered_models()]
    assert "both" not in [version.name for version in client.search_model_versions()]
    assert "a-model" in [model.name for model in client.search_registered_models()]


def test_prompts_hide_from_plain_searches(client, server):
    """The wire without a client, which adds conditions of its own."""
    import requests

    register("hidden")
    client.create_registered_model("shown")
    search = lambda family, **query: requests.get(f"{server}/api/2.0/mlflow/{family}/search", params=query, timeout=30)
    found = lambda family, key, **query: {one["name"] for one in search(family, **query).json().get(key, [])}
    models = lambda **query: found("registered-models", "registered_models", **query)
    assert "hidden" not in models() and "shown" in models()
    asking = models(filter="tags.`mlflow.prompt.is_prompt` = 'true'")
    assert "hidden" in asking and "shown" not in asking
    assert "hidden" not in models(filter="name = 'hidden'")
    assert "hidden" not in models(filter="tags.`mlflow.prompt.is_prompt` != 'true'")
    versions = lambda **query: found("model-versions", "model_versions", **query)
    assert "hidden" not in versions()
    assert "hidden" in versions(filter="tags.`mlflow.prompt.is_prompt` = 'true'")


def test_sources_of_prompts(client, server):
    import requests

    register("placed")
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    create = lambda source, tags: requests.post(
        f"{server}/api/2.0/mlflow/model-versions/create", timeout=30, json={"name": "placed", "source": source, "tags": tags}
    )
    assert create("prompt-template", tags).status_code == 200
    assert create("dummy-source", tags).status_code == 200
    for source in ["s3://bucket/x", "/etc/passwd", "prompt-template/..", "models:/placed/1"]:
        answer = create(source, tags)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), source
    assert create("prompt-template", []).status_code == 400, "a model is somewhere"


@since_3
def test_deleting(client):
    register("doomed")
    register("doomed", "y")
    client.delete_prompt_version("doomed", "1")
    assert [found.version for found in client.search_prompt_versions("doomed")] == [2]
    client.delete_prompt("doomed")
    assert client.get_prompt("doomed") is None


@since_3
def test_long_templates():
    long = "ü" * 99_999
    assert mlflow.genai.register_prompt("long", long).template == long
    refused("INVALID_PARAMETER_VALUE", mlflow.genai.register_prompt, "long", long + "xx")

"""Traces through MLflow's own client: decorators, spans, searches, assessments; and OpenTelemetry's protocol."""

import gzip
import json
import urllib.error
import urllib.request

import mlflow
import pytest
from mlflow.entities import SpanEvent
from mlflow.exceptions import MlflowException

is_3 = mlflow.__version__.startswith("3.")
only_3 = pytest.mark.skipif(not is_3, reason="clients before 3.0 have no such call")

if not is_3:
    # MLflow 2.22 does not call this constructor, without which newer OpenTelemetry SDKs end no span.
    from mlflow.tracing.processor.mlflow import MlflowSpanProcessor
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    made_by_mlflow = MlflowSpanProcessor.__init__

    def made_whole(self, span_exporter, *arguments, **named):
        SimpleSpanProcessor.__init__(self, span_exporter)
        made_by_mlflow(self, span_exporter, *arguments, **named)

    MlflowSpanProcessor.__init__ = made_whole


@mlflow.trace(span_type="CHAIN", attributes={"a": 1, "ü": "é"})
def answer(question):
    with mlflow.start_span("look up", span_type="RETRIEVER") as span:
        span.set_inputs({"question": question})
        span.set_attribute("documents", [1, "b", None])
        span.add_event(SpanEvent("found", attributes={"number": 2}))
        span.set_outputs([{"text": "x" * 300}])
    mlflow.update_current_trace(tags={"team": "risk"})
    return question + 1


@mlflow.trace
def fail():
    raise ValueError("not today")


def made(call, *arguments):
    """Calls a traced function and returns the id of its trace, which has arrived."""
    try:
        call(*arguments)
    except ValueError:
        pass
    if is_3:
        mlflow.flush_trace_async_logging()
    return mlflow.get_last_active_trace_id()


def id_of(trace):
    return trace.info.trace_id if is_3 else trace.info.request_id


def state_of(trace):
    return str(trace.info.state.value if is_3 else trace.info.status.value)


def found(experiment, text=None, **named):
    if is_3:
        traces = mlflow.search_traces(
            locations=[experiment], filter_string=text, return_type="list", include_spans=False, **named
        )
    else:
        traces = mlflow.MlflowClient().search_traces([experiment], filter_string=text, **named)
    return [id_of(trace) for trace in traces]


def test_a_trace_comes_back_whole(experiment):
    trace = mlflow.get_trace(made(answer, 3))
    assert state_of(trace) == "OK" and trace.info.experiment_id == experiment
    assert trace.info.tags["team"] == "risk" and trace.info.tags["mlflow.traceName"] == "answer"
    assert trace.info.tags["mlflow.artifactLocation"].startswith("mlflow-artifacts:/")
    root, child = trace.data.spans
    assert (root.name, root.span_type, root.parent_id) == ("answer", "CHAIN", None)
    assert (root.inputs, root.outputs, root.attributes["a"], root.attributes["ü"]) == ({"question": 3}, 4, 1, "é")
    assert (child.name, child.span_type, child.parent_id) == ("look up", "RETRIEVER", root.span_id)
    assert child.attributes["documents"] == [1, "b", None] and child.outputs == [{"text": "x" * 300}]
    assert [(event.name, event.attributes) for event in child.events] == [("found", {"number": 2})]
    assert child.status.status_code.value == "OK" and root.start_time_ns <= child.start_time_ns <= root.end_time_ns
    assert json.loads(trace.data.request) == {"question": 3} and json.loads(trace.data.response) == 4


def test_an_exception_is_told(experiment):
    trace = mlflow.get_trace(made(fail))
    assert state_of(trace) == "ERROR"
    (span,) = trace.data.spans
    assert span.status.status_code.value == "ERROR" and "not today" in span.status.description
    (event,) = [event for event in span.events if event.name == "exception"]
    assert event.attributes["exception.type"].endswith("ValueError")
    assert "not today" in event.attributes["exception.message"]


def test_a_trace_belongs_to_its_run(client, experiment):
    outside = made(answer, 1)
    with mlflow.start_run() as run:
        inside = made(answer, 2)
        failed = made(fail)
    assert found(experiment) == [failed, inside, outside]
    trace = mlflow.get_trace(inside)
    metadata = trace.info.trace_metadata if is_3 else trace.info.request_metadata
    assert metadata["mlflow.sourceRun"] == run.info.run_id
    assert found(experiment, f"metadata.mlflow.sourceRun = '{run.info.run_id}'") == [failed, inside]
    assert found(experiment, f"run_id = '{run.info.run_id}' AND status = 'OK'") == [inside]
    if is_3:
        client.link_traces_to_run([outside], run.info.run_id)
        assert found(experiment, run_id=run.info.run_id) == [failed, inside, outside]


def test_searches_for_traces(client, experiment):
    ids = [made(answer, number) for number in range(3)]
    failed = made(fail)
    client.set_trace_tag(ids[0], "team", "o'dd \"team\"")
    client.set_trace_tag(ids[1], "part", "é")
    client.delete_trace_tag(ids[2], "team")
    for text, expected in [
        (None, [failed, ids[2], ids[1], ids[0]]),
        ("status = 'ERROR'", [failed]),
        ("attributes.status != 'ERROR'", [ids[2], ids[1], ids[0]]),
        ("tags.team = 'risk'", [ids[1]]),
        ("tags.part LIKE '%é'", [ids[1]]),
        ("name = 'answer' AND tag.part ILIKE 'É'", []),
        ("name = 'answer' AND tags.team IS NULL", [ids[2]]),
        ("timestamp_ms > 0 AND execution_time_ms >= 0", [failed, ids[2], ids[1], ids[0]]),
        (f"request_id IN ('{ids[0]}', '{failed}')", [failed, ids[0]]),
    ]:
        assert found(experiment, text) == expected, text
    assert found(experiment, order_by=["timestamp_ms ASC"]) == [*ids, failed]
    assert found(experiment, order_by=["status ASC", "timestamp_ms ASC"]) == [failed, *ids]
    for wrong in ["colour = 'x'", "status = OK", "timestamp_ms > 'x'", "status = 'OK' OR status = 'ERROR'"]:
        with pytest.raises(MlflowException) as caught:
            found(experiment, wrong)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE", wrong


def test_pages(client, experiment):
    ids = [made(answer, number) for number in range(5)][::-1]
    seen, token = [], None
    while True:
        page = client.search_traces([experiment], max_results=2, page_token=token)
        assert len(page) <= 2
        seen += [id_of(trace) for trace in page]
        token = page.token
        if not token:
            break
    assert seen == ids
    with pytest.raises(MlflowException):
        client.search_traces([experiment], max_results=2, page_token="nonsense")


def test_a_table_of_traces(experiment):
    made(answer, 7)
    table = mlflow.search_traces(experiment_ids=[experiment]) if not is_3 else mlflow.search_traces(locations=[experiment])
    assert len(table) == 1
    row = table.iloc[0]
    assert [span["name"] if isinstance(span, dict) else span.name for span in row["spans"]] == ["answer", "look up"]
    if is_3:
        assert (row["state"], row["request"], row["response"]) == ("OK", {"question": 7}, 8)


def test_spans_by_hand(client, experiment):
    if is_3:
        root = client.start_trace("by hand", inputs={"a": 1}, tags={"x": "y"}, experiment_id=experiment)
        child = client.start_span("child", trace_id=root.trace_id, parent_id=root.span_id)
        client.end_span(child.trace_id, child.span_id, outputs=3, status="ERROR")
        client.end_trace(root.trace_id, outputs=4)
        mlflow.flush_trace_async_logging()
        trace_id = root.trace_id
    else:
        root = client.start_trace("by hand", inputs={"a": 1}, tags={"x": "y"}, experiment_id=experiment)
        child = client.start_span("child", request_id=root.request_id, parent_id=root.span_id)
        client.end_span(child.request_id, child.span_id, outputs=3, status="ERROR")
        client.end_trace(root.request_id, outputs=4)
        trace_id = root.request_id
    trace = client.get_trace(trace_id)
    assert trace.info.tags["x"] == "y" and trace.info.tags["mlflow.traceName"] == "by hand"
    assert [(span.name, span.status.status_code.value) for span in trace.data.spans] == [
        ("by hand", "OK"),
        ("child", "ERROR"),
    ]


def test_deleting(client, experiment):
    ids = [made(answer, number) for number in range(5)]
    named = {"trace_ids" if is_3 else "request_ids": [ids[4], "tr-nobody"]}
    assert client.delete_traces(experiment, **named) == 1
    assert client.delete_traces(experiment, max_timestamp_millis=2**52, max_traces=2) == 2
    assert found(experiment) == [ids[3], ids[2]]
    assert client.delete_traces(experiment, max_timestamp_millis=1) == 0
    assert mlflow.get_trace(ids[0]) is None
    with pytest.raises(MlflowException) as caught:
        client.get_trace(ids[0])
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@only_3
def test_searches_on_spans_and_assessments(experiment):
    from mlflow.entities import AssessmentSource

    ids = [made(answer, number) for number in range(2)]
    failed = made(fail)
    human = AssessmentSource("HUMAN", "ada")
    mlflow.log_feedback(trace_id=ids[0], name="quality", value=0.9, source=human)
    mlflow.log_feedback(trace_id=ids[1], name="quality", value="poor", source=human)
    mlflow.log_expectation(trace_id=ids[1], name="expected", value={"text": "x"}, source=human)
    for text, expected in [
        ("span.name = 'look up'", [ids[1], ids[0]]),
        ("span.type = 'RETRIEVER' AND span.status = 'OK'", [ids[1], ids[0]]),
        ("span.name = 'answer' AND span.type = 'RETRIEVER'", []),
        ("span.status = 'ERROR'", [failed]),
        ("span.attributes.documents LIKE '%b%'", [ids[1], ids[0]]),
        ("span.attributes.`mlflow.spanFunctionName` LIKE '%fail%'", [failed]),
        ("trace.text LIKE '%é%'", [ids[1], ids[0]]),
        ("feedback.quality > 0.5", [ids[0]]),
        ("feedback.quality = '0.9'", [ids[0]]),
        ("feedback.quality = 'poor'", [ids[1]]),
        ("feedback.quality IS NULL", [failed]),
        ("expectation.expected IS NOT NULL", [ids[1]]),
    ]:
        assert found(experiment, text) == expected, text


@only_3
def test_assessments(experiment):
    from mlflow.entities import AssessmentError, AssessmentSource, Expectation, Feedback

    trace_id = made(answer, 1)
    span_id = mlflow.get_trace(trace_id).data.spans[1].span_id
    human = AssessmentSource("HUMAN", "ada")
    first = mlflow.log_feedback(
        trace_id=trace_id, name="quality", value=0.9, source=human, rationale="good", metadata={"x": "y"}, span_id=span_id
    )
    kept = mlflow.get_assessment(trace_id, first.assessment_id)
    assert (kept.name, kept.value, kept.rationale, kept.metadata) == ("quality", 0.9, "good", {"x": "y"})
    assert (kept.source.source_type, kept.source.source_id, kept.span_id, kept.valid) == ("HUMAN", "ada", span_id, True)
    second = mlflow.override_feedback(trace_id=trace_id, assessment_id=first.assessment_id, value=0.1, source=human)
    assert second.overrides == first.assessment_id
    assert mlflow.get_assessment(trace_id, first.assessment_id).valid is False
    mlflow.delete_assessment(trace_id, second.assessment_id)
    mlflow.delete_assessment(trace_id, second.assessment_id)
    assert mlflow.get_assessment(trace_id, first.assessment_id).valid is True

    expected = mlflow.log_expectation(trace_id=trace_id, name="expected", value={"a": [1, "é"]}, source=human)
    mlflow.update_assessment(trace_id, expected.assessment_id, Expectation(name="expected", value="plain"))
    assert mlflow.get_assessment(trace_id, expected.assessment_id).value == "plain"
    broken = mlflow.log_feedback(
        trace_id=trace_id, name="judge", error=AssessmentError(error_code="LIMIT", error_message="too many"), source=human
    )
    assert mlflow.get_assessment(trace_id, broken.assessment_id).error.error_code == "LIMIT"
    mlflow.update_assessment(trace_id, broken.assessment_id, Feedback(name="judge", value=["a", 1.5], rationale="now"))
    changed = mlflow.get_assessment(trace_id, broken.assessment_id)
    assert (changed.value, changed.rationale, changed.source.source_id) == (["a", 1.5], "now", "ada")
    named = {said.name: said.value for said in mlflow.get_trace(trace_id).info.assessments}
    assert named == {"quality": 0.9, "expected": "plain", "judge": ["a", 1.5]}
    with pytest.raises(MlflowException) as caught:
        mlflow.get_assessment(trace_id, "a-nobody")
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(MlflowException) as caught:
        mlflow.update_assessment(trace_id, expected.assessment_id, Feedback(name="expected", value=1))
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


@only_3
def test_what_is_said_while_a_trace_goes_on(client, experiment):
    @mlflow.trace
    def judged():
        mlflow.log_feedback(trace_id=mlflow.get_active_trace_id(), name="inside", value=True)
        mlflow.update_current_trace(client_request_id="request-1", metadata={"mlflow.trace.session": "s-1"})

    trace_id = made(judged)
    info = mlflow.get_trace(trace_id).info
    assert [(said.name, said.value) for said in info.assessments] == [("inside", True)]
    assert info.client_request_id == "request-1"
    assert found(experiment, "attributes.client_request_id = 'request-1'") == [trace_id]
    assert found(experiment, "metadata.mlflow.trace.session = 's-1'") == [trace_id]


@only_3
def test_correlations(experiment):
    from mlflow.tracing.client import TracingClient

    for number in range(3):
        made(answer, number)
    made(fail)
    result = TracingClient().calculate_trace_filter_correlation(
        [experiment], "span.type = 'RETRIEVER'", "tags.team = 'risk'"
    )
    assert (result.filter1_count, result.filter2_count, result.joint_count, result.total_count) == (3, 3, 3, 4)
    assert result.npmi == pytest.approx(1.0)
    never = TracingClient().calculate_trace_filter_correlation([experiment], "status = 'ERROR'", "tags.team = 'risk'")
    assert never.npmi == -1.0 and never.npmi_smoothed < 0


@only_3
def test_prompts_are_linked(client, server, experiment):
    trace_id = made(answer, 1)
    body = {"trace_id": trace_id, "prompt_versions": [{"name": "greet", "version": "2"}]}
    ask(server, "/api/2.0/mlflow/traces/link-prompts", json.dumps(body).encode(), "application/json")
    assert found(experiment, "prompt = 'greet/2'") == [trace_id]
    assert found(experiment, "prompt = 'greet/1'") == []


def ask(server, path, body=None, content_type=None, headers=None):
    headers = {**({"Content-Type": content_type} if content_type else {}), **(headers or {})}
    request = urllib.request.Request(server + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_file_of_a_trace(server, experiment):
    trace_id = made(answer, 3)
    for version in ("2.0", "3.0"):
        status, body = ask(server, f"/ajax-api/{version}/mlflow/get-trace-artifact?request_id={trace_id}")
        assert status == 200
        spans = json.loads(body)["spans"]
        assert [span["name"] for span in spans] == ["answer", "look up"]
        assert json.loads(spans[0]["attributes"]["mlflow.spanInputs"]) == {"question": 3}
    assert ask(server, "/ajax-api/2.0/mlflow/get-trace-artifact?request_id=tr-nobody")[0] == 404
    path = f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={trace_id}&path=../../x"
    assert ask(server, path)[0] == 400


def otlp(trace_id, experiment=None, **more):
    span = {
        "traceId": trace_id,
        "spanId": "00f067aa0ba902b7",
        "name": "checkout",
        "kind": 2,
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000250000000",
        "attributes": [
            {"key": "http.status_code", "value": {"intValue": "200"}},
            {"key": "input.value", "value": {"stringValue": "a question"}},
            {"key": "session.id", "value": {"stringValue": "s-9"}},
        ],
        "status": {"code": 1},
        **more,
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}).encode()


@only_3
def test_opentelemetry(server, experiment):
    header = {"x-mlflow-experiment-id": experiment}
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    packed = gzip.compress(otlp(trace_id))
    status, body = ask(server, "/v1/traces", packed, "application/json", {**header, "Content-Encoding": "gzip"})
    assert (status, json.loads(body)) == (200, {})
    late = otlp(trace_id, spanId="00f067aa0ba902b8", parentSpanId="00f067aa0ba902b7", endTimeUnixNano="1700000000500000000")
    assert ask(server, "/v1/traces", late, "application/json", header)[0] == 200
    trace = mlflow.get_trace(f"tr-{trace_id}")
    assert (trace.info.state.value, trace.info.request_time) == ("OK", 1_700_000_000_000)
    assert trace.info.execution_duration == 500 and trace.info.request_preview == "a question"
    assert trace.info.tags["service.name"] == "shop" and trace.info.tags["mlflow.traceName"] == "checkout"
    assert trace.info.trace_metadata["mlflow.trace.session"] == "s-9"
    assert [span.attributes["http.status_code"] for span in trace.data.spans] == [200, 200]
    assert found(experiment, "span.attributes.`http.status_code` = '200'") == [f"tr-{trace_id}"]

    status, body = ask(server, "/v1/traces", otlp("00" * 16), "application/json", header)
    partial = json.loads(body)["partialSuccess"]
    assert (status, partial["rejectedSpans"]) == (200, "1") and "16 bytes" in partial["errorMessage"]
    for refused, content_type, headers, expected in [
        (b"{", "application/json", header, 400),
        (b"\xff", "application/x-protobuf", header, 400),
        (otlp(trace_id), "text/plain", header, 415),
        (otlp(trace_id), "application/json", {**header, "Content-Encoding": "gzip"}, 400),
        (otlp(trace_id), "application/json", {**header, "Content-Encoding": "br"}, 415),
        (otlp("4bf92f3577b34da6a3ce929d0e0e4737"), "application/json", {"x-mlflow-experiment-id": "404404"}, 404),
    ]:
        assert ask(server, "/v1/traces", refused, content_type, headers)[0] == expected


def test_bad_traces(server, experiment):
    def start(**changes):
        info = {
            "trace_id": "tr-1",
            "trace_location": {"mlflow_experiment": {"experiment_id": experiment}},
            "request_time": "2026-01-02T03:04:05Z",
            "state": "OK",
            **changes,
        }
        body = json.dumps({"trace": {"trace_info": info}}).encode()
        return ask(server, "/api/3.0/mlflow/traces", body, "application/json")

    assert start()[0] == 200
    for changes in [
        {"trace_id": "../../etc"},
        {"trace_id": "a/b"},
        {"trace_id": "x" * 129},
        {"trace_id": None},
        {"trace_location": {}},
        {"request_time": "yesterday"},
        {"execution_duration": "soon"},
        {"state": "FINE"},
        {"tags": {"": "x"}},
        {"tags": {"k" * 251: "x"}},
    ]:
        status, body = start(**changes)
        assert (status, json.loads(body)["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), changes
    status, body = start(tags={"long": "é" * 9_000}, trace_location={"mlflow_experiment": {"experiment_id": "404404"}})
    assert (status, json.loads(body)["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    status, body = start(tags={"long": "é" * 9_000})
    assert json.loads(body)["trace"]["trace_info"]["tags"]["long"] == "é" * 8_000
    body = json.dumps({"key": "mlflow.trace.spansLocation", "value": "x"}).encode()
    request = urllib.request.Request(f"{server}/api/3.0/mlflow/traces/tr-1/tags", data=body, method="PATCH")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 400

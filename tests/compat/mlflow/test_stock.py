"""What Metria answers beside what MLflow's own server answers: the same, but for what `differences.py` lists.

The wire is that of MLflow 3.17, so with this version all is compared, call by call. The server of 2.22 answers many a call
otherwise than that of 3.17; with its version it is compared what the client makes of the answers.
"""

import functools
import json
import pathlib

import mlflow
import pytest
from differences import DIFFERENCES, Difference
from scenarios import SCENARIOS
from wire import Wire, differences

WHOLE = not mlflow.__version__.startswith("2.")
COMPARED = [name for name in SCENARIOS if WHOLE or name.endswith(".through_the_client")]
DOCUMENTATION = pathlib.Path(__file__).parents[3] / "docs" / "compat" / "mlflow.md"


@functools.cache
def compared(name, ours, stock):
    """What differs in one scenario: where, and both sides."""
    answers = []
    for url in (stock, ours):
        wire = Wire(url, name)
        SCENARIOS[name](wire)
        answers.append(wire.answers)
    return {f"{name}: {where}": pair for where, pair in differences(*answers).items()}


@pytest.mark.parametrize("name", COMPARED)
def test_the_same_is_answered(name, server, stock_server):
    listed = lambda where: any(difference.covers(where) for difference in DIFFERENCES)
    found = {where: pair for where, pair in compared(name, server, stock_server).items() if not listed(where)}
    shown = "\n".join(f"{where}\n    MLflow: {there}\n    Metria: {here}" for where, (there, here) in found.items())
    assert not found, f"{len(found)} differences that are not listed:\n{shown}"


if WHOLE:

    def test_what_is_listed_differs(server, stock_server):
        found = [where for name in SCENARIOS for where in compared(name, server, stock_server)]
        stale = [
            f"{difference.what}: {pattern}"
            for difference in DIFFERENCES
            for pattern in difference.patterns()
            if not any(Difference.matches(pattern, where) for where in found)
        ]
        assert not stale, "no longer a difference:\n" + "\n".join(stale)


def test_what_is_not_here_says_so(server):
    rows = [line for line in DOCUMENTATION.read_text().splitlines() if line.startswith("| `/")]
    assert rows
    wire = Wire(server, "not here")
    for row in rows:
        path = row.split("`")[1]
        for version in ("2.0", "3.0"):
            status, _, text = wire.ask("GET", f"/api/{version}/mlflow{path}x" if path.endswith("-") else f"/ajax-api/{version}/mlflow{path}", None)
            assert (status, json.loads(text)["error_code"]) == (501, "NOT_IMPLEMENTED"), row
    status, _, text = wire.ask("GET", "/api/2.0/mlflow/nobody", None)
    assert (status, json.loads(text)["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_the_documentation_has_the_list():
    lines = DOCUMENTATION.read_text().splitlines()
    rows = lines[lines.index("| what | MLflow | Metria, and why |") + 2 :]
    rows = rows[: (rows + [""]).index("")]
    assert rows == [difference.row() for difference in DIFFERENCES]

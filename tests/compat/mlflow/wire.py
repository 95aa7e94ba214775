"""Asks a server and writes down what it answers in a form that two servers can be compared by."""

import contextlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request

from mlflow.entities._mlflow_object import _MlflowObject
from mlflow.exceptions import MlflowException

API = "/api/2.0/mlflow/"
ID = re.compile(r"\b[0-9a-f]{32}\b")
NAME = re.compile(r"[a-z]+-[a-z]+-\d+")
TIMES = {
    "creation_time", "last_update_time", "start_time", "end_time", "timestamp", "creation_timestamp",
    "last_updated_timestamp", "create_time",
}  # fmt: skip
TEXTS = {"message", "next_page_token", "page_token"}
YEAR_2001_MS = 1_000_000_000_000


class Wire:
    """One server, as one scenario sees it."""

    def __init__(self, url, scenario):
        self.url = url
        # So that names are the scenario's own on a server that has seen others.
        self.scenario = scenario
        self.answers = {}
        self.known = {}

    def name(self, text):
        return f"{self.scenario} {text}"

    def post(self, label, path, body=None, **fields):
        return self.send(label, "POST", path, fields if body is None else body)

    def patch(self, label, path, **fields):
        return self.send(label, "PATCH", path, fields)

    def delete(self, label, path, **fields):
        return self.send(label, "DELETE", path, fields)

    def get(self, label, path, **fields):
        query = urllib.parse.urlencode(fields, doseq=True)
        return self.send(label, "GET", f"{path}?{query}" if query else path, None)

    def send(self, label, method, path, body, content_type="application/json"):
        """Asks, writes the answer down under the label, and returns its JSON, or {} if it is none."""
        status, kind, text = self.ask(method, path, body, content_type)
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        shown = answer
        if answer is None:
            shown = text if len(text) < 100 and not text.startswith("<") else f"<{kind}>"
        elif status != 200 and isinstance(answer, dict) and "error_code" in answer:
            shown = {"error_code": answer["error_code"], "message": "text" if answer.get("message") else None}
        self.see(label, {"status": status, "body": shown})
        return answer if isinstance(answer, dict) else {}

    def ask(self, method, path, body, content_type="application/json"):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        url = self.url + (path if path.startswith("/") else API + path)
        request = urllib.request.Request(url, body, {"Content-Type": content_type}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers.get_content_type(), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get_content_type(), error.read().decode()

    def see(self, label, value):
        """Writes a value down under a label."""
        assert label not in self.answers, f"the label '{label}' is there twice"
        self.label = label
        self.answers[label] = dict(self._leaves("", self._plain(value)))

    # Into a form that does not change from server to server

    def call(self, label, function, *arguments, **named):
        """Calls a client's function and writes down what it returns or how it refuses; the result, or nothing."""
        try:
            result = function(*arguments, **named)
        except MlflowException as error:
            self.see(label, {"refused": error.error_code})
            return None
        self.see(label, result)
        return result

    def _plain(self, value):
        if isinstance(value, dict):
            return {str(key): self._plain(item) for key, item in value.items()}
        if value is None or isinstance(value, (str, int, float)):
            return value
        # MLflow's entities tell their fields; what else can be gone through is a list, Protocol Buffers' own included.
        if isinstance(value, _MlflowObject):
            return {key: self._plain(item) for key, item in value}
        if hasattr(value, "__iter__"):
            return [self._plain(item) for item in value]
        return {key.strip("_"): self._plain(item) for key, item in getattr(value, "__dict__", {"": str(value)}).items()}

    def _symbol(self, kind, value):
        """The same name for the same thing on every server: by the answer in which it is first seen."""
        names = self.known.setdefault(kind, {})
        before = sum(name.startswith(f"<{kind} of {self.label}") for name in names.values())
        return names.setdefault(value, f"<{kind} of {self.label}{f' {before + 1}' if before else ''}>")

    def _leaves(self, path, value, key=""):
        if isinstance(value, dict):
            if not value:
                yield path, "{}"
            for inner in sorted(value):
                yield from self._leaves(f"{path}.{inner}", value[inner], inner)
        elif isinstance(value, list):
            if not value:
                yield path, "[]"
            if key == "dataset_inputs":
                value = sorted(value, key=lambda item: (item["dataset"]["name"], item["dataset"]["digest"]))
            if key == "latest_versions":
                value = sorted(value, key=lambda item: int(item["version"]))
            keys = [str(item["key"]) for item in value if isinstance(item, dict) and "key" in item]
            if len(keys) == len(value) == len(set(keys)):
                # Params, tags and latest metrics have no order of their own, but a metric's history has one.
                for place, item in zip(keys, value):
                    yield from self._leaves(f"{path}[{place[:40]}]", {**item, "key": "as said"}, key)
                return
            for place, item in enumerate(value):
                yield from self._leaves(f"{path}[{place}]", item, key)
        else:
            yield path, self._leaf(key, value)

    def _leaf(self, key, value):
        if key in TIMES and isinstance(value, int) and value > YEAR_2001_MS:
            return "<time>"
        if key in TEXTS and isinstance(value, str):
            return "<text>" if value else "''"
        if isinstance(value, str):
            if key in ("experiment_id", "experiment_ids") and value not in ("0", ""):
                return self._symbol("experiment", value)
            if value.startswith(("[{", "{\"")):
                # JSON in a text says the same in any order of its keys.
                with contextlib.suppress(ValueError):
                    value = json.dumps(json.loads(value), sort_keys=True)
            if NAME.fullmatch(value):
                return self._symbol("name", value)
            text = ID.sub(lambda found: self._symbol("id", found[0]), value)
            text = re.sub(r"^mlflow-artifacts:/(\d+)", lambda found: "mlflow-artifacts:/" + self._symbol("experiment", found[1]), text)
            return repr(text)
        return repr(value)


def _shown(answer):
    """An answer in a few words, where the way of refusing is what differs."""
    return f"{answer.get('.status', '')} {answer.get('.body.error_code', '')}".strip()


def differences(stock, ours):
    """What differs in the answers to one scenario: label and path, there and here."""
    found = {}
    for label in {**stock, **ours}:
        there, here = stock.get(label, {"": "not asked"}), ours.get(label, {"": "not asked"})
        if there.get(".status") != here.get(".status"):
            found[f"{label}: status"] = _shown(there), _shown(here)
            continue
        for path in {**there, **here}:
            pair = there.get(path, "absent"), here.get(path, "absent")
            if pair[0] != pair[1]:
                found[f"{label}: {path}"] = pair
    return found

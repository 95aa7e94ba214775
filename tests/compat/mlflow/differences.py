"""Where Metria answers otherwise than MLflow's own server, and why. docs/compat/mlflow.md has the same list.

`where` names the answers: scenario, label and path, with `*` for anything. `test_stock.py` fails where something differs
that is not here, and where something here does not differ.
"""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Difference:
    what: str
    stock: str
    why: str
    where: str
    #: What differs with some storages only: folder or bucket.
    sometimes: str = ""

    @staticmethod
    def lines(text):
        return [line.strip() for line in text.strip().splitlines()]

    def patterns(self):
        return self.lines(self.where)

    def covers(self, where):
        return any(self.matches(pattern, where) for pattern in self.patterns() + self.lines(self.sometimes))

    @staticmethod
    def matches(pattern, where):
        return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), where, re.DOTALL) is not None

    def row(self):
        """A line of the documentation's table."""
        return f"| {self.what} | {self.stock} | {self.why} |"


DIFFERENCES = [
    Difference(
        "a location on the server's own disk, or with `..` in it, as `artifact_location` or as a version's source",
        "taken as `artifact_location`",
        "refused with `INVALID_PARAMETER_VALUE`: whoever can reach the server could read and write its files",
        """
        experiments.refused: location on the server's disk: status
        experiments.refused: location as file: status
        experiments.refused: location with dots: status
        """,
    ),
    Difference(
        "a value of the wrong type, or a number that is too large or no whole one",
        "mostly passed over: the field counts as not given, or the answer is 500",
        "refused with `INVALID_PARAMETER_VALUE`, so that nothing else is written than what was meant",
        """
        runs.created_oddly: start as fraction: status
        runs.created_oddly: tag without key: status
        runs.batches: metrics of texts: status
        runs.life: status of no kind: status
        metrics.refused: time as fraction: status
        metrics.refused: time beyond 64 bits: status
        metrics.refused: step as fraction: status
        metrics.refused: in the end: .body.run.data.metrics[m].step
        metrics.numbers: flag: status
        metrics.numbers: list: status
        metrics.numbers: in the end: .body.run.data.metrics[flag].*
        protocol.wrong_types: tags are a *: status
        protocol.wrong_types: size is a *: status
        protocol.wrong_types: a field twice: status
        experiments.searches: view in words: status
        search.views_and_experiments: view *: status
        search.views_and_experiments: as numbers: status
        search.pages: size a fraction: status
        search.pages: token a number: status
        runs.inputs: no dataset: status
        """,
    ),
    Difference(
        "bare `NaN` and `Infinity` in a body, which is no JSON",
        "written as the number 0",
        "refused with `INVALID_PARAMETER_VALUE`; MLflow's clients write them as texts, which are read",
        """
        metrics.numbers: bare *: status
        metrics.numbers: in the end: .body.run.data.metrics[bare *
        metrics.numbers: history of bare *
        """,
    ),
    Difference(
        "a body that is no object, or too deep",
        "500",
        "400: asking again would not help, and clients ask again after 500",
        """
        protocol.bodies: list: status
        runs.models: no object: status
        protocol.bodies: text: status
        protocol.bodies: number: status
        protocol.bodies: 5,000 deep: status
        protocol.bodies: unknown field, 5,000 deep: status
        """,
    ),
    Difference(
        "NUL and halves of surrogate pairs in texts, control characters in names",
        "taken, or the text is lost",
        "refused with `INVALID_PARAMETER_VALUE`: PostgreSQL has no place for NUL, and such names break pages and paths",
        """
        protocol.bodies: half a surrogate: status
        protocol.bodies: NUL: status
        protocol.bodies: in the end: .body.run.data.tags[i].*
        protocol.bodies: in the end: .body.run.data.tags[j].*
        experiments.names: create line: status
        experiments.names: * line: *
        registry.model_names: * line: status
        """,
    ),
    Difference(
        "the name `..`, and model names with `@`, `#`, `?`, `%`, `\\` or more than 256 characters",
        "taken",
        "refused with `INVALID_PARAMETER_VALUE`: `models:/name@alias` and addresses in a browser would mean something else",
        """
        experiments.names: * dots: *
        registry.model_names: * at: status
        registry.model_names: * hash: status
        registry.model_names: * question: status
        registry.model_names: * percent: status
        registry.model_names: * backslash: status
        registry.model_names: * 257: status
        """,
    ),
    Difference(
        "renaming a deleted experiment; archiving with `archive_existing_versions`; an order that names a key twice",
        "500",
        "400 `INVALID_PARAMETER_VALUE`, or done (the order): clients ask again after 500",
        """
        experiments.life: rename a deleted one: status
        registry.stages: archive with archiving: status
        registry.stages: none with archiving: status
        search.orders: the same twice: status
        registry.searches: tag IS NULL: status
        search.pages: token unicode: status
        """,
    ),
    Difference(
        "renaming an experiment to a name that is taken",
        "`BAD_REQUEST`",
        "`RESOURCE_ALREADY_EXISTS`, as when one is created with it; both are 400",
        "experiments.refused: rename to a taken name: .body.error_code",
    ),
    Difference(
        "a run that is created without a start time",
        "started in 1970",
        "starts now",
        """
        experiments.runs_go_with_it: run: .body.run.info.start_time
        experiments.runs_go_with_it: its run: .body.run.info.start_time
        experiments.runs_go_with_it: its run again: .body.run.info.start_time
        experiments.runs_go_with_it: search deleted in it: .body.runs[0].info.start_time
        """,
    ),
    Difference(
        "a run that is created without an experiment, or with a tag twice",
        "`BAD_REQUEST`, from the database",
        "goes to the experiment `0`; the last value of the tag holds",
        """
        runs.created_oddly: no experiment: status
        runs.created_oddly: tag twice: status
        """,
    ),
    Difference(
        "the tag `mlflow.runName`, once it is removed",
        "gone, though the run keeps its name",
        "a run always shows its name there, for clients look for it there",
        "runs.life: *: .body.run.data.tags[mlflow.runName].*",
    ),
    Difference(
        "a dataset's tags",
        "all are kept",
        "only `mlflow.data.context` is kept, the only one that clients write",
        "runs.inputs: the third run: *tags[colour]*",
    ),
    Difference(
        "a dataset that is logged again to one run",
        "the first time holds",
        "the last time holds",
        """
        runs.inputs: the third run: *tags[mlflow.data.context].value
        """,
    ),
    Difference(
        "`outputs` of a new run",
        "left out of the answer to `runs/create`",
        "empty, as in the answer to `runs/get`",
        "*: .body.run.outputs",
    ),
    Difference(
        "a version's `run_link`",
        "kept",
        "not kept; the run's id is",
        "registry.versions: *: .body.model_version.run_link",
    ),
    Difference(
        "versions from a place of this server without the run it belongs to, and from runs that are not there",
        "the first is refused, the second taken",
        "the first is taken, for the place is one that clients can reach anyway; the second is 404",
        """
        registry.versions: of our own without run: status
        registry.versions: run that is not: status
        registry.versions: of a run that is not: status
        registry.versions: how many there are: *
        """,
    ),
    Difference(
        "deleting a version that is in Staging or Production, or a model with one",
        "done",
        "refused with `INVALID_PARAMETER_VALUE`: what serves must not vanish; move it to Archived first",
        """
        registry.stages: delete what is in Production: status
        registry.stages: delete the model: status
        registry.through_the_client: delete: *
        registry.through_the_client: nobody: *
        """,
    ),
    Difference(
        "`archive_existing_versions` as a text; a text where a list is meant",
        "refused",
        "read, as both are in a query",
        """
        registry.stages: flag as text: status
        search.views_and_experiments: no list: status
        """,
    ),
    Difference(
        "`OR`, `NOT`, parentheses, `nan`",
        "refused",
        "read, as everywhere in Metria ([search](../search.md)); what MLflow reads means the same here",
        """
        search.filters: * OR *: status
        search.filters: * NOT metrics.*: status
        search.filters: * (metrics.*: status
        search.filters: * metrics.m > nan: status
        registry.searches: OR: status
        registry.searches: versions, OR: status
        experiments.searches: OR: status
        """,
    ),
    Difference(
        "the search language",
        "`IN` for `run_id` alone, no `IS NULL` for attributes, no orders by tags of experiments and models, times of models not in filters, backquotes never around values",
        "all of these are answered",
        """
        search.filters: *IN (*: status
        search.filters: * IS NULL: status
        search.filters: * IS NOT NULL: status
        search.filters: * attributes.Run_Name = 'a': status
        search.filters: * attributes.user = 'ann': status
        search.filters: * params.p = `x`: status
        search.filters: only space: status
        search.orders: by attributes.`run name`: status
        search.orders: by attributes."Run Name" DESC: status
        search.orders: by attributes.User: status
        experiments.searches: order by tag: status
        experiments.searches: IN: status
        registry.searches: time: status
        registry.searches: order by creation: status
        registry.searches: order by tag: status
        """,
    ),
    Difference(
        "a filter with `AND` at its begin or end or twice in a row, or without a key",
        "what is odd is passed over",
        "refused with `INVALID_PARAMETER_VALUE` and the place: it may not say what was meant",
        """
        search.filters: *metrics.m > 1 AND: status
        search.filters: *AND metrics.m > 1: status
        search.filters: *AND AND*: status
        search.filters: *metrics. > 1: status
        search.orders: by metrics.: status
        """,
    ),
    Difference(
        "a quote doubled inside a text, `version_number` in quotes, experiments by `experiment_id`",
        "read",
        "refused with `INVALID_PARAMETER_VALUE`; write the other kind of quotes, no quotes, and ask for the experiment itself",
        """
        search.filters: * params.p = 'it''s 100%_': status
        registry.searches: versions, number is in quotes: status
        experiments.searches: order by id: status
        experiments.searches: id is: status
        experiments.searches: injection: status
        """,
    ),
    Difference(
        "conditions on `artifact_uri`",
        "on the address that clients see",
        "on the place behind it, for locations below this server's own root",
        "search.filters: * artifact_uri LIKE 'mlflow-artifacts:%': .runs",
    ),
    Difference(
        "NaN in conditions and orders",
        "counts as 0 in a condition and comes after all numbers in an order",
        "fulfils no condition and counts as missing in an order",
        """
        search.filters: * metrics.n != 5: .runs
        search.orders: by metrics.n *: .runs
        """,
    ),
    Difference(
        "ids, and page tokens",
        "32 random hexadecimal characters; base64 of an offset, negative ones too",
        "ids ascend with time, so orders by id or by address are those of creation; tokens hold a place in the order and are refused when they were not given out here",
        """
        search.orders: by artifact_uri: .runs
        search.orders: by run_id: .runs
        search.pages: token offset below 0: status
        """,
    ),
    Difference(
        "`max_results` of 0 where models are searched",
        "nothing is found",
        "refused with `INVALID_PARAMETER_VALUE`, as everywhere else",
        "registry.searches: page of none: status",
    ),
    Difference(
        "the answer to `/health`",
        "the text `OK`",
        "JSON with the models that are loaded; clients look at the status alone",
        "protocol.about_the_server: health: *",
    ),
    Difference(
        "`server-info`",
        "tells of a gateway; of uploads in parts and addresses of the storage behind, as its own storage has them",
        "tells of no gateway; of uploads in parts always, and of addresses where the storage is a bucket",
        """
        protocol.about_the_server: server-info *: .body.features_enabled.gateway
        protocol.about_the_server: server-info *: .body.multipart_uploads_enabled
        """,
        sometimes="""
        protocol.about_the_server: server-info *: .body.presigned_upload_*
        protocol.about_the_server: server-info *: .body.multipart_downloads_enabled
        """,
    ),
    Difference(
        "what nobody has: other paths and methods",
        "404 and 405 with a page in HTML; two slashes count as one",
        "404 and 405 with JSON",
        """
        protocol.prefixes: *: .body*
        protocol.prefixes: two slashes: status
        search.views_and_experiments: by GET: .body*
        """,
    ),
    Difference(
        "`experiments/search-datasets`",
        "under `/ajax-api` alone",
        "under `/api` too, with and without the slash that upstream's client leaves out",
        """
        runs.inputs: datasets, odd path: status
        runs.inputs: datasets, slash: status
        """,
    ),
]

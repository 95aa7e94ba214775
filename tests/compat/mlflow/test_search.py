"""What the search language has beyond MLflow's, asked by MLflow's own client."""

import mlflow
import pytest
from mlflow.exceptions import MlflowException


@pytest.fixture
def runs(experiment):
    for number in range(6):
        with mlflow.start_run(run_name=f"r{number}"):
            for step, loss in enumerate([3 + number, number, 2 + number]):
                mlflow.log_metric("loss", loss, step=step)
            mlflow.log_metrics({"train": 0.9, "test": 0.9 - number / 10})
            if number < 4:
                mlflow.log_param("depth", number // 2)
    return experiment


@pytest.mark.parametrize(
    "text, order, expected",
    [
        ("params.depth = '0' OR metrics.loss > 6", "start_time ASC", ["r0", "r1", "r5"]),
        ("NOT (params.depth = '0' OR metrics.loss > 6)", "start_time ASC", ["r2", "r3", "r4"]),
        ("metrics.train - metrics.test > 0.25 AND params.depth = '1'", "start_time ASC", ["r3"]),
        ("min(metrics.loss) <= 1 AND metrics.loss > 2 * min(metrics.loss)", "min(metrics.loss) DESC", ["r1", "r0"]),
        ("attributes.end_time - attributes.start_time >= 0", "max(metrics.loss) DESC", ["r5", "r4", "r3", "r2", "r1", "r0"]),
        ("attributes.end_time - attributes.start_time > 3600000", "start_time ASC", []),
    ],
)
def test_beyond(runs, text, order, expected):
    found = mlflow.search_runs([runs], filter_string=text, order_by=[order], output_format="list")
    assert [run.info.run_name for run in found] == expected


def test_refusals_name_the_place(runs):
    for text, words in [
        ("metrics.a > 1 XOR metrics.b > 1", "at character 14"),
        ("metrics.loss + params.depth > 1", "at character 15"),
        ("(" * 1000 + "metrics.a > 1" + ")" * 1000, "at most 50 levels"),
    ]:
        with pytest.raises(MlflowException) as caught:
            mlflow.search_runs([runs], filter_string=text)
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
        assert words in str(caught.value)

"""MLflow's own client against Metria: only the URL is new.

    metria server
    pip install mlflow-skinny
    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python examples/mlflow_client.py
"""

import math

import mlflow
from mlflow import MlflowClient

mlflow.set_experiment("examples")

for rate in [0.1, 0.3, 1.0]:
    with mlflow.start_run(run_name=f"rate {rate}"):
        mlflow.log_param("rate", rate)
        for step in range(50):
            mlflow.log_metric("loss", math.exp(-rate * step / 10), step=step)
        mlflow.log_text(f"a run with rate {rate}\n", "notes.txt")

experiment = mlflow.get_experiment_by_name("examples")
best = MlflowClient().search_runs([experiment.experiment_id], order_by=["metrics.loss ASC"], max_results=1)[0]
print(f"best: {best.info.run_name}, loss {best.data.metrics['loss']:.4f}")
print(mlflow.artifacts.load_text(f"runs:/{best.info.run_id}/notes.txt").strip())

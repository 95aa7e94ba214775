"""A script as people write it: `tracking_client.py URL PARAMS METRICS ARTIFACTS` prints what it took and what it finds."""

import json
import logging
import os
import sys
import time

os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"

import mlflow

logging.disable(logging.WARNING)


def main(url, params, metrics, artifacts):
    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("script")
    wall, cpu = time.perf_counter(), time.process_time()
    with mlflow.start_run(run_name="script") as active:
        for number in range(params):
            mlflow.log_param(f"param {number}", number)
        for step in range(metrics):
            mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
        for number in range(artifacts):
            mlflow.log_text("hello", f"words/{number}.txt")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    client = mlflow.MlflowClient()
    run = client.get_run(active.info.run_id)
    files = sorted(entry.path for entry in client.list_artifacts(run.info.run_id, "words"))
    history = len(client.get_metric_history(run.info.run_id, "loss"))
    found = [run.info.run_name, run.info.status, sorted(run.data.params.items()), run.data.metrics["loss"], history, files]
    sys.stdout.write(json.dumps({"wall_s": wall, "client_cpu_s": cpu, "found": found}))


main(sys.argv[1], *map(int, sys.argv[2:]))

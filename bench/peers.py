"""What the peers do, one task a process: `peers.py TASK JSON_ARGUMENTS` prints its result as a line of JSON."""

import json
import pathlib
import sys
import time

import numpy as np


def timed(work):
    """The result with wall and CPU seconds (all threads of this process)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def fit_and_predict(model, arguments):
    start = time.perf_counter()
    x, y, evaluation = (np.load(arguments[key]) for key in ["x", "y", "evaluation"])
    load_s = time.perf_counter() - start
    _, fit_s, fit_cpu_s = timed(lambda: model.fit(x, y))
    proba, predict_s, predict_cpu_s = timed(lambda: model.predict_proba(evaluation))
    np.save(arguments["proba"], np.asarray(proba, dtype=np.float64))
    return {
        "load_s": load_s,
        "fit_s": fit_s,
        "fit_cpu_s": fit_cpu_s,
        "predict_s": predict_s,
        "predict_cpu_s": predict_cpu_s,
    }


def forest_sklearn(arguments):
    from sklearn.ensemble import RandomForestClassifier

    return fit_and_predict(RandomForestClassifier(n_jobs=arguments["threads"], **arguments["settings"]), arguments)


def forest_xgboost(arguments):
    from xgboost import XGBRFClassifier

    settings = arguments["settings"]
    share = float(np.sqrt(np.load(arguments["x"], mmap_mode="r").shape[1]) / np.load(arguments["x"], mmap_mode="r").shape[1])
    model = XGBRFClassifier(
        n_estimators=settings["n_estimators"],
        max_depth=settings["max_depth"],
        random_state=settings["random_state"],
        subsample=0.632,
        colsample_bynode=share,
        reg_lambda=0,
        tree_method="hist",
        n_jobs=arguments["threads"],
    )
    return fit_and_predict(model, arguments)


def credit_pipeline(table, target, settings):
    """scikit-learn's pipeline with the features of ours: numbers scaled by their sample deviation, then one column for
    each category."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    class SampleScaler(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            super().fit(X, y, sample_weight)
            n = self.n_samples_seen_
            self.scale_ = np.sqrt(self.var_ * n / (n - 1))
            return self

    features = table.drop(columns=target)
    numbers = [name for name in features if pd.api.types.is_numeric_dtype(features[name])]
    texts = [name for name in features if name not in numbers]
    encode = ColumnTransformer(
        [
            ("numbers", SampleScaler(), numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
        ]
    )
    forest = RandomForestClassifier(n_jobs=1, **settings)
    return Pipeline([("encode", encode), ("forest", forest)]).fit(features, table[target]), features


def read_table(path):
    import pandas as pd

    return pd.read_csv(path, keep_default_na=False)


def predict_row(arguments):
    model, features = credit_pipeline(read_table(arguments["table"]), arguments["target"], arguments["settings"])
    rows = [features.iloc[[row]] for row in range(arguments["rows"])]
    seconds = []
    for row in rows:
        start = time.perf_counter()
        model.predict_proba(row)
        seconds.append(time.perf_counter() - start)
    return {"predict_us": float(np.median(seconds)) * 1e6, "proba": model.predict_proba(features)[:, -1].tolist()}


def read_csv(arguments):
    import polars as pl

    table, wall_s, cpu_s = timed(lambda: pl.read_csv(arguments["path"]))
    sums = {}
    for column in table:
        if column.dtype == pl.String:
            sums[column.name] = float(column.str.len_bytes().sum())
        elif column.dtype.is_integer():
            sums[column.name] = float(column.cast(pl.Int64).sum())
        else:
            sums[column.name] = float(column.sum())
    return {"rows": table.height, "columns": table.width, "wall_s": wall_s, "cpu_s": cpu_s, "sums": sums}


def versions(_):
    from importlib.metadata import version

    packages = ["numpy", "scikit-learn", "xgboost-cpu", "polars", "flask", "werkzeug", "pandas", "mlflow", "uvicorn"]
    return {"python": sys.version.split()[0], **{name: version(name) for name in packages}}


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    print(json.dumps(globals()[sys.argv[1]](json.loads(sys.argv[2]))))

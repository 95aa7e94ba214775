"""Writes what scikit-learn's ColumnTransformer makes of some rows of German Credit, for `it/column_transformer.rs`.

usage: python scripts/golden_columns.py data/german_credit.csv OUTPUT_FILE
"""

import json
import sys

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler

NUMBERS = ["credit_amount", "duration", "age"]
CATEGORIES = ["sex", "housing", "saving_accounts", "purpose"]
N_FIT, N_NEW = 120, 60


def table(path):
    """The rows of the fit and new ones, with missing values, categories that only new rows have, and a boolean."""
    all_rows = pd.read_csv(path)[NUMBERS + CATEGORIES + ["risk"]]
    known = all_rows.iloc[:N_FIT].copy()
    new = all_rows.iloc[N_FIT : N_FIT + N_NEW].copy()
    new.loc[new.index[7], "housing"] = "castle"
    for frame in (known, new):
        frame[CATEGORIES] = frame[CATEGORIES].astype(object)
        frame["credit_amount"] = frame["credit_amount"].astype(float)
        frame.loc[frame.index[3::11], "credit_amount"] = np.nan
        frame.loc[frame.index[5::13], "saving_accounts"] = np.nan
    known.loc[known["purpose"] == "repairs", "purpose"] = "car"
    return known, known.pop("risk"), new.drop(columns="risk")


def cases():
    """Name, our settings, and scikit-learn's transformer of the same meaning."""
    mean, median = SimpleImputer(), SimpleImputer(strategy="median")
    numbers = {"names": NUMBERS}
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    ordinal = {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": -1}
    yield (
        "ordinal",
        [
            ["numbers", {"numbers": {"imputer": "mean", "scaler": "none"}}, "numeric"],
            ["categories", {"ordinal": ordinal}, "categorical"],
        ],
        [("numbers", mean, NUMBERS), ("categories", codes, CATEGORIES)],
    )
    yield (
        "scaled_then_filled",
        [
            ["numbers", {"numbers": {"imputer": "mean", "scaler": {"standard": {}}}}, numbers],
            ["categories", {"one_hot": {"handle_unknown": "ignore"}}, "categorical"],
        ],
        [
            ("numbers", make_pipeline(StandardScaler(), mean), NUMBERS),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CATEGORIES),
        ],
    )
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=12, drop="if_binary", sparse_output=False)
    few = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, sparse_output=False)
    yield (
        "filled_then_scaled",
        [
            ["centred", {"numbers": {"imputer": "median", "scaler": {"robust": {}}, "scale_on_filled": True}},
             {"names": ["credit_amount"]}],
            ["rare", {"one_hot": {"handle_unknown": "infrequent_if_exist", "min_frequency": 12, "drop": "if_binary"}},
             {"names": ["saving_accounts", "sex"]}],
            ["range", {"numbers": {"imputer": "mean", "scaler": {"min_max": {}}, "scale_on_filled": True}},
             {"names": ["age"]}],
            ["few", {"one_hot": {"handle_unknown": "infrequent_if_exist", "max_categories": 3}}, {"names": ["purpose"]}],
            ["out", "drop", {"names": ["housing"]}],
        ],
        [
            ("centred", make_pipeline(median, RobustScaler()), ["credit_amount"]),
            ("rare", rare, ["saving_accounts", "sex"]),
            ("range", make_pipeline(mean, MinMaxScaler()), ["age"]),
            ("few", few, ["purpose"]),
            ("out", "drop", ["housing"]),
        ],
    )


def columns(frame):
    return {name: [None if pd.isna(value) else value for value in frame[name].tolist()] for name in frame}


def main(path, output):
    known, y, new = table(path)
    result = {
        "_about": {"sklearn": sklearn.__version__, "numpy": np.__version__, "script": "scripts/golden_columns.py"},
        "known": columns(known),
        "new": columns(new),
        "y": y.tolist(),
        "forest": {"n_estimators": 20, "max_depth": 6, "random_state": 42},
        "cases": [],
    }
    for name, settings, transformers in cases():
        transformer = ColumnTransformer(transformers, remainder="passthrough")
        features = transformer.fit_transform(known)
        forest = RandomForestClassifier(**result["forest"]).fit(features, y)
        settings = {"transformers": settings, "remainder": "passthrough", "verbose_feature_names_out": True}
        result["cases"].append(
            {
                "name": name,
                "settings": settings,
                "names": transformer.get_feature_names_out().tolist(),
                "features_new": np.asarray(transformer.transform(new), dtype=float).tolist(),
                "proba_new": forest.predict_proba(transformer.transform(new))[:, 1].tolist(),
            }
        )
    with open(output, "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=False)
        file.write("\n")


main(*sys.argv[1:])

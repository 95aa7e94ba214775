"""Writes scikit-learn's small datasets as CSV, so that the golden forests can be grown again on the same rows.

usage: python scripts/golden_datasets.py OUTPUT_FOLDER

With METRIA_ADULT naming a folder that holds adult_train.csv (UCI Adult), adult_ord_train.csv is written too: its texts
as numbers, its target as 0 and 1. A folder without that file is an error.
"""

import csv
import os
import pathlib
import sys

from sklearn import datasets


def write(path, names, rows, target):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "y"])
        for row, y in zip(rows.tolist(), target.tolist()):
            writer.writerow([*map(repr, row), repr(y)])


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ["breast_cancer", "wine", "iris", "digits", "diabetes"]:
        bunch = getattr(datasets, f"load_{name}")()
        write(folder / f"{name}.csv", bunch.feature_names, bunch.data, bunch.target)
    adult = os.environ.get("METRIA_ADULT")
    if adult:
        import pandas as pd
        from sklearn.preprocessing import OrdinalEncoder

        table = pd.read_csv(pathlib.Path(adult) / "adult_train.csv", keep_default_na=False)
        features = table.drop(columns="income")
        texts = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
        features[texts] = OrdinalEncoder().fit_transform(features[texts])
        target = (table["income"] == table["income"].max()).astype(int)
        write(folder / "adult_ord_train.csv", list(features), features.to_numpy(dtype=float), target)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

"""Seeded inputs of the benchmarks, written once into a cache folder."""

import csv
import pathlib

import numpy as np

EVALUATION_ROWS = 20_000


def save(folder, name, x, y, evaluation, truth):
    """Writes one classification task as .npy files; the last one written marks the task as complete."""
    arrays = {
        "x": np.ascontiguousarray(x, dtype=np.float32),
        "y": np.asarray(y, dtype=np.uint32),
        "evaluation": np.ascontiguousarray(evaluation, dtype=np.float32),
        "truth": np.asarray(truth, dtype=np.uint32),
    }
    paths = {key: folder / f"{name}_{key}.npy" for key in arrays}
    if not paths["truth"].exists():
        for key, array in arrays.items():
            np.save(paths[key], array)
    return paths


def cached(folder, name):
    paths = {key: folder / f"{name}_{key}.npy" for key in ["x", "y", "evaluation", "truth"]}
    return paths if paths["truth"].exists() else None


def classification(folder, name, n_rows, n_features, n_informative, n_redundant, seed):
    """Two classes of two Gaussian clusters each, in the informative columns; the redundant columns are linear mixtures
    of those, the rest is noise; 2 % of the labels are drawn anew."""
    if paths := cached(folder, name):
        return paths
    generator = np.random.default_rng(seed)
    n = n_rows + EVALUATION_ROWS
    labels = generator.integers(0, 2, n)
    cluster = 2 * labels + generator.integers(0, 2, n)
    centres = generator.uniform(-1.5, 1.5, (4, n_informative))
    informative = centres[cluster] + generator.standard_normal((n, n_informative))
    mixture = generator.uniform(-1.0, 1.0, (n_informative, n_redundant))
    x = np.empty((n, n_features), dtype=np.float32)
    x[:, :n_informative] = informative
    x[:, n_informative : n_informative + n_redundant] = informative @ mixture
    x[:, n_informative + n_redundant :] = generator.standard_normal((n, n_features - n_informative - n_redundant))
    x = x[:, generator.permutation(n_features)]
    flipped = generator.random(n) < 0.02
    labels[flipped] = generator.integers(0, 2, flipped.sum())
    return save(folder, name, x[:n_rows], labels[:n_rows], x[n_rows:], labels[n_rows:])


def adult(folder, source):
    """UCI Adult, 14 columns, texts as ordinal numbers; trained on its training file, evaluated on its test file."""
    if paths := cached(folder, "adult"):
        return paths
    import pandas as pd
    from sklearn.preprocessing import OrdinalEncoder

    train, test = (
        pd.read_csv(pathlib.Path(source) / f"adult_{part}.csv", keep_default_na=False) for part in ["train", "test"]
    )
    features = [name for name in train if name != "income"]
    texts = [name for name in features if not pd.api.types.is_numeric_dtype(train[name])]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(train[texts])
    for table in (train, test):
        table[texts] = encoder.transform(table[texts])
    rich = max(train["income"])
    parts = [(table[features].to_numpy(dtype=np.float32), table["income"] == rich) for table in (train, test)]
    return save(folder, "adult", *parts[0], *parts[1])


def mixed_csv(folder, n_rows, seed=3):
    """A CSV file of 20 columns: whole numbers, decimals, flags, categories, dates and free text with quotes; some are
    missing."""
    path = folder / f"mixed_{n_rows}.csv"
    if path.exists():
        return path
    generator = np.random.default_rng(seed)
    words = np.array(["red", "green", "blue", "north-east", "Zürich", 'a "quoted" word', "with, comma", "x"])
    cities = np.array([f"city-{number}" for number in range(500)])
    unfinished = path.with_suffix(".part")
    with open(unfinished, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        kinds = ["id", *(f"int_{i}" for i in range(5)), *(f"float_{i}" for i in range(7)), "flag_0", "flag_1"]
        writer.writerow([*kinds, "category", "city", "date", "text", "empty_or_int"])
        for start in range(0, n_rows, 50_000):
            n = min(50_000, n_rows - start)
            columns = [np.arange(start, start + n).tolist()]
            columns += [generator.integers(-(10**size), 10**size, n).tolist() for size in [1, 2, 4, 6, 9]]
            columns += [np.round(generator.normal(0, 10**size, n), 4).tolist() for size in [0, 1, 2, 3]]
            columns += [generator.normal(0, 1, n).tolist() for _ in range(3)]
            columns += [np.where(generator.random(n) < 0.5, "true", "false").tolist() for _ in range(2)]
            columns += [words[generator.integers(0, len(words), n)].tolist(), cities[generator.integers(0, 500, n)].tolist()]
            days = np.datetime64("2020-01-01") + generator.integers(0, 2_000, n)
            columns += [days.astype(str).tolist(), [f"note {number:x}" for number in generator.integers(0, 10**9, n)]]
            sparse = generator.integers(0, 1_000, n)
            columns.append(["" if number < 100 else number for number in sparse.tolist()])
            writer.writerows(zip(*columns))
    unfinished.rename(path)
    return path

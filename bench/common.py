"""What every group of benchmarks uses: lines of the report, and words on the way."""

import statistics
import time


class Different(Exception):
    """Two sides gave different answers, so that comparing their speed means nothing."""


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def median(results, key):
    return statistics.median(result[key] for result in results)


def entry(what, ours, peer, theirs, unit, aim="–", least=None, most=None, higher_is_better=False, why=""):
    """One line of the report. `least` is the smallest ratio, `most` the largest value of ours, that meets the aim."""
    ratio = None if theirs is None else (ours / theirs if higher_is_better else theirs / ours)
    met = None
    if least is not None:
        met = ratio >= least
    if most is not None:
        met = ours <= most
    fields = {"what": what, "our_value": ours, "peer": peer, "peer_value": theirs, "unit": unit}
    return {**fields, "ratio": ratio, "aim": aim, "met": met, "why": why}

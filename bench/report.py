"""docs/BENCHMARKS.md: what was measured, on what, how, and what it does not say."""

import datetime
import os
import platform
import re
import subprocess


def machine():
    info = open("/proc/cpuinfo").read()
    model = re.search(r"model name\s*:\s*(.*)", info)
    memory = re.search(r"MemTotal:\s*(\d+)", open("/proc/meminfo").read())
    return {
        "processor": model.group(1) if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{int(memory.group(1)) / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
    }


def number(value):
    """Three digits that matter."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def row(entry):
    peer = "–" if entry["peer_value"] is None else f"{number(entry['peer_value'])} {entry['unit']}"
    ratio = "–" if entry["ratio"] is None else f"{number(entry['ratio'])}x"
    met = {True: "yes", False: "**no**", None: "–"}[entry["met"]]
    ours = f"{number(entry['our_value'])} {entry['unit']}"
    return f"| {entry['what']} | {ours} | {entry['peer']} | {peer} | {ratio} | {entry['aim']} | {met} |"


def write(path, results, versions, command, quick, load_before):
    about = machine()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False).stdout.split()
    lines = [
        "# Benchmarks",
        "",
        "<!-- Written by `make bench`; change bench/ instead. -->",
        "",
        "Metria and its peers, side by side in one run on one machine, taking turns.",
        "Each repetition is a process of its own; the medians are given.",
        "Before anything is compared, both must have given the same answer.",
        "",
    ]
    if quick:
        lines += ["**A smoke run with small inputs (`--quick`): the numbers say nothing about speed.**", ""]
    if load_before > about["cores"] / 2:
        lines += [
            f"**Other programs ran on this machine (load {load_before:.1f} on {about['cores']} cores): wall times and "
            "percentiles say little, CPU seconds a little more.**",
            "",
        ]
    lines += [
        "| | |",
        "|---|---|",
        f"| date | {datetime.date.today().isoformat()} |",
        f"| machine | {about['processor']}, {about['cores']} cores, {about['memory']}, {about['system']} |",
        f"| load before the run | {load_before:.1f} |",
        f"| Metria | commit {commit.stdout.strip() or 'unknown'}, rustc {rustc[1] if len(rustc) > 1 else '?'}, release profile |",
        f"| peers | {', '.join(f'{name} {version}' for name, version in versions.items())} |",
        f"| command | `{command}` |",
        "",
    ]
    for group in results:
        lines += [f"## {group['title']}", "", group["about"], ""]
        lines += ["| what | Metria | peer | its value | ratio | aim | met |", "|---|---:|---|---:|---:|---|---|"]
        lines += [row(entry) for entry in group["entries"]]
        lines += ["", f"Same answer: {group['same']}", ""]
        lines += [f"- {caveat}" for caveat in group["caveats"]]
        lines.append("")
    missed = [(group, entry) for group in results for entry in group["entries"] if entry["met"] is False]
    lines += ["## Slower than the aim", ""]
    if missed:
        lines += [f"- {group['title']}: {entry['what']} (aim {entry['aim']}). {entry['why']}".rstrip() for group, entry in missed]
    else:
        lines.append("Nothing in this run.")
    lines += [
        "",
        "## What the numbers do not say",
        "",
        "- CPU seconds are user and system time of all threads; they move little when other programs run, wall times do.",
        "- A ratio above 1 means that Metria needs less (or, for requests a second, answers more).",
        "- Two cores and data that fits in memory: nothing here is about many cores, disks or networks.",
        "- No benchmark is an assertion in a test; `make test` measures nothing.",
        "",
    ]
    path.write_text("\n".join(lines))

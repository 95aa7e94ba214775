"""Runs a command and writes what it took: a small process of its own between the runner and the command.

A child begins its peak memory with what its parent held, so a command started by the runner, which has read whole
tables, would be charged for those.

usage: launch.py RESULT_FILE COMMAND...
"""

import json
import os
import subprocess
import sys
import time

start = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
wall_s = time.perf_counter() - start
taken = {
    "process_wall_s": wall_s,
    "process_cpu_s": usage.ru_utime + usage.ru_stime,
    "peak_mb": usage.ru_maxrss / 1024,
}
with open(sys.argv[1], "w") as file:
    json.dump(taken, file)
process.returncode = os.waitstatus_to_exitcode(status)
sys.exit(process.returncode & 0xFF)

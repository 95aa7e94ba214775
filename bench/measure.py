"""Running a command by itself and measuring it from outside, and servers that are stopped again."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

LAUNCH = pathlib.Path(__file__).parent / "launch.py"


class Failed(Exception):
    """A command ended badly; the message has its last words."""


def run(command, env=None):
    """Runs a command to its end. Its result is its output, JSON, with CPU seconds (user and system), wall
    seconds and peak memory of the whole process added."""
    words = [str(part) for part in command]
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as errors,
        tempfile.NamedTemporaryFile("r") as taken,
    ):
        launcher = [sys.executable, "-I", "-S", LAUNCH, taken.name, *words]
        code = subprocess.run(launcher, stdout=out, stderr=errors, env={**os.environ, **(env or {})}).returncode
        out.seek(0)
        errors.seek(0)
        text = out.read().decode(errors="replace")
        if code != 0 or not text:
            last = errors.read().decode(errors="replace")[-2_000:]
            raise Failed(f"{' '.join(words)[:300]} ended with {code}:\n{last}")
        usage = json.load(taken)
    try:
        result = json.loads(text)
    except ValueError as error:
        raise Failed(f"{' '.join(words)[:300]} did not print JSON: {error}") from error
    return {**result, **usage}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def server(command, port, log):
    """A server that answers /health; tells its process and the seconds from start to the first answer."""
    with open(log, "wb") as file:
        start = time.perf_counter()
        # A group of its own, so that a server's workers end with it.
        words = [str(part) for part in command]
        process = subprocess.Popen(words, stdout=file, stderr=file, start_new_session=True)
        try:
            yield process, _first_answer(process, port, start, log)
        finally:
            _signal(process, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                pass
            _signal(process, signal.SIGKILL)
            process.wait()


def _signal(process, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _first_answer(process, port, start, log):
    while time.perf_counter() - start < 60:
        if process.poll() is not None:
            raise Failed(f"the server ended with {process.returncode}: {pathlib.Path(log).read_text()[-2_000:]}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return time.perf_counter() - start
        except OSError:
            time.sleep(0.001)
        finally:
            connection.close()
    raise Failed("the server did not answer /health within 60 s")


def resident_mb(pid):
    """Memory that a process holds now (VmRSS)."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise Failed(f"process {pid} has no VmRSS")


def cpu_s(pid):
    """CPU seconds that a process has used so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tree(pid):
    """A process and all that came from it."""
    found = [pid]
    for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in thread.read_text().split():
            found += tree(int(child))
    return found


def tree_cpu_s(pid):
    return sum(cpu_s(one) for one in tree(pid))


def tree_resident_mb(pid):
    """Memory of a process and all that came from it; what they share counts once."""
    sizes = (pathlib.Path(f"/proc/{one}/smaps_rollup").read_text() for one in tree(pid))
    return sum(int(line.split()[1]) for text in sizes for line in text.splitlines() if line.startswith("Pss:")) / 1024


def tree_peak_mb(pid):
    """The most memory that each of them ever held, together."""
    texts = (pathlib.Path(f"/proc/{one}/status").read_text() for one in tree(pid))
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("VmHWM:")) / 1024


def run_silent(command):
    """Runs a command that prints nothing that is of use."""
    words = [str(part) for part in command]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)[:300]} ended with {done.returncode}:\n{done.stderr[-2_000:]}")


def ask(port, path, body, n):
    """Asks `n` times over one kept connection; the answers' seconds, ascending, and the last answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    headers = {"Content-Type": "application/json"}
    seconds = []
    for _ in range(n):
        start = time.perf_counter()
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        seconds.append(time.perf_counter() - start)
        if response.status != 200:
            raise Failed(f"POST {path} was answered with {response.status}: {answer[:300]}")
    connection.close()
    return sorted(seconds), json.loads(answer)

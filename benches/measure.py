"""What a process costs: CPU time and peak memory as the system counts them, for the process and the children it waited for."""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass


@dataclass
class Cost:
    """What one finished process took."""

    cpu_s: float
    wall_s: float
    peak_mb: float
    output: str


class Failed(Exception):
    """A command that did not end well; the text says which and how."""


def run(command, folder):
    """Runs a command to its end in a folder and returns its cost. Its standard output is kept, its log goes to `log.txt` there."""
    began = time.monotonic()
    with open(os.path.join(folder, "log.txt"), "w+") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        wall_s = time.monotonic() - began
        if process.returncode != 0:
            log.seek(0)
            raise Failed(f"{command[0]} ended with {process.returncode}: {log.read()[-600:].strip()}")
    # ru_maxrss is in KiB on Linux and in bytes on macOS.
    unit = 1e6 if os.uname().sysname == "Darwin" else 1e6 / 1024
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss / unit, output)


def resident_mb(pid, field="VmRSS"):
    """Memory of a running process from /proc, in MB; `VmHWM` gives its peak so far."""
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024 / 1e6
    raise Failed(f"process {pid} has no {field} in /proc: it has ended")


def median(values):
    """The median, or None of nothing."""
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None

"""One run of a whole process: CPU seconds, wall time, peak memory. What bench/run and bench/events share."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
MIB = 1 << 20


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Run:
    """One run of one whole process. Its output is kept, unless `discard` says that it goes to the null device."""

    def __init__(self, command: list, allowed=(0,), environment=None, stdin=None, discard=False):
        reader, writer = (None, subprocess.DEVNULL) if discard else os.pipe()
        source = open(stdin, "rb") if stdin else None
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=source, stdout=writer, stderr=subprocess.DEVNULL, env=environment)
        self.output = ""
        if reader is not None:
            os.close(writer)
            with os.fdopen(reader, "rb") as pipe:
                self.output = pipe.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - began
        self.cpu = usage.ru_utime + usage.ru_stime
        self.peak = usage.ru_maxrss * 1024
        if source:
            source.close()
        if process.returncode not in allowed:
            sys.exit(f"{command[0]} ended with status {process.returncode}: {' '.join(map(str, command))}")


def size_of(folder: Path) -> tuple[int, int]:
    """Files and bytes below a folder."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return len(sizes), sum(sizes)


def spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT).stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "not installed"

#!/usr/bin/env python3
"""Measures how YARA rules run here against `yr scan` (yara-x) on the same rules and files: rules, hits, CPU seconds, memory.

    cargo install yara-x-cli --locked
    bench/yara.py --rules CHECKOUT-OF-SIGNATURE-BASE/yara --files FOLDER --files OTHER-FOLDER

Both load the rules from their sources and scan every file in one thread; neither is told names and places of files. A second
figure is loading alone, over an empty folder, so that the difference is scanning. Every file on which the two differ is named in
the results with the rules in question. Needs Python 3.9 and cargo.
"""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

# What is measured is a tree that nothing was written into.
sys.dont_write_bytecode = True
from measuring import MIB, PROJECT, Run, first_line, say, size_of, spread  # noqa: E402

VARIABLES = ("filename", "filepath", "extension", "filetype", "owner")
# Files and rules that the results name.
DIFFERENCES_MAX = 40


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=Path, action="append", required=True, help="folder of .yar files; each is a table")
    parser.add_argument("--files", type=Path, action="append", required=True, help="folder of files; each is a table")
    parser.add_argument("--yr", default=shutil.which("yr"), help="cargo install yara-x-cli --locked")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds after one warm-up (default: 5)")
    parser.add_argument("--date", default=datetime.datetime.now(datetime.timezone.utc).strftime("%F"))
    parser.add_argument("--binary", type=Path, help="measure this program instead of building crates/detect/examples/yara.rs")
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "afterpatch-bench-yara"
    parser.add_argument("--cache", type=Path, default=default, help=f"folder for copies (default: {default})")
    parser.add_argument("-o", "--output", type=Path, help="default: bench/results/yara-DATE.md")
    options = parser.parse_args()
    options.cache = options.cache.resolve()
    if options.cache.is_relative_to(PROJECT):
        parser.error("the cache folder must lie outside the project")
    if not options.yr:
        parser.error("there is nothing to compare with: name yr with --yr")
    return options


def build(options: argparse.Namespace) -> Path:
    """A copy of the release program: a later build must not change what is being measured."""
    source = options.binary
    if source is None:
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "detect", "--example", "yara"], cwd=PROJECT, check=True)
        metadata = ["cargo", "metadata", "--format-version=1", "--no-deps"]
        target = json.loads(subprocess.run(metadata, cwd=PROJECT, check=True, capture_output=True).stdout)
        source = Path(target["target_directory"]) / "release/examples/yara"
    copy = options.cache / "yara"
    copy.unlink(missing_ok=True)
    shutil.copy2(source, copy)
    return copy


class Subject:
    """A scanner over some files, and the same over none."""

    def __init__(self, name: str, command, files: Path, empty: Path):
        self.name, self.scan, self.load = name, command(files), command(empty)
        self.whole: list[Run] = []
        self.loading: list[float] = []

    def round(self) -> None:
        self.whole.append(Run(self.scan))
        self.loading.append(Run(self.load).cpu)

    def row(self, size: int, peer: "Subject") -> str:
        cpu = [run.cpu for run in self.whole]
        scanning = [max(0.001, whole - load) for whole, load in zip(cpu, self.loading)]
        ratio = [own.cpu / other.cpu for own, other in zip(self.whole, peer.whole)]
        peak = max(run.peak for run in self.whole) / MIB
        speed = size / MIB / statistics.median(scanning)
        return (f"| {self.name} | {spread(cpu, '.2f')} | {spread(self.loading, '.2f')} | {spread(scanning, '.2f')} | "
                f"{speed:,.1f} | {peak:,.0f} | {spread(ratio, '.2f')} |")


def hits_of_ours(run: Run) -> tuple[int, list[str], dict[str, set[str]]]:
    loaded, refused, hits = 0, [], {}
    for line in run.output.splitlines():
        kind, *cells = line.split("\t")
        if kind == "hit":
            hits.setdefault(cells[0], set()).add(cells[1])
        elif kind == "loaded":
            loaded = int(cells[0])
        else:
            refused.append(": ".join(cell for cell in cells if cell))
    return loaded, refused, hits


def hits_of_yr(run: Run) -> dict[str, set[str]]:
    lines = [json.loads(line) for line in run.output.splitlines() if line.startswith("{")]
    return {line["path"]: {rule["identifier"] for rule in line["rules"]} for line in lines if line["rules"]}


def differences(ours: dict[str, set[str]], theirs: dict[str, set[str]], folder: Path) -> list[str]:
    told = []
    for path in sorted(ours.keys() | theirs.keys()):
        sides = (("only ours", ours, theirs), ("only yr", theirs, ours))
        for side, one, other in sides:
            rules = sorted(one.get(path, set()) - other.get(path, set()))
            if rules:
                told.append(f"* {side}: `{Path(path).relative_to(folder)}`: {', '.join(rules)}")
    return told


def compare(options: argparse.Namespace, program: Path, rules: Path, files: Path, empty: Path) -> str:
    say(f"{rules} over {files}")
    definitions = [part for name in VARIABLES for part in ("-d", f'{name}=""')]
    yr = [options.yr, "scan", "--path-as-namespace", "--relaxed-re-syntax", "--ignore-invalid-rules", "-w", "-r", "-p", "1",
          "-o", "ndjson", *definitions, rules]
    subjects = [Subject("afterpatch", lambda folder: [program, rules, folder], files, empty),
                Subject("yr scan", lambda folder: [*yr, folder], files, empty)]
    for round_number in range(options.rounds + 1):
        for subject in subjects:
            subject.round()
            if round_number == 0:
                # The first round warms the page cache.
                subject.whole, subject.loading = [], []
    ours, theirs = subjects
    loaded, refused, own_hits = hits_of_ours(ours.whole[-1])
    yr_hits = hits_of_yr(theirs.whole[-1])
    count, size = size_of(files)
    different = differences(own_hits, yr_hits, files)
    pairs = lambda hits: sum(len(found) for found in hits.values())  # noqa: E731
    lines = [
        f"## `{rules.parent.name}/{rules.name}` over `{files.name}`", "",
        f"{len(list(rules.rglob('*.yar')) + list(rules.rglob('*.yara')))} rule files; {loaded:,} rules loaded, {len(refused)} parts refused. "
        f"{count:,} files, {size / MIB:,.1f} MiB.", "",
        "| | CPU s, all | loading | scanning | MiB a CPU s | peak MiB | CPU ÷ yr |", "|---|---|---|---|---|---|---|",
        *(subject.row(size, theirs) for subject in subjects), "",
        f"Files with a hit: afterpatch {len(own_hits):,}, yr {len(yr_hits):,}. Hits: {pairs(own_hits):,} and {pairs(yr_hits):,}. "
        f"Files on which they differ: {len(different)}.", "",
        *different[:DIFFERENCES_MAX], *([f"* and {len(different) - DIFFERENCES_MAX} more"] if len(different) > DIFFERENCES_MAX else []),
        *([""] if different else []), *(f"* refused: {line}" for line in refused[:DIFFERENCES_MAX]), *([""] if refused else []),
    ]
    return "\n".join(lines)


def main() -> None:
    options = arguments()
    options.cache.mkdir(parents=True, exist_ok=True)
    empty = options.cache / "empty"
    empty.mkdir(exist_ok=True)
    program = build(options)
    parts = [
        f"# YARA rules measured, {options.date}", "",
        f"`bench/yara.py`, {options.rounds} rounds; {platform.machine()}, {os.cpu_count()} processors, {platform.system()}; "
        f"afterpatch {first_line('git', 'rev-parse', '--short', 'HEAD')}, {first_line(options.yr, '--version')}. "
        "Median, least and most of whole processes.", "",
    ]
    for rules in options.rules:
        for files in options.files:
            parts.append(compare(options, program, rules.resolve(), files.resolve(), empty))
    output = options.output or PROJECT / f"bench/results/yara-{options.date}.md"
    output.write_text("\n".join(parts).rstrip() + "\n")
    say(f"written: {output}")


if __name__ == "__main__":
    main()

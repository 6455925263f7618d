#!/usr/bin/env python3
"""Measures which pages are found to be web shells, and which benign pages are: by code alone, with the YARA rules of the packs,
and by `yr scan` with rules of others, over the same files in the same run.

    bench/pages.py --list dev.csv --list held.csv
    bench/pages.py --list dev.csv --yr yr --rules CHECKOUT-OF-SIGNATURE-BASE/yara

A list is a CSV with the columns sha256, label (webshell or benign), ext and path; a file whose SHA-256 is another is refused. `--doubtful`
names a CSV whose sha256 are left out in a second table: files that nobody would call a web shell after reading them. Nothing of the
files is kept: the results name missed ones by their SHA-256. Needs Python 3.9 and cargo.
"""

import argparse
import csv
import datetime
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

# What is measured is a tree that nothing was written into.
sys.dont_write_bytecode = True
from measuring import PROJECT, Run, first_line, say  # noqa: E402

VARIABLES = ("filename", "filepath", "extension", "filetype", "owner")
CLASSIC = {"asp", "asa", "cer", "cdx", "inc"}
# Missed files that the results name.
MISSED_MAX = 60


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", type=Path, action="append", required=True, help="labelled files")
    parser.add_argument("--doubtful", type=Path, help="files whose label is wrong or arguable")
    parser.add_argument("--yr", default=shutil.which("yr"), help="cargo install yara-x-cli --locked")
    parser.add_argument("--rules", type=Path, action="append", default=[], help="folder of .yar files for yr; each is a column")
    parser.add_argument("--binary", type=Path, help="measure this program instead of building it")
    parser.add_argument("--date", default=datetime.datetime.now(datetime.timezone.utc).strftime("%F"))
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "afterpatch-bench-pages"
    parser.add_argument("--cache", type=Path, default=default, help=f"folder for copies (default: {default})")
    parser.add_argument("-o", "--output", type=Path, help="default: bench/results/pages-DATE.md")
    options = parser.parse_args()
    options.cache = options.cache.resolve()
    if options.cache.is_relative_to(PROJECT):
        parser.error("the cache folder must lie outside the project")
    if options.rules and not options.yr:
        parser.error("there is nothing to run the rules with: name yr with --yr")
    return options


def build(options: argparse.Namespace) -> Path:
    if options.binary is None:
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=PROJECT, check=True)
        metadata = ["cargo", "metadata", "--format-version=1", "--no-deps"]
        target = json.loads(subprocess.run(metadata, cwd=PROJECT, check=True, capture_output=True).stdout)
        options.binary = Path(target["target_directory"]) / "release/afterpatch"
    options.cache.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(options.binary, options.cache / "afterpatch"))


class Files:
    """The files of one list, side by side in one folder under their hashes."""

    def __init__(self, listed: Path, cache: Path, doubtful: set):
        self.name = listed.stem
        self.folder = cache / "files" / self.name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.rows = {}
        for row in csv.DictReader(listed.open(encoding="utf-8")):
            source = Path(row["path"])
            if not source.is_absolute():
                source = listed.parent / source
            content = source.read_bytes()
            if hashlib.sha256(content).hexdigest() != row["sha256"]:
                sys.exit(f"{source} is not the file of the list")
            name = f"{row['sha256']}.{row['ext']}"
            (self.folder / name).write_bytes(content)
            family = "classic ASP" if row["ext"] in CLASSIC else "ASP.NET"
            self.rows[name] = (row["label"], family, row["sha256"] in doubtful)

    def rate(self, found: set, without_doubtful: bool) -> dict:
        counts = defaultdict(Counter)
        for name, (label, family, is_doubtful) in self.rows.items():
            if not (is_doubtful and without_doubtful):
                counts[label, family][name in found] += 1
        return counts


def proving_rules() -> set:
    """YARA rules of the packs that prove something by themselves."""
    rules = set()
    for file in PROJECT.glob("packs/*/yara/*.yar"):
        for rule in re.split(r"(?m)^(?=(?:private |global )*rule )", file.read_text()):
            if re.search(r'afterpatch_proves\s*=\s*"(persistence|execution|theft)"', rule):
                rules.add(re.match(r"(?:private |global )*rule\s+(\w+)", rule).group(1))
    return rules


def judged(binary: Path, files: Files) -> tuple[Run, set, set]:
    """What the code alone says: web shells, and pages to look at."""
    run = Run([binary, "inspect", files.folder, "--all", "--format", "jsonl", "--threads", "1", "--quiet"], allowed=(0, 1))
    pages = [json.loads(line) for line in run.output.splitlines()]
    of = lambda word: {Path(page["path"]).name for page in pages if page["judgement"] == word}
    return run, of("shell"), of("look")


def signed(binary: Path, files: Files, proving: set) -> set:
    """Pages that a YARA rule of the packs names."""
    run = Run([binary, "hunt", files.folder, "--format", "jsonl", "--quiet"], allowed=(0, 1))
    hits = (json.loads(line) for line in run.output.splitlines())
    return {Path(hit["file"]).name for hit in hits if hit["rule"]["id"].partition("/yara-")[2] in proving}


def scanned(yr: str, rules: Path, files: Files) -> tuple[Run, set]:
    definitions = [part for name in VARIABLES for part in ("-d", f'{name}=""')]
    command = [yr, "scan", "--path-as-namespace", "--relaxed-re-syntax", "--ignore-invalid-rules", "-w", "-r", "-p", "1", "-o", "ndjson"]
    run = Run([*command, *definitions, rules, files.folder], allowed=(0, 1))
    found = set()
    for line in run.output.splitlines():
        try:
            hit = json.loads(line)
        except ValueError:
            continue
        if hit.get("rules"):
            found.add(Path(hit["path"]).name)
    return run, found


def share(counts: Counter) -> str:
    whole = counts[True] + counts[False]
    return f"{100 * counts[True] / whole:.1f} % of {whole}" if whole else "–"


def false_alarms(counts: list) -> str:
    hit, whole = sum(one[True] for one in counts), sum(one[True] + one[False] for one in counts)
    return f"{hit} of {whole}" if whole else "–"


def rows_of(files: Files, columns: list, without_doubtful: bool) -> list:
    rows = []
    for name, found, run in columns:
        counts = files.rate(found, without_doubtful)
        benign = [counts["benign", family] for family in ("ASP.NET", "classic ASP")]
        cost = f"{run.cpu:.1f} | {len(files.rows) / run.cpu:.0f}" if run else "– | –"
        shells = " | ".join(share(counts["webshell", family]) for family in ("ASP.NET", "classic ASP"))
        rows.append(f"| {files.name} | {name} | {shells} | {false_alarms(benign)} | {cost} |")
    return rows


HEAD = """| list | found by | ASP.NET shells | classic ASP shells | benign pages flagged | CPU s | files a CPU second |
|---|---|---|---|---|---|---|"""


def main() -> None:
    options = arguments()
    binary = build(options)
    proving = proving_rules()
    doubtful = set()
    if options.doubtful:
        doubtful = {row["sha256"] for row in csv.DictReader(options.doubtful.open(encoding="utf-8"))}
    every, strict, missed, left_out = [], [], [], 0
    for listed in options.list:
        files = Files(listed, options.cache, doubtful)
        say(f"{files.name}: {len(files.rows)} files")
        run, shells, looks = judged(binary, files)
        columns = [("code alone", shells, run), ("code, or looked at", shells | looks, None)]
        columns.append(("code and our YARA rules", shells | signed(binary, files, proving), None))
        for rules in options.rules:
            of_peer, found = scanned(options.yr, rules, files)
            columns.append((f"yr, {rules.parent.name}/{rules.name}", found, of_peer))
        every += rows_of(files, columns, False)
        strict += rows_of(files, columns[:3], True)
        both = columns[2][1]
        left_out += sum(is_doubtful for _, _, is_doubtful in files.rows.values())
        missed += [f"{files.name} {label} {name}" for name, (label, _, is_doubtful) in files.rows.items()
                   if (label == "webshell") != (name in both) and not is_doubtful]
    text = [f"# Pages judged, {options.date}", "", "Made by `bench/pages.py`. Shells: found. Benign pages: flagged as a shell.", ""]
    text += [f"* afterpatch: {first_line('git', 'rev-parse', '--short', 'HEAD')}; yr: {first_line(options.yr, '--version') if options.yr else 'not run'}"]
    text += [f"* {platform.machine()}, one thread each; machines are noisy: compare rows of one list", "", HEAD, *every]
    if doubtful:
        text += ["", f"Without {left_out} files whose label is wrong or arguable:", "", HEAD, *strict]
    text += ["", f"Judged otherwise than labelled, by code and our rules: {len(missed)}" + (", the first:" if len(missed) > MISSED_MAX else ":"), ""]
    text += [f"* {one}" for one in missed[:MISSED_MAX]]
    output = options.output or PROJECT / "bench/results" / f"pages-{options.date}.md"
    output.write_text("\n".join(text) + "\n")
    say(f"written: {output}")


if __name__ == "__main__":
    main()

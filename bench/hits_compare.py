#!/usr/bin/env python3
"""Compares the hits of tools over the same logs: which records does each rule hit?

    bench/hits_compare.py CACHE --sigma CHECKOUT [--afterpatch PATH] [--rsigma PATH] [--evtx-dump PATH]
        [--hayabusa PATH --hayabusa-rules CHECKOUT] [--chainsaw PATH --chainsaw-mapping FILE] [--kept]

CACHE is the folder of event_logs.py; the logs are those of CACHE/base. Every tool that is named runs once and its output is
kept in CACHE/hits; with --kept what lies there is compared again, also of tools that are not named. A hit is a rule, a log and
a record; rules are told apart by their SigmaHQ id, records by their EventRecordID. The first tool is the reference; for every
other one the rules are listed that do not hit the same records, and docs/sigma-differences.md says who is right.

A tool counts a record once per rule here: some say a hit twice where two of their converted rules stand for one.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

# What is compared is a tree that nothing was written into.
sys.dont_write_bytecode = True
from measuring import PROJECT, say  # noqa: E402

Hit = tuple[str, str, int]


class Rules:
    """The rules for Windows: id by file name, file name by id."""

    def __init__(self, folder: Path):
        self.name_of = {}
        for file in sorted(folder.rglob("*.yml")):
            found = re.search(r"^id:\s*(\S+)", file.read_text(encoding="utf-8"), re.M)
            if found:
                self.name_of[found[1]] = file.stem
        self.id_of = {name: number for number, name in self.name_of.items()}


class Logs:
    """The logs, and what their records are called: a tool may name the number in the record's header instead."""

    def __init__(self, cache: Path, evtx_dump: str):
        self.base = cache / "base"
        self.files = sorted(self.base.rglob("*.evtx"))
        self.evtx_dump = evtx_dump

    def name(self, path: str) -> str:
        """A log by its path below the folder, whatever stands before it."""
        path = path.replace("\\", "/")
        return path.split("/base/", 1)[-1]

    def numbers(self, file: Path) -> dict[int, int]:
        """EventRecordID by the number in the header."""
        command = [self.evtx_dump, "-t", "1", "-o", "json", "--no-indent", file]
        text = subprocess.run(command, capture_output=True, text=True, errors="replace").stdout
        numbers, header = {}, 0
        for line in text.splitlines():
            if line.startswith("Record "):
                header = int(line.split()[1])
            elif line.startswith("{"):
                numbers[header] = int(json.loads(line)["Event"]["System"].get("EventRecordID") or 0)
        return numbers

    def flatten(self, target: Path) -> None:
        if target.exists():
            return
        with target.with_suffix(".part").open("wb") as out:
            for number, file in enumerate(self.files):
                dump = subprocess.Popen([self.evtx_dump, "-t", "1", "-o", "jsonl", file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                subprocess.run([PROJECT / "bench/flatten_events.py", str(number)], stdin=dump.stdout, stdout=out, check=True)
                dump.wait()
        target.with_suffix(".part").rename(target)


def lines_of(file: Path):
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("{"):
                yield json.loads(line)


# ---- the tools: how each runs, and how its hits are read -------------------------------------------------------------


def run_afterpatch(options, logs: Logs, rules: Path, out: Path) -> None:
    command = [options.afterpatch, "--quiet", "hunt", logs.base, "--sigma", rules, "--no-packs", "--format", "jsonl", "-o", out]
    subprocess.run(command, check=True)


def read_afterpatch(out: Path, logs: Logs, rules: Rules) -> set[Hit]:
    by_log = defaultdict(list)
    for hit in lines_of(out):
        rule = hit["rule"]["uuid"] or rules.id_of.get(hit["rule"]["id"].rsplit("/", 1)[-1])
        by_log[logs.name("/base/" + hit["file"])].append((rule, hit["record"]))
    hits = set()
    for log, found in by_log.items():
        numbers = logs.numbers(logs.base / log)
        hits.update((rule, log, numbers.get(record, -record)) for rule, record in found)
    return hits


def run_rsigma(options, logs: Logs, rules: Path, out: Path) -> None:
    flat = out.with_name("base.jsonl")
    logs.flatten(flat)
    command = [options.rsigma, "engine", "eval", "--rules", rules, "--pipeline", PROJECT / "bench/rsigma-windows.yml"]
    with flat.open("rb") as events, out.open("wb") as written:
        subprocess.run([*command, "--input-format", "json", "--include-event", "-q"], stdin=events, stdout=written, check=False)


def read_rsigma(out: Path, logs: Logs, rules: Rules) -> set[Hit]:
    names = [logs.name(str(file)) for file in logs.files]
    return {(hit["rule_id"], names[hit["event"]["file"]], hit["event"]["record"]) for hit in lines_of(out)}


def run_hayabusa(options, logs: Logs, rules: Path, out: Path) -> None:
    """All rules and no channel filter. Its rules are those of SigmaHQ, converted, with other ids and the same file names."""
    command = [options.hayabusa, "dfir-timeline", "-d", logs.base, "-r", options.hayabusa_rules / "sigma", "-c", options.hayabusa_rules / "config"]
    command += ["-p", "all-field-info", "-t", "jsonl", "-o", out, "-C", "-w", "-q", "-Q", "-N", "-A", "-a", "-n", "-u"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def read_hayabusa(out: Path, logs: Logs, rules: Rules, converted: Path) -> set[Hit]:
    origin = {}
    for file in converted.rglob("*.yml"):
        text = file.read_text(encoding="utf-8")
        own = re.search(r"^id:\s*(\S+)", text, re.M)
        if own:
            # The files keep their names; what a rule says it derives from can also be a third rule.
            origin[own[1]] = rules.id_of.get(file.stem, own[1])
    hits = set()
    for hit in lines_of(out):
        # A correlation is no hit of one record.
        if str(hit.get("RecordID", "")).isdigit():
            hits.add((origin.get(hit["RuleID"], hit["RuleID"]), logs.name(hit["EvtxFile"]), int(hit["RecordID"])))
    return hits


def run_chainsaw(options, logs: Logs, rules: Path, out: Path) -> None:
    command = [options.chainsaw, "hunt", logs.base, "-s", rules, "--mapping", options.chainsaw_mapping, "--jsonl", "-q", "-o", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def read_chainsaw(out: Path, logs: Logs, rules: Rules) -> set[Hit]:
    hits = set()
    for hit in lines_of(out):
        documents = hit.get("documents") or [hit["document"]]
        for document in documents:
            number = document["data"]["Event"]["System"].get("EventRecordID") or 0
            hits.add((hit["id"], logs.name(document["path"]), int(number)))
    return hits


# ---- comparing -------------------------------------------------------------------------------------------------------


def summary(tools: dict[str, set[Hit]], rules: Rules) -> list[str]:
    lines = ["| tool | hits | rules that hit |", "|---|---|---|"]
    for tool, hits in tools.items():
        lines.append(f"| {tool} | {len(hits):,} | {len({rule for rule, _, _ in hits}):,} |")
    anybody = {rule for hits in tools.values() for rule, _, _ in hits}
    everybody = set.intersection(*({rule for rule, _, _ in hits} for hits in tools.values()))
    agreed = set.intersection(*tools.values())
    return [*lines, "", f"{len(anybody):,} rules hit somewhere, {len(everybody):,} with every tool; {len(agreed):,} hits are everybody's."]


def differences(reference: set[Hit], other: set[Hit], names: tuple[str, str], rules: Rules, examples: int) -> list[str]:
    missing, extra = Counter(rule for rule, *_ in reference - other), Counter(rule for rule, *_ in other - reference)
    both = Counter(rule for rule, *_ in reference & other)
    lines = [f"## {names[0]} against {names[1]}", "", f"| rule | both | only {names[0]} | only {names[1]} | for example |", "|---|---|---|---|---|"]
    for rule in sorted(missing | extra, key=lambda rule: (rules.name_of.get(rule, rule))):
        places = sorted(place for place in reference ^ other if place[0] == rule)[:examples]
        shown = "; ".join(f"{log} {number}" for _, log, number in places)
        lines.append(f"| {rules.name_of.get(rule, rule)} | {both[rule]} | {missing[rule]} | {extra[rule]} | {shown} |")
    return [*lines, ""]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--sigma", type=Path, required=True, help="folder of SigmaHQ rules, the same for every tool")
    parser.add_argument("--evtx-dump", default="evtx_dump")
    parser.add_argument("--kept", action="store_true", help="compare outputs of earlier runs too")
    parser.add_argument("--examples", type=int, default=1, help="records to name for each rule (default: 1)")
    for tool in ("afterpatch", "rsigma", "hayabusa", "chainsaw"):
        parser.add_argument(f"--{tool}", type=Path)
    parser.add_argument("--hayabusa-rules", type=Path)
    parser.add_argument("--chainsaw-mapping", type=Path)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    rules, logs = Rules(options.sigma), Logs(options.cache, options.evtx_dump)
    folder = options.cache / "hits"
    folder.mkdir(exist_ok=True)
    tools = {
        "afterpatch": (run_afterpatch, read_afterpatch),
        "rsigma": (run_rsigma, read_rsigma),
        "hayabusa": (run_hayabusa, lambda out, *more: read_hayabusa(out, *more, Path(options.hayabusa_rules or ".") / "sigma")),
        "chainsaw": (run_chainsaw, read_chainsaw),
    }
    found = {}
    for tool, (run, read) in tools.items():
        out = folder / f"{tool}.jsonl"
        if getattr(options, tool):
            say(f"{tool} runs")
            run(options, logs, options.sigma, out)
        if getattr(options, tool) or (options.kept and out.exists()):
            hits = read(out, logs, rules)
            # Only rules that everybody was given.
            found[tool] = {hit for hit in hits if hit[0] in rules.name_of}
    if not found:
        sys.exit("name a tool, or --kept")
    report = summary(found, rules) + [""]
    first = next(iter(found))
    for tool in list(found)[1:]:
        report += differences(found[first], found[tool], (first, tool), rules, options.examples)
    print("\n".join(report))


main()

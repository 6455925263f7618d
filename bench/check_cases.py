"""Runs the cases of the packs through the SQL of rules_to_sql.py: does every IIS log of a case hit what the case says?

usage: check_cases.py PACKS, in a Python that has DuckDB
Prints JSON: blocks, hits, rules that hit, differences in words. The evidence
of a measurement has hits of few rules; the cases have hits of all, and twins that must stay silent.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

import duckdb

sys.dont_write_bytecode = True
import rules_to_sql  # noqa: E402

BLOCKS = re.compile(r"^```log (iis\S*)\s*\n(.*?)^```\s*$.*?^```hits\s*\n(.*?)^```\s*$", re.M | re.S)


def parts_of(log: str):
    """The records of a log by the columns that hold for them."""
    fields, rows = list(rules_to_sql.DEFAULT_FIELDS), []
    for line in log.splitlines():
        if line.startswith("#Fields:"):
            if rows:
                yield fields, rows
            fields, rows = line.split()[1:], []
        elif line and not line.startswith("#") and len(line.split(" ")) == len(fields):
            rows.append(line.split(" "))
    if rows:
        yield fields, rows


def found_in(database, converted, rows: list):
    """Per record the rules that fit; and whether the premises of the SQL hold."""
    columns = ", ".join(f"{rules_to_sql.name_of(field)} VARCHAR" for field in converted.fields)
    database.execute(f"CREATE OR REPLACE TABLE written (number INTEGER, {columns})")
    marks = ", ".join("?" * (len(converted.fields) + 1))
    database.executemany(f"INSERT INTO written VALUES ({marks})", [[number, *row] for number, row in enumerate(rows)])
    view = f"(SELECT number, {converted.columns()} FROM written)"
    doubtful = database.execute(f"SELECT count(*) FROM {view} WHERE {converted.premises()}").fetchone()[0]
    return database.execute(f"SELECT number, {converted.hits()} FROM {view}").fetchall(), doubtful


def check(packs: Path) -> dict:
    database = duckdb.connect()
    report = {"blocks": 0, "hits": 0, "rules": set(), "differences": []}
    complain = report["differences"].append
    for file in sorted(packs.glob("*/cases/*.md")):
        pack = file.parent.parent.name
        for block in BLOCKS.finditer(file.read_text()):
            where = f"{pack}/{file.name}: block {block.start()}"
            report["blocks"] += 1
            said = {rule: int(count) for rule, count in (line.rsplit(" ", 1) for line in block.group(3).splitlines() if line.strip())}
            hits: Counter = Counter()
            for fields, rows in parts_of(block.group(2)):
                converted = rules_to_sql.convert(packs, fields)
                patterns = [re.compile(pattern, re.I) for pattern in rules_to_sql.line_patterns(converted)[0]]
                found, doubtful = found_in(database, converted, rows)
                if doubtful:
                    complain(f"{where}: {doubtful} records are not as the SQL presumes")
                for number, rules in found:
                    hits.update(rules or [])
                    line = " ".join(rows[number])
                    if rules and not any(pattern.search(line) for pattern in patterns):
                        complain(f"{where}: no pattern finds the record that {rules} hit: {line}")
            # Rules of other packs count only where the case names them.
            for rule in sorted(converted.rules):
                if (rule.startswith(f"{pack}/") or rule in said) and hits[rule] != said.get(rule, 0):
                    complain(f"{where}: {rule}: {hits[rule]} in SQL, {said.get(rule, 0)} in the case")
            report["hits"] += sum(hits.values())
            report["rules"] |= set(hits)
    return report | {"rules": len(report["rules"])}


def main() -> None:
    report = check(Path(sys.argv[1]))
    print(json.dumps(report, indent=1))


main()

"""Runs one statement of a prepared duckdb.sql and prints what it found, as JSON.

usage: duckdb_run.py PREPARED STATEMENT
PREPARED is duckdb.sql with everything put in; STATEMENT is a name after `-- statement:` in it, or `nothing` (what
starting Python and DuckDB costs).
"""

import json
import sys
from collections import Counter
from pathlib import Path

import duckdb


def main() -> None:
    prepared, statement = Path(sys.argv[1]), sys.argv[2]
    database = duckdb.connect()
    # Order of rows is of no use here and costs DuckDB memory.
    database.execute("SET preserve_insertion_order = false")
    if statement == "nothing":
        print(json.dumps(database.execute("SELECT version()").fetchone()[0]))
        return
    setup, *named = prepared.read_text().split("-- statement: ")
    parts = dict(part.split("\n", 1) for part in named)
    database.execute(setup)
    hits, sums = Counter(), Counter()
    for row in database.execute(parts[statement]).fetchall():
        what, rules, requests = row[0], row[4], row[5]
        sums[what] += requests
        for rule in rules or []:
            hits[rule] += requests
    print(json.dumps({"hits": dict(sorted(hits.items())), "sums": dict(sorted(sums.items()))}))


main()

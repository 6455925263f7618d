"""Runs one statement of duckdb.sql over IIS logs and prints what it found, as JSON.

usage: duckdb_run.py PROJECT STATEMENT FOLDER
STATEMENT is a name after `-- statement:` in duckdb.sql, or `nothing` (what starting Python and DuckDB costs).
"""

import json
import sys
from collections import Counter
from pathlib import Path

import duckdb


def statements(project: Path, folder: Path) -> dict[str, str]:
    """The parts of duckdb.sql by name; the part before the first name is `setup`."""
    files = sorted(str(path) for path in folder.rglob("u_ex*.log"))
    sql = (project / "bench/duckdb.sql").read_text()
    for name, value in {
        "{files}": "[" + ", ".join("'" + file.replace("'", "''") + "'" for file in files) + "]",
        "{pages}": str(project / "knowledge/pages.csv"),
        "{known_good}": str(project / "knowledge/known-good/files.csv"),
        "{packs}": str(project / "packs"),
    }.items():
        sql = sql.replace(name, value)
    setup, *named = sql.split("-- statement: ")
    return {"setup": setup} | dict(part.split("\n", 1) for part in named)


def main() -> None:
    project, statement, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    database = duckdb.connect()
    # Order of rows is of no use here and costs DuckDB memory.
    database.execute("SET preserve_insertion_order = false")
    if statement == "nothing":
        print(json.dumps(database.execute("SELECT version()").fetchone()[0]))
        return
    parts = statements(project, folder)
    database.execute(parts["setup"])
    hits, sums = Counter(), Counter()
    for row in database.execute(parts[statement]).fetchall():
        what, rules, requests = row[0], row[4], row[5]
        sums[what] += requests
        for rule in rules or []:
            hits[rule] += requests
    print(json.dumps({"hits": dict(sorted(hits.items())), "sums": dict(sorted(sums.items()))}))


main()

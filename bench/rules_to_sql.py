#!/usr/bin/env python3
"""The web rules and indicators of packs/ as DuckDB conditions, and as regular expressions over whole lines.

usage: rules_to_sql.py [--patterns] [PACKS]
Prints the condition of every rule with `category: webserver`, or the expressions; what cannot be converted exactly is
refused by name on standard error. `bench/run` uses this at run time, so the peers always get the rules of today.

The conditions are exact where `premises` hold; `bench/run` counts the records for which they do not, and stops. Reads
no YAML but the shape in which rules are written here. Needs Python 3.9 and nothing else.
"""

import csv
import datetime
import re
import sys
from pathlib import Path
from typing import NamedTuple, Optional, Union

# What IIS writes where nobody chose its columns.
DEFAULT_FIELDS = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status time-taken"
).split()
# Other names of columns, as rules write them.
OTHER_NAMES = {
    "cs-user-agent": "cs(user-agent)",
    "c-useragent": "cs(user-agent)",
    "cs-useragent": "cs(user-agent)",
    "cs-referer": "cs(referer)",
    "cs-referrer": "cs(referer)",
    "cs-host": "cs(host)",
    "cs-cookie": "cs(cookie)",
}
# Tested on so many records that the view holds them in lower case; the others are folded where they are tested.
FOLDED = ("cs-method", "cs-uri-stem", "cs-uri-query")
# Letters of the beginning of a cell by which rules are told apart: `/owa`, `/ecp`, `/aut`.
BEGINNING = 4
# Shorter user agents would fit half of all records.
AGENT_BYTES_MIN = 4


class Refused(Exception):
    """Something that has no exact counterpart here."""


# ---- reading rules --------------------------------------------------------------------------------------------------


def read_rule(text: str):
    """Nested maps, lists and scalars, in the shape of packs/*/rules; anything else is refused."""
    lines = []
    for line in text.splitlines():
        if "\t" in line:
            raise Refused("a tab")
        lines.append(line.rstrip())
    value, rest = read_block(lines, skip_blank(lines, 0), 0)
    if rest < len(lines):
        raise Refused(f"line {rest + 1}: indentation")
    return value


def skip_blank(lines: list, at: int) -> int:
    while at < len(lines) and (not lines[at].strip() or lines[at].lstrip().startswith("#")):
        at += 1
    return at


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


# What stands in a block of text; it is not read.
PROSE = ("prose",)
KEY = re.compile(r"([A-Za-z_][\w()|.\-]*):(?: +(.*))?$")


def read_block(lines: list, at: int, indent: int):
    if at >= len(lines):
        raise Refused("an empty document")
    is_list = lines[at][indent:].startswith("- ")
    items, pairs = [], {}
    while at < len(lines) and indent_of(lines[at]) == indent:
        text = lines[at][indent:]
        if text.startswith("- ") != is_list:
            raise Refused(f"line {at + 1}: a list and a map in one")
        if is_list and KEY.match(text[2:]):
            # A map in a list: its first key stands behind the dash.
            lines[at] = " " * (indent + 2) + text[2:]
            value, at = read_block(lines, at, indent + 2)
            items.append(value)
        elif is_list:
            items.append(read_scalar(text[2:], at))
            at = skip_blank(lines, at + 1)
        else:
            key, written = read_key(text, at)
            if key in pairs:
                raise Refused(f"line {at + 1}: `{key}` stands twice")
            pairs[key], at = read_value(lines, at, indent, written)
    return (items if is_list else pairs), at


def read_key(text: str, at: int) -> tuple:
    found = KEY.match(text)
    if not found:
        raise Refused(f"line {at + 1}: `{text}` is no key")
    return found.group(1), found.group(2)


def read_value(lines: list, at: int, indent: int, written: Optional[str]) -> tuple:
    if written in (">-", ">", "|", "|-"):
        # Prose; nothing that is tested is written so.
        at += 1
        while at < len(lines) and (not lines[at].strip() or indent_of(lines[at]) > indent):
            at += 1
        return PROSE, skip_blank(lines, at)
    below = skip_blank(lines, at + 1)
    if written is not None:
        return read_scalar(written, at), below
    if below >= len(lines) or indent_of(lines[below]) <= indent:
        return None, below
    return read_block(lines, below, indent_of(lines[below]))


def read_scalar(text: str, at: int):
    if text.startswith("'"):
        inner = text[1:-1]
        if len(text) < 2 or not text.endswith("'") or "'" in inner.replace("''", ""):
            raise Refused(f"line {at + 1}: quotes")
        return inner.replace("''", "'")
    if not text or text[0] in "\"[]{}&*!|>%@`,?#" or " #" in text or ": " in text or text.endswith(":"):
        raise Refused(f"line {at + 1}: `{text}` is written in another way than these rules are")
    if re.fullmatch(r"-?(0|[1-9][0-9]*)", text):
        return int(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lower() in ("null", "~") or re.fullmatch(r"[-+.0-9][-+.0-9_:eExXoO]*", text) and text != "-":
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise Refused(f"line {at + 1}: `{text}` could be a number or nothing")
    return text


# ---- expressions ----------------------------------------------------------------------------------------------------


class Test(NamedTuple):
    """One column against alternatives of one kind; kinds: is, startswith, endswith, contains, re."""

    column: str
    kind: str
    values: tuple
    cased: bool


class All(NamedTuple):
    parts: tuple


class Any(NamedTuple):
    parts: tuple


class Not(NamedTuple):
    part: object


Node = Union[bool, Test, All, Any, Not]


def all_of(parts) -> Node:
    return joined(All, parts, neutral=True)


def any_of(parts) -> Node:
    return joined(Any, parts, neutral=False)


def joined(kind, parts, neutral: bool) -> Node:
    flat = []
    for part in parts:
        for one in part.parts if isinstance(part, kind) else (part,):
            if one is (not neutral):
                return not neutral
            if one is not neutral and one not in flat:
                flat.append(one)
    if not flat:
        return neutral
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def none_of(part: Node) -> Node:
    return (not part) if isinstance(part, bool) else Not(part)


def expression(rule: dict, fields: list) -> Node:
    """The rule as one expression over the columns that the log has."""
    source = rule.get("logsource") or {}
    known = {"product": ("exchange", "windows"), "category": ("webserver",), "service": ("iis",)}
    for key, value in source.items():
        if value not in known.get(key, ()):
            raise Refused(f"log source `{key}: {value}`")
    detection = dict(rule.get("detection") or {})
    conditions = detection.pop("condition", None)
    if not conditions or "timeframe" in detection:
        raise Refused("no condition, or a timeframe")
    named = {name: of_detection(value, fields) for name, value in detection.items()}
    conditions = conditions if isinstance(conditions, list) else [conditions]
    if not all(isinstance(text, str) for text in conditions):
        raise Refused("a condition in a block of text")
    return any_of([Condition(text, named).read() for text in conditions])


def of_detection(value, fields: list) -> Node:
    if isinstance(value, dict) and value:
        return all_of([of_item(key, values, fields) for key, values in value.items()])
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        return any_of([of_detection(part, fields) for part in value])
    raise Refused("keywords, or an empty detection")


def of_item(key: str, written, fields: list) -> Node:
    name, *modifiers = key.split("|")
    unknown = set(modifiers) - {"contains", "startswith", "endswith", "all", "cased", "re", "i", "exists"}
    kinds = [word for word in modifiers if word in ("contains", "startswith", "endswith", "re", "exists")]
    is_re = kinds == ["re"]
    if unknown or len(kinds) > 1 or ("i" in modifiers and not is_re) or (is_re and "cased" in modifiers):
        raise Refused(f"`{key}`: modifiers")
    values = written if isinstance(written, list) else [written]
    column = column_of(name, fields)
    if kinds == ["exists"]:
        if len(values) != 1 or not isinstance(values[0], bool) or len(modifiers) > 1:
            raise Refused(f"`{key}`: a value that is not true or false")
        return (column is not None) == values[0]
    tests = [of_value(key, column, kinds[0] if kinds else "is", value, modifiers) for value in values]
    if not tests:
        raise Refused(f"`{key}`: an empty list")
    return all_of(tests) if "all" in modifiers else any_of(merged(tests))


def merged(tests: list) -> list:
    """Alternatives of one kind as one test."""
    by_kind: dict = {}
    for test in tests:
        if isinstance(test, Test):
            key = (test.column, test.kind, test.cased)
            by_kind[key] = tuple(dict.fromkeys(by_kind.get(key, ()) + test.values))
    return [Test(column, kind, values, cased) for (column, kind, cased), values in by_kind.items()] + [
        test for test in tests if not isinstance(test, Test)
    ]


def of_value(key: str, column: Optional[str], kind: str, value, modifiers: list) -> Node:
    if value is None:
        if kind != "is" or modifiers:
            raise Refused(f"`{key}`: null with a modifier")
        # Absent, empty, or what IIS writes for empty.
        return True if column is None else Test(column, "is", ("", "-"), True)
    if not isinstance(value, (str, int)) or isinstance(value, bool) or (isinstance(value, int) and (kind != "is" or modifiers)):
        raise Refused(f"`{key}`: `{value}` is no text")
    if isinstance(value, int):
        # Premise: the column holds numbers as IIS writes them.
        return False if column is None else Test(column, "number", (str(value),), True)
    if kind == "re":
        pattern = regular(value, "i" in modifiers)
        return False if column is None else Test(column, "re", (pattern,), True)
    if not value.isascii() or not value.isprintable() or any(letter in value for letter in "*?\\"):
        raise Refused(f"`{key}`: `{value}` holds wildcards, backslashes or letters that are not ASCII")
    if not value and kind != "is":
        raise Refused(f"`{key}`: an empty text")
    if column is None:
        return False
    if value == "":
        return Test(column, "is", ("", "-"), True)
    cased = "cased" in modifiers or value.lower() == value.upper()
    return Test(column, kind, (value if cased else value.lower(),), cased)


def column_of(name: str, fields: list) -> Optional[str]:
    folded = name.lower()
    for candidate in (folded, OTHER_NAMES.get(folded)):
        for field in fields:
            if field.lower() == candidate:
                return field
    return None


# Literals, classes of ASCII, groups, anchors, alternatives and bounded repetition mean the same to both engines.
ATOM = re.compile(r"\\[-.^$*+?(){}\[\]|\\/]|\[\^?(?:\\[-\]\\^.]|[^\\\[\]])+\]|\(\?:|\((?!\?)|[).^$*+?|]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\}|[^\\\[\](){}^$*+?|.]")


def regular(text: str, ignore_case: bool) -> str:
    """The expression with its flags in front; refused where the engines could part."""
    if text.startswith("(?i)"):
        text, ignore_case = text[4:], True
    at = 0
    if not text.isascii() or not text.isprintable():
        raise Refused(f"`{text}`: letters that are not ASCII")
    while at < len(text):
        atom = ATOM.match(text, at)
        folds_class = atom and ignore_case and atom.group().startswith("[^") and re.search("[A-Za-z]", atom.group())
        # Two of these in a class are an operation on sets to one of the engines.
        if not atom or folds_class or re.search("--|&&|~~", atom.group()):
            raise Refused(f"`{text}`: `{text[at:at + 8]}` in a regular expression")
        at = atom.end()
    return f"(?i){text}" if ignore_case else text


class Condition:
    """`a and not (b or 1 of c*)`."""

    def __init__(self, text: str, named: dict):
        self.text, self.named = text, named
        self.words = re.findall(r"[()]|[^\s()]+", text)

    def read(self) -> Node:
        node = self.either()
        if self.words:
            raise Refused(f"condition `{self.text}`")
        return node

    def next_is(self, word: str) -> bool:
        if self.words and self.words[0].lower() == word:
            self.words.pop(0)
            return True
        return False

    def either(self) -> Node:
        parts = [self.both()]
        while self.next_is("or"):
            parts.append(self.both())
        return any_of(parts)

    def both(self) -> Node:
        parts = [self.single()]
        while self.next_is("and"):
            parts.append(self.single())
        return all_of(parts)

    def single(self) -> Node:
        if self.next_is("not"):
            return none_of(self.single())
        if self.next_is("("):
            node = self.either()
            if not self.next_is(")"):
                raise Refused(f"condition `{self.text}`")
            return node
        for word, join in (("1", any_of), ("any", any_of), ("all", all_of)):
            if len(self.words) > 2 and self.words[0].lower() == word and self.words[1].lower() == "of":
                return join(self.chosen(self.words[2]))
        if self.words and self.words[0] in self.named:
            return self.named[self.words.pop(0)]
        raise Refused(f"condition `{self.text}`")

    def chosen(self, pattern: str) -> list:
        del self.words[:3]
        if pattern == "them":
            found = [node for name, node in self.named.items() if not name.startswith("_")]
        else:
            fits = re.compile(".*".join(map(re.escape, pattern.split("*"))))
            found = [node for name, node in self.named.items() if fits.fullmatch(name)]
        if not found:
            raise Refused(f"condition `{self.text}`")
        return found


# ---- SQL ------------------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def name_of(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def folded_name(column: str) -> str:
    return name_of(f"{column} folded")


def cost(node: Node) -> int:
    """Roughly what a test costs, so that cheap ones are written first."""
    if isinstance(node, bool):
        return 0
    if isinstance(node, Not):
        return cost(node.part)
    if isinstance(node, (All, Any)):
        return sum(map(cost, node.parts))
    each = {"is": 1, "number": 1, "startswith": 2, "endswith": 3, "contains": 5, "re": 60}[node.kind]
    folding = 0 if node.cased or node.column.lower() in FOLDED else 30
    return folding + (each if node.kind in ("is", "number") else each * len(node.values))


def sql(node: Node) -> str:
    if isinstance(node, bool):
        return str(node).lower()
    if isinstance(node, Not):
        return f"NOT {sql(node.part)}"
    if isinstance(node, (All, Any)):
        word = " AND " if isinstance(node, All) else " OR "
        return "(" + word.join(sql(part) for part in sorted(node.parts, key=cost)) + ")"
    subject = name_of(node.column)
    if not node.cased:
        subject = folded_name(node.column) if node.column.lower() in FOLDED else f"lower({subject})"
    values = [quoted(value) for value in node.values]
    if node.kind in ("is", "number"):
        return f"{subject} = {values[0]}" if len(values) == 1 else f"{subject} IN ({', '.join(values)})"
    if node.kind == "endswith" and len(values) > 3:
        # One expression instead of as many comparisons.
        return f"regexp_matches({subject}, {quoted('(' + '|'.join(map(escaped, node.values)) + ')$')})"
    call = {"startswith": "starts_with", "endswith": "ends_with", "contains": "contains", "re": "regexp_matches"}
    tests = [f"{call[node.kind]}({subject}, {value})" for value in values]
    return tests[0] if len(tests) == 1 else "(" + " OR ".join(tests) + ")"


def necessary(node: Node) -> Node:
    """What has to hold for the node to hold, without regular expressions; True where nothing is known."""
    if isinstance(node, Test):
        return True if node.kind == "re" else node
    if isinstance(node, All):
        return all_of(map(necessary, node.parts))
    if isinstance(node, Any):
        return any_of(map(necessary, node.parts))
    if isinstance(node, Not):
        return True if uses_regular(node) else node
    return node


def absorbed(parts) -> list:
    """Alternatives without those that ask for all that another asks for, and for more."""
    asked = [frozenset(part.parts if isinstance(part, All) else [part]) for part in parts]
    return [part for part, mine in zip(parts, asked) if not any(others < mine for others in asked)]


def by_beginning(parts) -> list:
    """Alternatives whose first cell begins alike, below one test of that: most records fail it and no other."""
    apart, groups = [], {}
    for part in parts:
        begins = [test for test in (part.parts if isinstance(part, All) else [part]) if is_beginning(test)]
        if begins:
            key = (begins[0].column, tuple(sorted({value[:BEGINNING] for value in begins[0].values})))
            groups.setdefault(key, []).append(part)
        else:
            apart.append(part)
    found = [
        all_of([Test(column, "startswith", heads, False), any_of(members)]) if len(members) > 1 else members[0]
        for (column, heads), members in groups.items()
    ]
    return apart + found


def is_beginning(node: Node) -> bool:
    return isinstance(node, Test) and node.kind == "startswith" and not node.cased and min(map(len, node.values)) >= BEGINNING


def uses_regular(node: Node) -> bool:
    if isinstance(node, Not):
        return uses_regular(node.part)
    if isinstance(node, (All, Any)):
        return any(map(uses_regular, node.parts))
    return isinstance(node, Test) and node.kind == "re"


class Converted(NamedTuple):
    """Rules by id as expressions, what was refused by id, and the columns of the log."""

    rules: dict
    refused: dict
    fields: list

    def columns(self) -> str:
        """What the view of lines has: the columns as written, and some of them folded."""
        folded = [field for field in self.fields if field.lower() in FOLDED]
        return ", ".join([name_of(field) for field in self.fields] + [f"lower({name_of(field)}) AS {folded_name(field)}" for field in folded])

    def gate(self) -> str:
        """What every hit of any rule fulfils, without regular expressions."""
        needed = any_of(necessary(node) for node in self.rules.values())
        parts = absorbed(needed.parts) if isinstance(needed, Any) else [needed]
        return sql(any_of(by_beginning(parts)))

    def hits(self) -> str:
        """The rules that a record fits, as a list; NULL for none. Costly tests run only where cheap ones hold."""
        rules = {rule: node for rule, node in self.rules.items() if node is not False}
        each = ",\n        ".join(f"CASE WHEN {sql(node)} THEN {quoted(rule)} END" for rule, node in rules.items())
        return (
            f"CASE WHEN {self.gate()}\n    THEN nullif(list_filter([\n        {each}\n    ], lambda rule: rule IS NOT NULL), [])\n    END"
        )

    def premises(self) -> str:
        """True for a record to which the conditions may not be exact. Two letters fold into ASCII in DuckDB alone."""
        tests, broken = list(tests_in(self.rules.values())), []
        for column in dict.fromkeys(test.column for test in tests):
            broken.append(f"{name_of(column)} IS NULL")
        for column in dict.fromkeys(test.column for test in tests if not test.cased):
            broken.append(f"regexp_matches({name_of(column)}, '[\u0130\u212a]')")
        for column in dict.fromkeys(test.column for test in tests if test.kind == "number"):
            broken.append(f"NOT regexp_matches({name_of(column)}, '^(-|0|[1-9][0-9]*)$')")
        return "(" + " OR ".join(broken or ["false"]) + ")"


def tests_in(nodes):
    for node in nodes:
        if isinstance(node, Test):
            yield node
        elif isinstance(node, Not):
            yield from tests_in([node.part])
        elif isinstance(node, (All, Any)):
            yield from tests_in(node.parts)


def convert(packs: Path, fields: Optional[list] = None) -> Converted:
    """All web rules of all packs, for logs with these columns."""
    converted = Converted({}, {}, fields or DEFAULT_FIELDS)
    for file in sorted(packs.glob("*/rules/*.yml")):
        text = file.read_text()
        if not re.search(r"^\s+category:\s*['\"]?webserver", text, re.M):
            continue
        rule = f"{file.parent.parent.name}/{file.stem}"
        try:
            converted.rules[rule] = expression(read_rule(text), converted.fields)
        except Refused as reason:
            converted.refused[rule] = str(reason)
    return converted


# ---- indicators -----------------------------------------------------------------------------------------------------


class Indicator(NamedTuple):
    """A published address or user agent, and when it counts."""

    rule: str
    kind: str
    value: str
    since: Optional[datetime.datetime]
    before: Optional[datetime.datetime]


def indicators(packs: Path) -> list:
    """Addresses and user agents of all packs; those of one rule, value and time once."""
    found = {}
    for file in sorted(packs.glob("*/indicators.csv")):
        with file.open(newline="") as text:
            for line in csv.DictReader(row for row in text if not row.startswith("#")):
                kind, value, group = line["type"], line["value"].strip(), line.get("group")
                if kind not in ("ip", "user-agent") or (kind == "user-agent" and len(value) < AGENT_BYTES_MIN):
                    continue
                if not value.isascii() or (kind == "ip" and not re.fullmatch(r"[0-9]+(\.[0-9]+){3}", value)):
                    raise Refused(f"{file}: `{value}`: only IPv4 addresses and ASCII are compared as they stand")
                rule = f"{file.parent.name}/indicator-{kind}" + (f"-{group}" if group else "")
                # IIS writes blanks as plus signs.
                value = value.replace(" ", "+").lower() if kind == "user-agent" else value
                since, before = moment(line["from"], 0), moment(line["until"], 1)
                # Every address counts for itself, of user agents those of one time together.
                found[Indicator(rule, kind, value, since, before)] = None
    return list(found)


def moment(written: Optional[str], days: int) -> Optional[datetime.datetime]:
    """The beginning of a day, or its end: the beginning of the next."""
    if not written:
        return None
    return datetime.datetime.strptime(written, "%Y-%m-%d") + datetime.timedelta(days=days)


def known_agent(packs: Path, fields: list) -> str:
    """The user agent in lower case where it is a published one, else NULL. Lengths are cheap to compare."""
    values = sorted({one.value for one in indicators(packs) if one.kind == "user-agent"})
    column = column_of("cs-user-agent", fields)
    if not values or column is None:
        return "NULL"
    lengths = ", ".join(map(str, sorted({len(value) for value in values})))
    listed = ", ".join(map(quoted, values))
    agent = name_of(column)
    return f"CASE WHEN strlen({agent}) IN ({lengths}) THEN CASE WHEN lower({agent}) IN ({listed}) THEN lower({agent}) END END"


def indicator_rows(packs: Path, kind: str) -> str:
    """A table of rule, value, since and before."""
    written = lambda time: "NULL::TIMESTAMP" if time is None else f"TIMESTAMP '{time}'"
    rows = [f"({quoted(one.rule)}, {quoted(one.value)}, {written(one.since)}, {written(one.before)})" for one in indicators(packs) if one.kind == kind]
    table = ", ".join(rows) or "('', '', NULL::TIMESTAMP, NULL::TIMESTAMP)"
    return f"(VALUES {table}) AS known (rule, value, since, before)"


# ---- lines ----------------------------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    return re.sub(r"([.^$*+?(){}\[\]|\\])", r"\\\1", text)


def line_patterns(converted: Converted) -> tuple:
    """Expressions for grep and ripgrep, case disregarded: every line that a rule fits fits one of them.

    What a line cannot say is left out: exceptions, and alternatives over several columns but one. One thing is missed:
    a cell in which what it begins with and what an expression looks for share letters. The second part are the rules
    of which nothing is left.
    """
    patterns, silent = {}, []
    for rule, node in converted.rules.items():
        found = patterns_of(node, converted.fields)
        if found is None:
            silent.append(rule)
        else:
            patterns.update(dict.fromkeys(found))
    return list(patterns), silent


def patterns_of(node: Node, fields: list) -> Optional[list]:
    if node is False:
        return []
    if isinstance(node, Any):
        found = [patterns_of(part, fields) for part in node.parts]
        return None if None in found else [pattern for one in found for pattern in one]
    parts = node.parts if isinstance(node, All) else (node,)
    tests = [part for part in parts if isinstance(part, Test) and tells(part)]
    choices = [part for part in parts if isinstance(part, Any)]
    # The choice that tells most apart; its alternatives become patterns of their own.
    choices.sort(key=cost, reverse=True)
    for choice in choices:
        nested = [all_of([*tests, part]) for part in choice.parts]
        if all(positive(part) for part in choice.parts):
            found = [patterns_of(part, fields) for part in nested]
            return None if None in found else [pattern for one in found for pattern in one]
    return [line_pattern(tests, fields)] if tests else None


def tells(test: Test) -> bool:
    """Whether anything is left of the test in a line: `[^-]` fits everywhere."""
    return test.kind != "re" or all(re.search("[A-Za-z0-9]{2}", value) for value in test.values)


def positive(node: Node) -> bool:
    """Whether every way to fulfil it leaves something to look for."""
    if isinstance(node, Test):
        return tells(node)
    if isinstance(node, Any):
        return all(map(positive, node.parts))
    return isinstance(node, All) and any(map(positive, node.parts))


class Piece(NamedTuple):
    """A part of a cell: the text, and whether the cell begins and ends with it."""

    at: int
    text: str
    begins: bool
    ends: bool


def line_pattern(tests: list, fields: list) -> str:
    pieces = []
    for at in sorted({fields.index(test.column) for test in tests}):
        of_cell = [test for test in tests if fields.index(test.column) == at]
        pieces += cell_pieces(at, of_cell)
    text = " " if pieces[0].begins and pieces[0].at > 0 else ""
    for piece, following in zip(pieces, [*pieces[1:], None]):
        text += piece.text
        if following is None:
            behind = len(fields) - 1 - piece.at
            text += ("" if piece.ends else "[^ ]*") + " [^ ]*" * behind + "$" if behind < 4 else " " if piece.ends else ""
        elif following.at == piece.at:
            text += "[^ ]*"
        elif following.at == piece.at + 1:
            text += ("" if piece.ends else "[^ ]*") + " " + ("" if following.begins else "[^ ]*")
        else:
            text += (" " if piece.ends else "") + ".*" + (" " if following.begins else "")
    return text


def cell_pieces(at: int, tests: list) -> list:
    """At most the beginning and one thing more, as only their order is known."""
    whole = [test for test in tests if test.kind in ("is", "number")]
    if whole:
        return [Piece(at, alternatives(whole[0].values), True, True)]
    starts = [test for test in tests if test.kind == "startswith"][:1]
    begin = [Piece(at, alternatives(test.values), True, False) for test in starts]
    others = sorted((test for test in tests if test.kind != "startswith"), key=lambda test: test.kind, reverse=True)
    if not others:
        return begin
    if others[0].kind == "re":
        one = [regex_piece(at, value) for value in others[0].values]
        if len(one) == 1:
            return one if one[0].begins else [*begin, *one]
        text = "|".join(piece.text for piece in one)
        return [*begin, Piece(at, f"({text})", False, all(piece.ends for piece in one))]
    values, ends = others[0].values, others[0].kind == "endswith"
    # What may be made of the letters of the beginning stands for itself.
    shared = tuple(value for value in values if any(overlap(start, value) for test in starts for start in test.values))
    apart = tuple(value for value in values if value not in shared)
    if not shared:
        return [*begin, Piece(at, alternatives(values), False, ends)]
    both = [f"{begin[0].text}[^ ]*{alternatives(apart)}"] if apart else []
    return [Piece(at, "(" + "|".join([*both, alternatives(shared)]) + ")", False, ends)]


def overlap(first: str, second: str) -> bool:
    """Whether a text that begins with the first can hold the second from within it on."""
    return any(first[at:].startswith(second[: len(first) - at]) for at in range(len(first)))


def regex_piece(at: int, pattern: str) -> Piece:
    text = pattern[4:] if pattern.startswith("(?i)") else pattern
    whole = not re.search(r"(?<!\\)\|", re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", text)))
    begins, ends = whole and text.startswith("^"), whole and text.endswith("$") and not text.endswith("\\$")
    text = text[1:] if begins else text
    text = text[:-1] if ends else text
    # Elsewhere an anchor is one of several alternatives: nothing, which fits everywhere.
    text = re.sub(r"(?<![\\\[])[\^$]", "", text)
    # Needless escapes mean other things to grep.
    return Piece(at, re.sub(r"\\([^.^$*+?(){}\[\]|\\])", r"\1", text), begins, ends)


def alternatives(values: tuple) -> str:
    texts = [escaped(value) for value in values]
    return texts[0] if len(texts) == 1 else "(" + "|".join(texts) + ")"


# ---- all together ---------------------------------------------------------------------------------------------------


def fields_of(files: list) -> list:
    """The columns that all the logs have."""
    found = set()
    for file in files:
        with open(file, errors="replace") as log:
            found.update(tuple(line.split()[1:]) for line in log if line.startswith("#Fields:"))
    if len(found) != 1:
        raise Refused(f"the logs have {len(found)} different sets of columns")
    return list(found.pop())


def prepared(statements: str, packs: Path, files: list, paths: dict) -> tuple:
    """`duckdb.sql` with everything put in, and what was converted."""
    converted = convert(packs, fields_of(files))
    kinds = {"date": "DATE", "time": "TIME"}
    types = ", ".join(f"{quoted(field)}: {quoted(kinds.get(field, 'VARCHAR'))}" for field in converted.fields)
    values = {
        "files": "[" + ", ".join(quoted(str(file)) for file in files) + "]",
        "columns": converted.columns(),
        "types": "{" + types + "}",
        "rules": converted.hits(),
        "gate": converted.gate(),
        "premise": converted.premises(),
        "agent": known_agent(packs, converted.fields),
        "clients": indicator_rows(packs, "ip"),
        "agents": indicator_rows(packs, "user-agent"),
        **{name: str(path).replace("'", "''") for name, path in paths.items()},
    }
    return re.sub(r"\{([a-z_]+)\}", lambda found: values[found.group(1)], statements), converted


def main() -> None:
    options = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    paths = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if set(options) - {"--patterns"} or len(paths) > 1:
        sys.exit(__doc__)
    packs = Path(paths[0]) if paths else Path(__file__).resolve().parent.parent / "packs"
    converted = convert(packs)
    if "--patterns" in options:
        patterns, silent = line_patterns(converted)
        print("\n".join(patterns))
        print("\n".join(f"{rule}: no pattern" for rule in silent), file=sys.stderr)
    else:
        for rule, node in converted.rules.items():
            print(f"-- {rule}\n{sql(node)}\n")
    for rule, reason in converted.refused.items():
        print(f"{rule}: refused: {reason}", file=sys.stderr)
    sys.exit(1 if converted.refused else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""JSON lines of `evtx_dump -o jsonl` from standard input as flat JSON lines, one object of field names an event.

    evtx_dump -t 1 -o jsonl LOG | bench/flatten_events.py [NUMBER] > events.jsonl

This is how rsigma wants events. It shares nothing with afterpatch's own reader: names are those of the XML, unnamed data is
the list `Data`, an element without text is the empty text, and Security 4688 has the names of Sysmon 1 beside its own.
`file` (NUMBER) and `record` (the EventRecordID of the event) say where a hit lies; as numbers they are no text for keywords.
"""

import json
import sys

RENAMED = {
    "NewProcessName": "Image",
    "ProcessCommandLine": "CommandLine",
    "ParentProcessName": "ParentImage",
    "SubjectUserName": "User",
    "NewProcessId": "ProcessId",
    "ProcessId": "ParentProcessId",
    "SubjectLogonId": "LogonId",
    "MandatoryLabel": "IntegrityLevel",
}


def text_of(value):
    """An element may carry attributes beside its text."""
    return value.get("#text", "") if isinstance(value, dict) else value


def data_of(data) -> dict:
    """Fields of EventData, or of the element inside UserData."""
    if not isinstance(data, dict):
        return {} if data is None else {"Data": data}
    fields = {}
    for name, value in data.items():
        if name == "#attributes":
            continue
        if isinstance(value, dict) and "#text" not in value:
            fields.update(data_of(value))
        else:
            plain = text_of(value)
            fields[name] = "" if plain is None else plain
    return fields


def flat(event: dict) -> dict:
    system = event["System"]
    fields = {
        "EventID": int(text_of(system["EventID"])),
        "Channel": system.get("Channel") or "",
        # Clearing a log is an event whose data has a `Channel` too, and that is the one that rules mean.
        "LogChannel": system.get("Channel") or "",
        "Provider_Name": system["Provider"]["#attributes"].get("Name", ""),
        "Computer": system.get("Computer") or "",
        "Level": system.get("Level"),
    }
    fields |= data_of(event.get("EventData")) | data_of(event.get("UserData"))
    if fields["EventID"] == 4688:
        fields |= {theirs: fields[ours] for ours, theirs in RENAMED.items() if ours in fields}
    return fields


def main() -> None:
    file = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    write = sys.stdout.write
    for line in sys.stdin:
        event = json.loads(line)["Event"]
        fields = flat(event) | {"file": file, "record": int(event["System"].get("EventRecordID") or 0)}
        write(json.dumps(fields, separators=(",", ":"), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

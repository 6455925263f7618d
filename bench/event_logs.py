#!/usr/bin/env python3
"""Makes Windows event logs to measure with, from the public logs in evtx/*.zip of the evidence folder.

    bench/event_logs.py CACHE [--evidence FOLDER] [--size 400M]

CACHE/base gets every log as a file of its own, CACHE/one/one.evtx the chunks of all of them behind one another, again and
again until the size is reached, as one sound log: record ids ascend, the slack behind the records is zero, and header,
chunk count and checksums are right. CACHE/round/round.evtx is one such round, CACHE/single/single.evtx the smallest chunk.
CACHE/logs.json says how many records each has. The evidence folder is that of the tests: AFTERPATCH_EVIDENCE.

Only ids in headers are changed. The EventRecordID inside a record keeps its old value, so hits over one.evtx are counted,
and compared one by one over base. Format: Joachim Metz, "Windows XML Event Log (EVTX) format" (libevtx).
"""

import argparse
import json
import os
import re
import shutil
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

FILE_HEADER, CHUNK, CHUNK_HEADER = 4096, 65536, 512
RECORD_HEADER, RECORD_TRAILER = 24, 4
RECORD_MAGIC = b"**\0\0"
# The count of chunks has 16 bits.
CHUNKS_MAX = 65535


class Chunk:
    """The records of one chunk of a log, ready to be given other numbers."""

    def __init__(self, raw: bytes):
        self.bytes = bytearray(raw)
        self.records = list(self.walk())
        end = self.records[-1][1] if self.records else CHUNK_HEADER
        self.bytes[end:] = bytes(CHUNK - end)
        self.end = end

    def walk(self) -> Iterator[tuple[int, int]]:
        """Begin and end of each record that the header knows; behind them lies what was there before."""
        free_space = struct.unpack_from("<I", self.bytes, 48)[0]
        last_id = struct.unpack_from("<Q", self.bytes, 32)[0]
        at = CHUNK_HEADER
        while at + RECORD_HEADER + RECORD_TRAILER <= min(free_space, CHUNK):
            size, number = struct.unpack_from("<IQ", self.bytes, at + 4)
            if self.bytes[at : at + 4] != RECORD_MAGIC or size < RECORD_HEADER + RECORD_TRAILER or at + size > CHUNK:
                return
            yield at, at + size
            at += size
            if number == last_id:
                return

    def numbered_from(self, first: int) -> bytes:
        for number, (at, _) in enumerate(self.records, first):
            struct.pack_into("<Q", self.bytes, at + 8, number)
        last = first + len(self.records) - 1
        struct.pack_into("<QQQQ", self.bytes, 8, first, last, first, last)
        struct.pack_into("<II", self.bytes, 44, self.records[-1][0], self.end)
        struct.pack_into("<I", self.bytes, 52, zlib.crc32(self.bytes[CHUNK_HEADER : self.end]))
        struct.pack_into("<I", self.bytes, 120, 0)
        struct.pack_into("<I", self.bytes, 124, zlib.crc32(self.bytes[:120] + self.bytes[128:CHUNK_HEADER]))
        return bytes(self.bytes)


def file_header(chunks: int, next_id: int) -> bytes:
    header = bytearray(FILE_HEADER)
    struct.pack_into("<8sQQQIHHHH", header, 0, b"ElfFile\0", 0, chunks - 1, next_id, 128, 1, 3, FILE_HEADER, chunks)
    struct.pack_into("<I", header, 124, zlib.crc32(header[:120]))
    return bytes(header)


def make_base(evidence: Path, folder: Path) -> list[Path]:
    """Every log of the archives as a file."""
    shutil.rmtree(folder, ignore_errors=True)
    for archive in sorted((evidence / "evtx").glob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            for entry in sorted(opened.namelist()):
                # The names in the archives are plain; anything else would be a reason to look.
                if not entry.lower().endswith(".evtx") or ".." in Path(entry).parts:
                    continue
                target = folder / archive.stem / entry
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(opened.read(entry))
    return sorted(folder.rglob("*.evtx"))


def chunks_of(logs: list[Path]) -> list[Chunk]:
    chunks = []
    for log in logs:
        content = log.read_bytes()
        for at in range(FILE_HEADER, len(content) - CHUNK + 1, CHUNK):
            raw = content[at : at + CHUNK]
            if raw.startswith(b"ElfChnk\0"):
                chunks.append(Chunk(raw))
    return [chunk for chunk in chunks if chunk.records]


def make_one(chunks: list[Chunk], target: Path, size: int) -> tuple[int, int]:
    """All chunks again and again until the size is reached; how often, and how many records."""
    round_bytes = len(chunks) * CHUNK
    rounds = max(1, -(-(size - FILE_HEADER) // round_bytes))
    if rounds * len(chunks) > CHUNKS_MAX:
        sys.exit(f"a log has no more than {CHUNKS_MAX} chunks, about 4.2 GB")
    target.parent.mkdir(parents=True, exist_ok=True)
    next_id = 1
    with target.open("wb") as out:
        out.write(bytes(FILE_HEADER))
        for _ in range(rounds):
            for chunk in chunks:
                out.write(chunk.numbered_from(next_id))
                next_id += len(chunk.records)
        out.seek(0)
        out.write(file_header(rounds * len(chunks), next_id))
    return rounds, next_id - 1


def bytes_of(size: str) -> int:
    match = re.fullmatch(r"([0-9.]+)([KMG]?)", size.upper())
    if not match:
        raise argparse.ArgumentTypeError(f"not a size: {size}")
    return int(float(match[1]) * {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}[match[2]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path, help="folder outside the project")
    parser.add_argument("--evidence", type=Path, default=os.environ.get("AFTERPATCH_EVIDENCE"))
    parser.add_argument("--size", type=bytes_of, default=bytes_of("400M"), help="least size of the one log (default: 400M)")
    options = parser.parse_args()
    if options.evidence is None or not (Path(options.evidence) / "evtx").is_dir():
        parser.error("set AFTERPATCH_EVIDENCE to the folder with evtx/*.zip")
    logs = make_base(Path(options.evidence), options.cache / "base")
    chunks = chunks_of(logs)
    smallest = min(chunks, key=lambda chunk: len(chunk.records))
    records = {"base": sum(len(chunk.records) for chunk in chunks)}
    for name, parts, size in (("one", chunks, options.size), ("round", chunks, 1), ("single", [smallest], 1)):
        log = options.cache / name / f"{name}.evtx"
        rounds, records[name] = make_one(parts, log, size)
        print(f"{name}: {log.stat().st_size:,} bytes, {records[name]:,} records, {rounds} times {len(parts):,} chunks")
    print(f"base: {len(logs)} logs, {sum(log.stat().st_size for log in logs):,} bytes, {records['base']:,} records")
    (options.cache / "logs.json").write_text(json.dumps(records))


if __name__ == "__main__":
    main()

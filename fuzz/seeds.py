#!/usr/bin/env python3
"""Writes the seeds: small chunks of the public event logs, and the rules of the built-in packs.

python3 seeds.py EVIDENCE, where EVIDENCE/evtx holds the zip files with event logs. Existing seeds stay.
"""

import hashlib
import pathlib
import struct
import sys
import zipfile

HERE = pathlib.Path(__file__).parent
CHUNK, FILE_HEADER, SEED_MAX = 65536, 4096, 12288


def write(target, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def chunks(log):
    for at in range(FILE_HEADER, len(log), CHUNK):
        chunk = log[at : at + CHUNK]
        if chunk.startswith(b"ElfChnk\0") and len(chunk) == CHUNK:
            (free,) = struct.unpack_from("<I", chunk, 48)
            yield chunk[: max(512, min(free, CHUNK))]


def main():
    for archive in sorted(pathlib.Path(sys.argv[1], "evtx").glob("*.zip")):
        with zipfile.ZipFile(archive) as members:
            for name in members.namelist():
                if name.lower().endswith(".evtx"):
                    for chunk in chunks(members.read(name)):
                        if len(chunk) <= SEED_MAX:
                            write("evtx_chunk", chunk)
    for rule in sorted((HERE.parent / "packs").glob("*/rules/*.yml")):
        write("sigma_rule", rule.read_bytes())


main()

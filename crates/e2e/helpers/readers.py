#!/usr/bin/env python3
"""Read an archive with Python's zstandard or with DuckDB: readers.py zstandard|duckdb|duckdb-count|duckdb-rows DIR < keys.

Prints `key TAB lines TAB sha256 of the decompressed bytes` for each key; duckdb-count prints "EVENTS SEALS", and duckdb-rows, of all events in
whatever objects they are, "EVENTS SHA-256 SECONDS".
"""

import hashlib
import pathlib
import sys
import time

# Lines may be as long as the apiserver's largest file; DuckDB's own limit is 16 MiB. One malformed line must fail the query.
OPTIONS = "compression = 'zstd', maximum_object_size = 134217728, ignore_errors = false"


def report(key, data):
    print(key, data.count(b"\n"), hashlib.sha256(data).hexdigest(), sep="\t")


def main():
    how, root = sys.argv[1], pathlib.Path(sys.argv[2])
    keys = sys.stdin.read().split("\n")[:-1]
    if how == "zstandard":
        import zstandard

        for key in keys:
            report(key, zstandard.ZstdDecompressor().decompress((root / key).read_bytes()))
        return
    import duckdb

    database = duckdb.connect()
    if how == "duckdb":
        # One row for each line, each as the text it was: joined they are the object again.
        for key in keys:
            rows = database.execute(f"SELECT json FROM read_ndjson_objects(?, {OPTIONS})", [str(root / key)]).fetchall()
            report(key, "".join(row[0] + "\n" for row in rows).encode())
        return
    objects = str(root / "**" / "*.jsonl.zst")
    if how == "duckdb-rows":
        begin = time.monotonic()
        rows = database.execute(f"SELECT json FROM read_ndjson_objects(?, {OPTIONS}) WHERE json->>'kind' = 'Event' ORDER BY json::VARCHAR", [objects]).fetchall()
        digest = hashlib.sha256("".join(row[0] + "\n" for row in rows).encode())
        print(len(rows), digest.hexdigest(), f"{time.monotonic() - begin:.2f}")
        return
    # As an analyst would: all objects in one query, with the columns that are wanted.
    columns = "{kind: 'VARCHAR', auditID: 'VARCHAR', verb: 'VARCHAR', note: 'VARCHAR'}"
    found = database.execute(
        "SELECT count(*) FILTER (kind = 'Event' AND verb IS NOT NULL), count(*) FILTER (kind = 'BatchSeal' AND note IS NOT NULL), count(*) "
        f"FROM read_json(?, format = 'newline_delimited', columns = {columns}, {OPTIONS})", [objects]).fetchone()
    if found[0] + found[1] != found[2]:
        sys.exit(f"{found[2]} rows, but {found[0]} events and {found[1]} seals")
    print(found[0], found[1])


main()

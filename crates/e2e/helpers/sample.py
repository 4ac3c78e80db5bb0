#!/usr/bin/env python3
"""Make small inputs for the e2e scripts.

sample.py logs DIR             a rotation set as kube-apiserver leaves it (backups, one of them gzipped, and the live file); prints the
                               number of lines and the SHA-256 of the whole log
sample.py archive DIR          a few objects with the outer shape of auditseal's (one frame, last block raw, last line a seal, but no
                               signature: nothing for `verify`); prints the number of event lines
sample.py concatenated DIR     the same, but one object is two frames: some readers silently stop after the first
"""

import gzip
import hashlib
import json
import pathlib
import random
import struct
import sys

RAW_MAX = 128 * 1024 - 1  # what fits into one block


def events(count, seed):
    rng = random.Random(seed)
    for i in range(count):
        event = {
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": str(rng.getrandbits(64)),
            "stage": "ResponseComplete", "requestURI": f"/api/v1/namespaces/n{rng.randrange(9)}/pods?labelSelector=a%3Db&limit={i}",
            "verb": rng.choice(["get", "list", "delete"]), "user": {"username": rng.choice(["alice", "Zoë", "system:node:ü"])},
            "sourceIPs": ["::1"], "responseStatus": {"metadata": {}, "code": rng.choice([200, 403])},
            "stageTimestamp": f"2026-03-{1 + i % 28:02}T12:{i % 60:02}:00.{i % 1_000_000:06}Z",
        }
        if i % 97 == 50:  # one that spans blocks, and doesn't compress
            event["requestObject"] = {"data": rng.randbytes(rng.randrange(200_000)).hex()}
        # Go escapes these three in every string, and leaves other letters alone: readers have to give both back as they were.
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        yield line.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").encode() + b"\n"


def frame(payload, seal):
    """One frame whose last block holds the seal uncompressed. libzstd makes the blocks; its header knows no content size, so it goes."""
    import zstandard  # only here: `logs` does without the package

    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(
            3, window_log=21, write_content_size=False, write_checksum=False, write_dict_id=False)).compressobj()
    blocks = packer.compress(payload) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) if payload else b""
    assert len(seal) <= RAW_MAX
    header = struct.pack("<IBBQ", 0xFD2FB528, 0xC0, (21 - 10) << 3, len(payload) + len(seal))
    return header + blocks[6:] + struct.pack("<I", 1 | len(seal) << 3)[:3] + seal


def write_archive(root, concatenated):
    import zstandard

    folder = root / "cluster=self" / "node=test" / "source=kube"
    total = 0
    for seq, count in enumerate([0, 1, 400, 1500]):  # seq 0: a genesis, which has no events
        lines = list(events(count, seq))
        total += count
        seal = json.dumps({"kind": "BatchSeal", "apiVersion": "auditseal/v1", "note": f"not a note\n— {seq}\n"}, ensure_ascii=False).encode() + b"\n"
        data = frame(b"".join(lines), seal)
        if concatenated and seq == 2:
            data = zstandard.compress(b"".join(lines)) + zstandard.compress(seal)
        path = folder / ("date=1970-01-01" if seq == 0 else "date=2026-03-01") / f"{seq:012}.jsonl.zst"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    print(total)


def write_logs(root):
    whole = hashlib.sha256()
    total = 0
    names = ["audit-2026-03-01T10-00-00.123.log.gz", "audit-2026-03-01T10-00-05.007.log", "audit-2026-03-01T10-00-09.999.log", "audit.log"]
    root.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        lines = list(events(2500, 100 + seed))
        total += len(lines)
        data = b"".join(lines)
        whole.update(data)
        (root / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    print(total, whole.hexdigest())


def main():
    what, root = sys.argv[1], pathlib.Path(sys.argv[2])
    if what == "logs":
        write_logs(root)
    else:
        write_archive(root, concatenated={"archive": False, "concatenated": True}[what])


main()

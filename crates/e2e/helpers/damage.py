#!/usr/bin/env python3
"""Copy an archive and damage the copy in one way that the seed decides: damage.py ARCHIVE COPY SEED."""

import random
import shutil
import sys
from pathlib import Path

archive, copy, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
shutil.rmtree(copy, ignore_errors=True)
shutil.copytree(archive, copy)
objects = sorted(copy.rglob("*.jsonl.zst"), key=lambda path: path.name)
victim, other = chance.sample(objects, 2)
data = bytearray(victim.read_bytes())
kind = seed % 6
if kind == 0:  # one bit, anywhere
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    victim.write_bytes(data)
elif kind == 1:  # one bit, in the seal or near it
    data[-chance.randrange(1, min(len(data), 2000))] ^= 1 << chance.randrange(8)
    victim.write_bytes(data)
elif kind == 2:  # cut short
    victim.write_bytes(data[: chance.randrange(len(data))])
elif kind == 3:  # bytes added
    victim.write_bytes(data + chance.randbytes(chance.randrange(1, 100)))
elif kind == 4 and victim != objects[-1]:  # gone; the newest one's absence can't be seen after a final
    victim.unlink()
else:  # exchanged for another object of the chain
    victim.write_bytes(other.read_bytes())

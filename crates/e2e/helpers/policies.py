#!/usr/bin/env python3
"""Both verifiers over the vectors' archives with trust and heads files made up at random from what these archives hold: the same findings
and the same exit code, or it is told, with the seed.

    policies.py AUDITSEAL ROUNDS [SEED]
"""
import io
import json
import os
import random
import subprocess
import sys
import tempfile
from functools import partial

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
sys.path.insert(0, os.path.join(ROOT, "crates/format"))
import verify as second  # noqa: E402

VECTORS = os.path.join(ROOT, "testdata/vectors")
NOT_TOLD = {"CLOCK_STEP"}  # clocks are the first verifier's extra


def archives():
    for name in sorted(os.listdir(VECTORS)):
        if name.endswith(".txt"):
            fields, objects, packs = second.read_vector(second.read_file(os.path.join(VECTORS, name)))
            objects = {key: opened().read() for key, opened in objects.items()}
            if objects and not packs and all(second.parse_key(key) for key in objects):
                yield name, fields["now"][0], objects


def notes(objects):
    """What can be named: {origin: {seq: hashes}}, and {origin: vkeys}."""
    seals, keys = {}, {}
    for key, data in objects.items():
        origin = second.parse_key(key)[0]
        seals.setdefault(origin, {}), keys.setdefault(origin, set())
        _, note = second.check_object(io.BytesIO(data), origin)
        if note:
            seals[origin].setdefault(note.seq, set()).add(note.hash)
            keys[origin].update(vkey for vkey in (note.key, note.next) if second.key_fits(vkey, origin))
    return seals, keys


def seal(rng, seals, low=0):
    """A seal of this chain, or now and then one that isn't."""
    seqs = [seq for seq in seals if seq >= low] or [low]
    seq = rng.choice(seqs) if rng.random() < 0.9 else low + rng.randrange(6)
    hashes = sorted(seals.get(seq, [])) if rng.random() < 0.9 else []
    return f"{seq}:{rng.choice(hashes) if hashes else rng.choice('0123456789abcdef') * 64}"


def block(rng, origin, seals, keys):
    keys, lines, low = sorted(keys), [], 0
    for left in range(rng.choice([0, 0, 0, 1, 2]), -1, -1):
        until = f" until={seal(rng, seals, low)}" if left or rng.random() < 0.1 else ""
        lines.append(f"origin {origin} static {rng.choice(keys)}" + (f" from={low}" if low else "") + until)
        low = int(until.split("=")[1].split(":")[0]) + rng.choice([1, 1, 1, 2]) if until else low
    lines.append("  begin " + ("0" if rng.random() < 0.7 else seal(rng, seals, 1)))
    if rng.random() < 0.1:
        lines.append(f"  retention {rng.choice([1, 400, 36500])}d {rng.choice(['compliance', 'governance'])}")
    lines.append("  " + (f"silent-after {rng.choice(['1s', '10m', '2d'])}" if rng.random() < 0.7 else f"ended {seal(rng, seals)}"))
    accepted = {(int(s.split(":")[0]), second.ACCEPTABLE.index(verdict), s) for verdict, s in
                ((rng.choice(["FORK", "SOURCE_GAP", "STALLED", "WEAK_WORM", "WRONG_TIMES"]), seal(rng, seals)) for _ in range(rng.choice([0, 0, 1, 2, 3])))}
    return lines + [f'  accept {second.ACCEPTABLE[verdict]} {s} "x"' for _, verdict, s in sorted(accepted)]


def heads(rng, origin, seals):
    line = lambda word, s: f"{word} {origin} {s} 2026-11-21T08:00:00.000000Z"  # noqa: E731
    lines = [line("head", seal(rng, seals))] if rng.random() < 0.7 else []
    if rng.random() < 0.2:
        seq = rng.choice(sorted(seals) or [0])
        lines += [line("fork", f"{seq}:{digest}") for digest in sorted({*list(seals.get(seq, []))[:1], "7" * 64, "8" * 64})]
    return lines


def ours(program, folder, now, files):
    line = [program, "verify", "--store", f"file://{folder}/store", "--at", now, "-o", "json"]
    run = subprocess.run(line + [word for name, path in files for word in (f"--{name}", path)], capture_output=True, text=True, check=False)
    if not run.stdout:
        return "refused", run.stderr
    found = set()
    for chain in json.loads(run.stdout)["origins"]:
        for finding in chain["findings"]:
            seq, last = finding["seq"], finding["through"]
            seqs = [None] if seq is None else [seq] if finding["verdict"] == "TRUNCATED" or last is None else range(seq, min(last, seq + 999) + 1)
            found |= {(finding["verdict"], finding["origin"], seq) for seq in seqs if finding["verdict"] not in NOT_TOLD}
    return run.returncode, found


def theirs(objects, now, trust, known):
    try:
        trust, known = second.parse_trust(trust), second.parse_heads(known) if known else {}
    except second.Finding:
        return "refused", None
    store = {key: partial(io.BytesIO, data) for key, data in objects.items()}
    result = second.verify_trusted(store, trust, known, (), now)
    return result.exit, result.findings


def main():
    program, rounds, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng, all_archives, counts, wrong = random.Random(seed), list(archives()), {}, 0
    for at in range(rounds):
        name, now, objects = rng.choice(all_archives)
        seals, keys = notes(objects)
        named = sorted(origin for origin in seals if keys[origin])
        if not named:
            continue
        for _ in range(20):  # most of what is made up is refused, and that says little
            trust = [line for origin in named for line in block(rng, origin, seals[origin], keys[origin])]
            known = [line for origin in named for line in heads(rng, origin, seals[origin])]
            trust = "\n".join(["auditseal/trust/v1", *trust]) + "\n"
            known = "\n".join(["auditseal/heads/v1", *known]) + "\n" if known else None
            two = theirs(objects, now, trust, known)
            if two[0] != "refused" or rng.random() < 0.02:
                break
        with tempfile.TemporaryDirectory() as folder:
            for key, data in objects.items():
                path = os.path.join(folder, "store", key)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as fh:
                    fh.write(data)
            files = [(kind, os.path.join(folder, kind)) for kind, text in (("trust", trust), ("heads", known)) if text]
            for (_, path), text in zip(files, (text for text in (trust, known) if text)):
                with open(path, "w", encoding="utf-8") as fh:
                    fh.write(text)
            one = ours(program, folder, now, files)
        counts[two[0]] = counts.get(two[0], 0) + 1
        if one[0] != two[0] or (one[0] != "refused" and one[1] != two[1]):
            wrong += 1
            print(f"round {at} of seed {seed}, {name}:\nfirst  {one}\nsecond {two}\n{trust}{known or ''}")
    print(f"{rounds} rounds, {wrong} disagree; exit codes {dict(sorted(counts.items(), key=str))}")
    return 1 if wrong or len(counts) < 4 else 0


if __name__ == "__main__":
    sys.exit(main())

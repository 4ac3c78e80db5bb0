#!/usr/bin/env python3
"""Makes the index of a pack, and a roll-up, from crates/format/FORMAT.md, "Index", alone.

    index.py DIR [ROLLUPS]      each vector of testdata/index again, compared byte by byte; and of each of
                                testdata/rollups whether it is asked, and whether its packs' indexes make it

Shares no line with the program, and is made to be read, not to be fast. Needs the package blake3; with roll-ups also
those that verify.py needs, which reads signed notes.
"""
import re
import sys
from pathlib import Path
from types import SimpleNamespace

from blake3 import blake3

WHOLE = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
STRING = re.compile(rb'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
SPACE = re.compile(rb"[ \t\r]*")
PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Unreadable(Exception):
    pass


def expect(good):
    if not good:
        raise Unreadable


def parse(line):
    """The line's value: objects as ("object", [(raw key, value)]), lists as ("list", [value]), strings as
    ("string", raw), numbers as ("number", raw), words as ("word", raw). Not by recursion: lines may be deep."""
    at, top, stack = 0, [], []

    def token(pattern):
        nonlocal at
        found = pattern.match(line, at)
        expect(found)
        at = found.end()
        return found

    def byte():
        token(SPACE)
        expect(at < len(line))
        return line[at:at + 1]

    def put(value):
        if not stack:
            top.append(value)
        elif stack[-1][0] == "object":
            stack[-1][1].append((keys[-1], value))
        else:
            stack[-1][1].append(value)

    def key():
        nonlocal at
        byte()
        keys[-1] = token(STRING)[1]
        expect(byte() == b":")
        at += 1

    keys = []
    expect(byte() == b"{")
    due = True
    while True:
        if due:
            first = byte()
            if first in (b"{", b"["):
                value = ("object" if first == b"{" else "list", [])
                put(value)
                stack.append(value)
                keys.append(None)
                expect(len(stack) <= 16384)
                at += 1
                if byte() == (b"}" if first == b"{" else b"]"):
                    due = False
                elif first == b"{":
                    key()
                continue
            if first == b'"':
                put(("string", token(STRING)[1]))
            elif first in b"-0123456789":
                put(("number", token(WHOLE)[0]))
            else:
                put(("word", token(re.compile(rb"true|false|null"))[0]))
            due = False
            continue
        if not stack:
            token(SPACE)
            expect(at == len(line))
            return top[0]
        kind = stack[-1][0]
        sign = byte()
        at += 1
        if sign == b"," and stack[-1][1]:
            due = True
            if kind == "object":
                key()
        else:
            expect(sign == (b"}" if kind == "object" else b"]"))
            stack.pop()
            keys.pop()


def text(value):
    """What a string means."""
    expect(value[0] == "string" and len(value[1]) <= 4096)
    try:
        raw = value[1].decode()
        units = re.sub(r"\\(u(....)|.)", lambda m: chr(int(m[2], 16)) if m[2] else PLAIN.get(m[1], m[1]), raw)
        return units.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        raise Unreadable from None


def members(value, names):
    """The values of these members, None where one is absent."""
    if value is None:
        return {name: None for name in names}
    expect(value[0] == "object")
    found = {}
    for key, one in value[1]:
        expect(b"\\" not in key)
        name = key.decode("latin-1")
        if name in names:
            expect(name not in found)
            found[name] = None if one == ("word", b"null") else one
    return {name: found.get(name) for name in names}


def field(value):
    data = value.encode()
    if len(data) > 128 or any(byte < 0x20 for byte in data):
        return b"\x01" + blake3(data).hexdigest()[:32].encode()
    return data


def read(line):
    """A line's terms and its audit ID."""
    event = members(parse(line), ["auditID", "verb", "user", "impersonatedUser", "sourceIPs", "objectRef", "responseStatus"])
    string = lambda value: "" if value is None else text(value)
    verb, audit_id = string(event["verb"]), string(event["auditID"])
    users = [string(members(event["user"], ["username"])["username"])]
    other = string(members(event["impersonatedUser"], ["username"])["username"])
    if event["impersonatedUser"] is not None:
        users.append(other)
    ref = members(event["objectRef"], ["resource", "apiGroup", "subresource", "namespace", "name"])
    ref = {name: string(value) for name, value in ref.items()}
    addresses = []
    if event["sourceIPs"] is not None:
        expect(event["sourceIPs"][0] == "list" and len(event["sourceIPs"][1]) <= 16)
        addresses = [text(value) for value in event["sourceIPs"][1]]
    code = members(event["responseStatus"], ["code"])["code"]
    if code is not None:
        expect(code[0] == "number" and re.fullmatch(rb"[0-9]{1,9}", code[1]))
        code = int(code[1])
    resource = [ref["resource"], ref["apiGroup"], ref["subresource"]]
    terms = [("a", [*resource, verb, ref["namespace"]])]
    terms += [("u", [*resource, verb, user]) for user in users]
    terms += [("i", [address]) for address in addresses]
    if ref["name"]:
        terms.append(("o", [*resource, ref["namespace"], ref["name"]]))
    if code is not None and code >= 400:
        terms.append(("f", [str(code), *resource, verb]))
    return {kind.encode() + b"\0".join(map(field, fields)) for kind, fields in terms}, audit_id


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def ordinals(numbers, below):
    if len(numbers) == 1:
        return varint(2 * numbers[0] + 1)
    runs = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1][1] += 1
        else:
            runs.append([number, number + 1])
    out, end = varint(2 * len(runs)), None
    for start, stop in runs:
        gap = start if end is None else start - end - 1
        out += varint(2 * gap) if stop - start == 1 else varint(2 * gap + 1) + varint(stop - start - 2)
        end = stop
    bitmap = bytearray(1 + (below + 7) // 8)
    for number in numbers:
        bitmap[1 + number // 8] |= 1 << number % 8
    return bytes(bitmap) if len(out) > len(bitmap) else out


def table(terms, below, size):
    """Number of blocks, directory, blocks."""
    blocks, begins, last = [], [], None
    for term in sorted(terms):
        shared = 0
        while last is not None and shared < min(len(last), len(term)) and last[shared] == term[shared]:
            shared += 1
        if not blocks or len(blocks[-1]) >= size:
            blocks.append(b"")
            begins.append(b"" if last is None else term[:shared + 1])
            shared = 0
        blocks[-1] += varint(shared) + varint(len(term) - shared) + term[shared:] + ordinals(sorted(terms[term]), below)
        last = term
    entry = lambda block, begin: varint(len(block)) + blake3(block).digest() + varint(len(begin)) + begin
    return len(blocks), b"".join(map(entry, blocks, begins)), b"".join(blocks)


def golomb(ids):
    hashes = {int.from_bytes(blake3(one.encode()).digest()[:8], "little") for one in ids}
    if len(hashes) > 524288:
        return 0xFFFFFFFF, b""
    bits, last = "", 0
    for place in sorted(one * len(hashes) * 4096 >> 64 for one in hashes):
        bits += "1" * ((place - last) // 4096) + "0" + format((place - last) % 4096, "012b")
        last = place
    bits += "0" * (-len(bits) % 8)
    return len(hashes), bytes(int(bits[at:at + 8], 2) for at in range(0, len(bits), 8))


def little(size, *numbers):
    return b"".join(number.to_bytes(size, "little") for number in numbers)


def pack(first, batches):
    terms, ids, opened, weight = {}, set(), [], 0
    for number, lines in enumerate(batches):
        own, readable = set(), True
        for line in lines:
            try:
                found, audit_id = read(line)
                own |= found
                ids |= {audit_id} - {""}
            except Unreadable:
                readable = False
        added = sum(24 + (96 + len(term) if term not in terms else 0) for term in own)
        if not readable or weight + added > 25165824:
            opened.append(number)
            continue
        weight += added
        for term in own:
            terms.setdefault(term, []).append(number)
    count, directory, blocks = table(terms, len(batches), 4096)
    opened = ordinals(opened, len(batches)) if opened else b""
    members_, filter_ = golomb(ids)
    head = b"auditseal/index/v1\n" + little(8, first)
    head += little(4, len(batches), len(opened), count, len(directory), members_, len(filter_)) + blake3(filter_).digest()
    return head + opened + directory + blocks + filter_, terms, bool(opened)


def roll_up(packs):
    """`packs`: first, last, note, terms, whether one of its batches is open."""
    terms = {}
    for number, one in enumerate(packs):
        for term in one[3]:
            terms.setdefault(term, []).append(number)
    opened = [number for number, one in enumerate(packs) if one[4]]
    opened = ordinals(opened, len(packs)) if opened else b""
    count, directory, blocks = table(terms, len(packs), 16384)
    head = b"auditseal/rollup/v1\n" + little(4, len(packs), len(opened), count, len(directory))
    names = b"".join(little(8, first, last) + note for first, last, note, _, _ in packs)
    return head + names + opened + directory + blocks


def taken(data, at):
    """A varint, and where it ends."""
    number, shift = 0, 0
    while True:
        expect(at < len(data) and shift < 35)
        byte = data[at]
        number, shift, at = number | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            expect(byte or shift == 7)
            return number, at


def members_of(data, below):
    """The numbers of a set, which is all of the bytes."""
    first, at = taken(data, 0)
    if first & 1:
        numbers = [first >> 1]
    elif first:
        numbers, end = [], None
        for _ in range(first >> 1):
            gap, at = taken(data, at)
            start = (gap >> 1) + (0 if end is None else end + 1)
            longer, at = taken(data, at) if gap & 1 else (-1, at)
            end = start + longer + 2
            expect(end <= below)
            numbers += range(start, end)
    else:
        at = len(data)
        numbers = [n for n in range(8 * len(data) - 8) if data[1 + n // 8] >> n % 8 & 1]
    expect(at == len(data) and numbers and max(numbers) < below and ordinals(numbers, below) == data)
    return numbers


def front_of(data):
    """The packs that a front names, and size and hash of each block."""
    magic = b"auditseal/rollup/v1\n"
    expect(data.startswith(magic) and len(data) >= len(magic) + 16)
    at = len(magic) + 16
    count, opened, blocks, directory = (int.from_bytes(data[n:n + 4], "little") for n in range(at - 16, at, 4))
    expect(0 < count <= 65536 and len(data) == at + 24 * count + opened + directory)
    number = lambda place: int.from_bytes(data[place:place + 8], "little")
    packs = [(number(place), number(place + 8)) for place in range(at, at + 24 * count, 24)]
    expect(all(first <= last < first + 1048576 and last <= 999999999999 for first, last in packs))
    expect(all(one[1] < other[0] for one, other in zip(packs, packs[1:])))
    at += 24 * count
    if opened:
        members_of(data[at:at + opened], count)
    at, found, before = at + opened, [], None
    for _ in range(blocks):
        size, at = taken(data, at)
        digest, (own, at) = data[at:at + 32], taken(data, at + 32)
        begin, at = data[at:at + own], at + own
        expect(size and at <= len(data) and (before is None) == (begin == b"") and (before is None or before < begin))
        before = begin
        found.append((size, digest))
    expect(at == len(data) and all(size >= 16384 for size, _ in found[:-1]) and sum(size for size, _ in found) <= 1 << 30)
    return packs, found


def parse_rolled(verify):
    """FORMAT.md, "Roll-ups in a store": what to make of a note's lines."""
    month = lambda value: verify.parse_date(value + "-01") and value
    lines_of = [
        ("auditseal/rolled-up/v1", []), ("origin", [verify.ORIGIN]), ("key", [verify.VKEY]), ("month", [month]),
        ("objects", [verify.SEQ] * 2), ("packs", [verify.N]), ("front", [verify.HASH, verify.N]), ("size", [verify.N]),
        ("attested", [verify.TIME]),
    ]  # fmt: skip

    def parse(lines):
        verify.need(len(lines) == len(lines_of))
        found = {}
        for line, (keyword, types) in zip(lines, lines_of):
            word, *values = line.split(" ")
            verify.need(word == keyword and len(values) == len(types))
            found[word] = [read(value) for read, value in zip(types, values)]
        (low, high), (count,), (front, most) = found["objects"], found["packs"], found["front"]
        size = found["size"][0]
        verify.need(0 < low <= high and 0 < count <= high - low + 1 and most <= size)
        return SimpleNamespace(origin=found["origin"][0], key=found["key"][0], month=found["month"][0], first=low,
                               last=high, packs=count, front=front, most=most, size=size)  # fmt: skip

    return parse


def is_asked(verify, origin, auditor, key, note, store):
    """Whether the roll-up that a note binds is asked in the place of its packs."""
    try:
        expect(len(note) <= 4096)
        rolled = verify.parse_signed(note, parse_rolled(verify))
        verify.check_signature(rolled)
        cluster, node, source = origin.split("/")
        stem = (f"_rollups/cluster={cluster}/node={node}/source={source}/month={rolled.month}/"
                f"{rolled.first:012}-{rolled.last:012}-")  # fmt: skip
        expect(rolled.origin == origin and rolled.key == auditor)
        expect(key == f"{stem}{blake3(note).hexdigest()[:16]}.note")
        data = store.get(f"{stem}{rolled.front[:16]}.rollup")
        expect(data is not None)
        front, blocks = data[:rolled.most], data[rolled.most:]
        expect(len(front) == rolled.most and blake3(front).hexdigest() == rolled.front)
        packs, sizes = front_of(front)
        expect(len(packs) == rolled.packs and (packs[0][0], packs[-1][1]) == (rolled.first, rolled.last))
        expect(rolled.most + sum(size for size, _ in sizes) == rolled.size)
        for size, digest in sizes:
            expect(blake3(blocks[:size]).digest() == digest)
            blocks = blocks[size:]
    except (Unreadable, verify.Finding):
        return False
    return True


def rollups(folder):
    """How many vectors there are, and how many of them say otherwise."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "format"))
    import verify

    count, bad = 0, 0
    for path in sorted(Path(folder).glob("*.txt")):
        head, _, body = path.read_text().partition("\n\n")
        fields = dict(line.split(": ", 1) for line in head.split("\n"))
        body, _, stored = body.partition("\nstored: ")
        body, _, note = body.partition("\nnote: ")
        (key, note), (place, stored) = (part.partition("\n")[::2] for part in (note, stored))
        store = {place: bytes.fromhex(stored)} if place else {}
        packs = []
        for part in body.split("pack: ")[1:]:
            name, *batches = part.split("batch:\n")
            first, last, end = name.split()
            lines = [batch.rstrip("\n").encode().split(b"\n") if batch.strip() else [] for batch in batches]
            _, terms, opened = pack(int(first), lines)
            packs.append((int(first), int(last), bytes.fromhex(end), terms, opened))
        used = is_asked(verify, fields["origin"], fields["auditor"], key, bytes.fromhex(note), store)
        made = store.get(place) == roll_up(packs)
        count += 1
        if (used, made) != (fields["used"] == "yes", fields["made"] == "yes"):
            print(f"{fields['rollup']}: used {used}, made {made}")
            bad += 1
    return count, bad


def unescaped(line):
    return re.sub(rb"%(..)", lambda found: bytes.fromhex(found[1].decode()), line.encode())


def main():
    made, rolled, bad = {}, None, 0
    for path in sorted(Path(sys.argv[1]).glob("*.txt")):
        head, _, body = path.read_text().partition("\n\n")
        fields = dict(line.split(": ", 1) for line in head.split("\n"))
        if "first" not in fields:
            rolled = (fields["name"], body)
            continue
        body, _, expected = body.rpartition("index:\n")
        batches = [batch.split("\n")[:-1] for batch in body.split("batch:\n")[1:]]
        index, terms, opened = pack(int(fields["first"]), [[unescaped(line) for line in batch] for batch in batches])
        made[fields["name"]] = (int(fields["first"]), terms, opened)
        if index != bytes.fromhex(expected):
            print(f"{fields['name']}: not the index that is made of it")
            bad += 1
    name, body = rolled
    body, _, expected = body.rpartition("rollup:\n")
    packs = []
    for line in body.split("\n")[:-1]:
        _, vector, last, note = line.split(" ")
        first, terms, opened = made[vector]
        packs.append((first, int(last), bytes.fromhex(note), terms, opened))
    if roll_up(packs) != bytes.fromhex(expected):
        print(f"{name}: not the roll-up that is made of it")
        bad += 1
    print(f"{len(made) + 1} vectors, {bad} bad")
    if len(sys.argv) > 2:
        count, wrong = rollups(sys.argv[2])
        print(f"{count} vectors of roll-ups, {wrong} bad")
        bad += wrong
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

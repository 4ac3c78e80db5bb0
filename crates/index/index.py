#!/usr/bin/env python3
"""Makes the index of a pack, and a roll-up, from crates/format/FORMAT.md, "Index", alone.

    index.py DIR      each vector of testdata/index again, compared byte by byte

Shares no line with the program, and is made to be read, not to be fast. Needs the package blake3.
"""
import re
import sys
from pathlib import Path

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
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A second verifier for auditseal archives, written from FORMAT.md and not from the first one's source.

    verify.py --archive DIR --vkey VKEY|FILE … [--origin C/N/S]… [--head SEQ:HASH] [--now TIME]
              [--format text|json] [--restore OUT_FILE]
    verify.py --archive DIR --trust FILE [--packs DIR] [--heads FILE] [--origin C/N/S]… [--now TIME]
              [--format text|json] [--restore OUT_FILE]
    verify.py --check FILE (--trust FILE [--heads FILE] [--origin C/N/S] | --origin C/N/S --vkey VKEY|FILE … [--head SEQ:HASH])
    verify.py --vectors DIR
    verify.py --lines FILE [--times audit|json:FIELD|none]

DIR is a local copy of an archive, or of its packs, from below its prefix. The page is followed in its order; § names a
heading of it. The third form checks a proof of one event. The last one prints the certain time of each line of a file, or `-`.
Needs: pip install zstandard blake3 cryptography.
Exit: 0 complete, or proved; 1 findings; 2 it could not be checked; with --trust, 3 two histories are known.
"""
import argparse
import base64
import hashlib
import io
import json
import os
import re
import struct
import sys
import tempfile
from array import array
from datetime import date, datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace

import blake3
import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TAIL = 65536  # the final block with its header lies within that many bytes (§ Object)
SEAL = b'{"kind":"BatchSeal","apiVersion":"auditseal/v1","note":'  # the 55 bytes to search for
CONTEXT = "auditseal 2026-11-21 batch root v1"  # § Root
MAX_WINDOW = 1 << 23  # § Reading and verifying, Bounds
PIECE = 1008
MAX_SEQ = 999_999_999_999
MAX_MISSING = 1000  # so many MISSING of one run are told; a hostile key can name seq 10¹²−1


class Finding(Exception):
    """The verdict of the first step that an object fails."""


def need(condition, verdict="MALFORMED"):
    if not condition:
        raise Finding(verdict)


def blake(data):
    """§ Terminology, Hash."""
    return blake3.blake3(data).hexdigest()


# ---------------- § Object
def find_seal(fh):
    """§ Object: the seal line, from the object's last 65,536 bytes; and the object's size."""
    size = fh.seek(0, os.SEEK_END)
    fh.seek(max(0, size - TAIL))
    tail = fh.read(TAIL)
    at = tail.rfind(SEAL)
    need(at >= 0, "UNSEALED")
    line = tail[at:]
    need(at >= 3 and tail[at - 3 : at] == final_header(line))
    return line, size


def read_block(fh):
    """RFC 8878, 3.1.1.2: whether it is the last block, and its bytes. None decompresses to more than 128 KiB."""
    header = fh.read(3)
    value = int.from_bytes(header, "little")
    last, kind, size = value & 1, value >> 1 & 3, value >> 3
    need(len(header) == 3 and kind != 3 and size <= 1 << 17)
    body = fh.read(1 if kind == 1 else size)  # an RLE block has one byte, whatever it decompresses to
    need(len(body) == (1 if kind == 1 else size))
    return last, header + body


def final_header(line):
    return (1 | len(line) << 3).to_bytes(3, "little")


def payload(fh, note, line):
    """§ Object: the payload in pieces of at most 128 KiB. Walks the blocks (RFC 8878, 3.1.1.2), so that
    none is the last one and none reaches beyond `blocks`, and gives the decoder one at a time."""
    decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
    left, todo = note.blocks[1], note.bytes
    fh.seek(0)
    try:
        need(decoder.decompress(fh.read(14)) == b"")
        while left:
            last, block = read_block(fh)
            left -= len(block)
            need(not last and left >= 0)
            piece = decoder.decompress(block)
            todo -= len(piece)
            need(todo >= 0)
            if piece:
                yield piece
        need(todo == 0)
        need(decoder.decompress(final_header(line) + line) == line and decoder.eof)
    except zstandard.ZstdError:
        raise Finding("MALFORMED") from None


# ---------------- § Seal
SEAL_LINE = re.compile(re.escape(SEAL) + rb'"((?:[^"\\\n]|\\["\\n])*)"(?:,"index":(\{[^\r\n]*\}))?\}\n')


def parse_seal(line):
    """§ Seal: the note's bytes and the index's (or None). What the expression takes is, byte for
    byte, what would be rebuilt from the two."""
    match = SEAL_LINE.fullmatch(line)
    need(match)
    raw, index = match.groups()
    if index is not None:
        depth = 0
        for bracket in re.findall(rb'"(?:[^"\\]|\\.)*"?|[][{}]', index):  # an open string takes the rest
            depth += (bracket in b"[{") - (bracket in b"]}")
            need(depth <= 127)
        try:
            json.loads(index.decode("utf-8"), parse_int=len, parse_float=len, parse_constant=lambda _: need(False))
        except ValueError:
            raise Finding("MALFORMED") from None
    return re.sub(rb"\\(.)", lambda m: b"\n" if m[1] == b"n" else m[1], raw), index


# ---------------- § Note
def of(expression, limit=None):
    """A parser of one value: what it accepts as a whole; with a limit, a number up to that."""

    def parse(value):
        need(re.fullmatch(expression, value))
        if limit is None:
            return value
        need(int(value) <= limit)
        return int(value)

    return parse


def or_dash(parse):
    return lambda value: None if value == "-" else parse(value)


def parse_date(value):
    try:
        need(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value) and date.fromisoformat(value).year >= 1970)
    except ValueError:
        raise Finding("MALFORMED") from None
    return value


def parse_time(value):
    """§ Note, `time`. Kept as text: the order of the text is that of time."""
    need(re.fullmatch(r"[0-9-]{10}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z", value))
    parse_date(value[:10])
    return value


def parse_base64(value):
    try:
        data = base64.b64decode(value, validate=True)
    except ValueError:
        raise Finding("MALFORMED") from None
    need(base64.b64encode(data).decode() == value)  # canonical
    return data


KEY_NAME = "[!-*,-~]{1,737}"


def parse_vkey(value):
    """§ Note, `vkey`."""
    match = re.fullmatch(rf"({KEY_NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/]{{44}})", value)
    need(match)
    data = parse_base64(match[3])
    need(len(data) == 33 and data[0] == 1)
    need(hashlib.sha256(match[1].encode() + b"\n" + data).hexdigest()[:8] == match[2])
    return value


def key_fits(vkey, origin):
    """§ What a key may sign: the name is the origin, or its first two parts."""
    return vkey.partition("+")[0] in (origin, origin.rpartition("/")[0])


def parse_file(value):
    """§ Note, `file`."""
    parts = value.split(":")
    need(len(parts) == 3)
    HASH(parts[0]), N(parts[1]), N32(parts[2])
    return value


def escaped(limit):
    """§ Note, `name`: 1–255 bytes, before escaping."""

    def parse(value):
        if value == "%2D":  # a name that is only "-", which would say "none"
            return value
        need(value != "-" and re.fullmatch(r"(?:[A-Za-z0-9._-]|%[0-9A-F]{2})+", value))
        need(not any(re.match(r"[A-Za-z0-9._-]", chr(int(h, 16))) for h in re.findall("%(..)", value)))
        need(len(re.sub("%..", "x", value)) <= limit)
        return value

    return parse


NUMBER = "0|[1-9][0-9]{0,19}"
N, N32, SEQ, WINDOW = (of(NUMBER, limit) for limit in (2**64 - 1, 2**32 - 1, MAX_SEQ, 23))
ALTERNATE = of("[0-9a-f]{16}")
HASH, WORD, STORE = of("[0-9a-f]{64}"), of("[a-z0-9-]{1,64}"), of("[a-z0-9._-]{1,64}")
TIME, VKEY, FILE, NAME, VERSION = parse_time, parse_vkey, parse_file, escaped(255), escaped(1024)
PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,244}"
ORIGIN = of(f"{PART}/{PART}/{PART}")
UUID, ID = of("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), of("[0-9a-f]{32}")
KIND = of("genesis|batch|heartbeat|gap|reanchor|final")
FLAGS = of("-|final|unterminated|final,unterminated")

TIMES = of(r"audit|none|json:(?!stageTimestamp\Z)[!#-\[\]-~]{1,64}")

# § Note, the table: keyword, how often at most (None: exactly once), the values.
TABLE = [
    ("auditseal/seal/v1", None, []), ("origin", None, [ORIGIN]), ("seq", None, [SEQ]),
    ("kind", None, [KIND]), ("prev", None, [or_dash(HASH)]), ("key", None, [VKEY]), ("next", None, [VKEY]),
    ("root", None, [HASH]), ("chunks", None, [N]), ("lines", None, [N]), ("bytes", None, [N]),
    ("blocks", None, [HASH, N]), ("window", None, [WINDOW]), ("malformed", None, [N]),
    ("times", None, [TIMES]), ("untimed", None, [N]),
    ("first", None, [or_dash(TIME)]), ("last", None, [or_dash(TIME)]), ("index", None, [or_dash(HASH)]),
    ("sealed", None, [TIME]), ("boot", None, [UUID, N]), ("next-by", None, [or_dash(TIME)]),
    ("cluster-uid", 1, [UUID]), ("machine-id", 1, [ID]), ("config", 1, [HASH]),
    ("counters", 1, [TIME, N, N]), ("reason", 1, [WORD]),
    ("range", 256, [FILE, N, N, N, FLAGS, HASH, NAME]),
    ("gap", 64, [or_dash(FILE), or_dash(N), or_dash(N), WORD, or_dash(TIME), or_dash(TIME), or_dash(NAME)]),
    ("cursor", 128, [FILE, N, HASH, NAME]),
    ("stored", 64, [STORE, SEQ, or_dash(ALTERNATE), HASH, or_dash(VERSION)]),
]  # fmt: skip


def parse_note(raw):
    """§ Note: text, an empty line, one signature line. Steps 2 of § Reading and verifying."""
    return parse_signed(raw, parse_text)


def parse_signed(raw, parse):
    """A signed note whose text says by `key` whose it is; what `parse` makes of its lines."""
    try:
        lines = raw.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise Finding("MALFORMED") from None
    need(len(lines) > 3 and lines[-1] == "" and lines[-3] == "")
    note = parse(lines[:-3])
    note.text = raw[: raw.rindex(b"\n\n") + 1]
    note.hash = blake(note.text)
    match = re.fullmatch(f"\u2014 ({KEY_NAME}) ([^ ]+)", lines[-2])
    need(match)
    signature = parse_base64(match[2])
    need(len(signature) == 68)
    named = note.key.startswith(f"{match[1]}+{signature[:4].hex()}+")
    note.signature = signature[4:] if named else b""  # none that verifies, in step 3
    return note


def parse_text(lines):
    """§ Note: the lines, in the order of the table, and nothing else."""
    note, at = SimpleNamespace(), 0

    def take(keyword, types):
        nonlocal at
        if at == len(lines) or lines[at].split(" ")[0] != keyword:
            return None
        values = lines[at].split(" ")[1:]
        need(len(values) == len(types))
        at += 1
        return [parse(value) for parse, value in zip(types, values)]

    for keyword, limit, types in TABLE:
        found = []
        while (values := take(keyword, types)) is not None:
            found.append(values)
            if keyword == "range":
                before = take("before", [FILE])
                holes = []
                while (hole := take("hole", [N, N])) is not None:
                    holes.append(hole)
                found[-1] = make_range(values, before and before[0], holes)
        need(len(found) == 1 if limit is None else len(found) <= limit)
        if limit is None:
            found = (found[0][0] if len(types) == 1 else found[0]) if types else None
        setattr(note, keyword.replace("-", "_"), found)
    need(at == len(lines))
    must_hold(note)
    return note


def must_hold(note):
    """§ Note, "What must hold in every note"; § Ranges; § Gaps."""
    need(key_fits(note.key, note.origin) and key_fits(note.next, note.origin))
    need(note.window >= 17)
    need((note.seq == 0) == (note.kind == "genesis") == (note.prev is None))
    need(bool(note.range) == (note.kind == "batch") and bool(note.gap) == (note.kind == "gap"))
    need((note.next_by is None) == (note.kind == "final"))
    need(note.reason or note.kind != "reanchor")
    sizes = (note.chunks, note.lines, note.bytes, note.blocks[1])
    need(all(sizes) or not any(sizes))
    need(note.chunks >= note.lines and note.bytes >= note.lines and note.malformed <= note.lines)
    need(note.untimed <= note.lines and (note.times != "none" or note.untimed == note.lines))
    need((note.first is None) == (note.untimed == note.lines))
    need(note.chunks <= note.blocks[1] and note.bytes <= PIECE * note.chunks + note.lines)
    need((note.first is None) == (note.last is None))
    need(note.first is None or note.first <= note.last)
    need(sum(r.lines for r in note.range) == note.lines and sum(r.size for r in note.range) == note.bytes)
    need(sum(len(r.holes) for r in note.range) <= 1024)
    for file, start, end, *_ in note.gap:
        need(start is not None or (file is None and end is None))
        need(end is None or start < end)
    need(len({cursor[0] for cursor in note.cursor}) == len(note.cursor))
    need(all(stored[1] < note.seq for stored in note.stored))


def make_range(values, before, holes):
    """§ Ranges: what must hold in one range."""
    file, start, end, lines, flags, _anchor, _name = values
    unterminated = "unterminated" in flags
    need(start <= end and (start < end or (lines == 0 and flags == "final")) and (lines or not unterminated))
    at = start
    for i, (offset, length) in enumerate(holes):
        need((offset > at if i else offset >= at) and length >= 1 and offset + length <= end)
        at = offset + length
    need(before != file)
    size = end - start - sum(length for _, length in holes) + unterminated
    need(size >= lines and (lines or not size))
    return SimpleNamespace(file=file, start=start, end=end, lines=lines, unterminated=unterminated,
                           before=before, holes=holes, size=size)


# ---------------- § Root
class Root:
    """§ Root: frames of 1,024 bytes, hashed as they come; no line is held whole."""

    def __init__(self):
        self.hash = blake3.blake3(derive_key_context=CONTEXT)
        self.chunks = self.lines = self.piece = 0
        self.pending = b""

    def frame(self, data, last):
        self.hash.update(struct.pack("<QIHH", self.lines, self.piece & 0xFFFFFFFF, len(data), last))
        self.hash.update(data.ljust(PIECE, b"\0"))
        self.chunks, self.piece = self.chunks + 1, self.piece + 1

    def update(self, data):
        start = 0
        while start < len(data):
            end = data.find(b"\n", start)
            text = self.pending + data[start : end if end >= 0 else len(data)]
            full = max(0, (len(text) - 1) // PIECE) * PIECE  # the last piece waits for what follows
            for at in range(0, full, PIECE):
                self.frame(text[at : at + PIECE], 0)
            self.pending = text[full:]
            if end < 0:
                return
            self.frame(self.pending, 1)
            self.pending, self.piece, self.lines, start = b"", 0, self.lines + 1, end + 1


def cut(pieces, sizes):
    """Cut a stream of bytes at the sizes: pairs of (number of the part, some of its bytes)."""
    sizes, part, left = iter(sizes), -1, 0
    for piece in pieces:
        while piece:
            while left == 0:
                part, left = part + 1, next(sizes)
            yield part, piece[:left]
            piece, left = piece[left:], max(0, left - len(piece))


# ---------------- § Times
QUOTED = re.compile(rb'[^"\\]*')  # in a string: up to what may end it
DEEPER = re.compile(rb'(?:[^"\\{}\[\]]+|"[^"\\]*")*')  # below the top level: up to what may change the depth
WHITE, WORD = re.compile(rb"[ \t\r]*"), re.compile(rb'[^ \t\r"\\:,{}\[\]]*')
CERTAIN = re.compile(rb"([0-9-]{10}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]{1,9}))?Z")
MEMBER = re.compile(rb'"([^"\\]*)":"[^"\\]*",')  # most of the top level's, for speed: taken in one step
LONGEST = 65  # bytes that neither a key which is looked for nor a certain time has


def certain(value):
    """§ Times, the value's content: the time as notes write it, or None."""
    match = CERTAIN.fullmatch(value)
    try:
        return match and parse_time(f"{match[1].decode()}.{(match[2] or b'').decode():0<6.6}Z")
    except Finding:
        return None


class Times:
    """§ Times: of the lines of a payload, which comes in pieces. Of a line nothing is kept but where in its
    form the next byte stands, and how the top level's open string begins."""

    def __init__(self, how):
        self.key = {"audit": b"stageTimestamp", "none": None}.get(how, how[5:].encode())
        self.untimed, self.first, self.last = 0, None, None
        self.begin()

    def begin(self):
        self.place = "uncertain" if self.key is None else "start"
        self.depth, self.quoted, self.escaped = 0, False, False
        self.ours, self.found, self.time = False, 0, None

    def update(self, data):
        for time in self.ended(data):
            self.untimed += time is None
            if time:
                self.first, self.last = min(self.first or time, time), max(self.last or time, time)

    def ended(self, data):
        """The certain times of the lines that end in these bytes, None for one without."""
        start = 0
        while start < len(data):
            end = data.find(b"\n", start)
            self.take(data[start : end if end >= 0 else len(data)])
            if end < 0:
                return
            start = end + 1
            yield self.time if self.place == "end" and self.found == 1 else None
            self.begin()

    def take(self, data):
        at = 0
        while at < len(data) and self.place != "uncertain":
            step = self.string if self.quoted else self.deeper if self.depth > 1 else self.top
            at = step(data, at)

    def string(self, data, at):
        if self.escaped:  # whatever it is, it belongs to the string
            self.escaped = False
            return at + 1
        end = QUOTED.match(data, at).end()
        if self.depth == 1 and len(self.text) < LONGEST:
            self.text += data[at : min(end, at + LONGEST)]
        if end == len(data):
            return end
        if data[end] == 0x5C:
            self.escaped = self.backslash = True
        else:
            self.quoted = False
            if self.depth == 1:
                self.closed()
        return end + 1

    def closed(self):
        """A string of the top level has ended."""
        if self.place == "key":
            self.place = "uncertain" if self.backslash else "colon"
            self.ours = self.text == self.key  # with a backslash it doesn't count any more
            self.found += self.ours
        else:
            self.place = "behind"
            if self.ours:
                self.ours, self.time = False, None if self.backslash else certain(self.text)
                self.place = "behind" if self.time else "uncertain"

    def deeper(self, data, at):
        at = DEEPER.match(data, at).end()
        if at < len(data):
            byte = data[at]
            self.quoted = byte == 0x22
            self.place = "uncertain" if byte == 0x5C else self.place
            self.depth += (byte in b"{[") - (byte in b"}]")
        return at + 1

    def top(self, data, at):
        place, byte = self.place, data[at : at + 1]
        plain = MEMBER.match(data, at) if place == "key" else None
        if plain and plain[1] != self.key:
            return plain.end()  # behind it a key is due again
        self.place = "uncertain"  # unless one of these fits
        if place == "start":
            if byte == b"{":
                self.place, self.depth = "first", 1
        elif byte in b" \t\r" and place != "end":
            self.place = "behind" if place == "word" else place
            return WHITE.match(data, at).end()
        elif byte == b'"' and place in ("first", "key", "value"):
            self.place = "value" if place == "value" else "key"
            self.quoted, self.backslash, self.text = True, False, b""
        elif byte == b":" and place == "colon":
            self.place = "value"
        elif place == "value" and not self.ours and byte in b"{[":
            self.place, self.depth = "behind", 2
        elif byte == b"," and place in ("behind", "word"):
            self.place = "key"
        elif byte == b"}" and place in ("first", "behind", "word"):
            self.place = "end"
        elif byte not in b'"\\:,{}[]' and (place == "word" or place == "value" and not self.ours):
            self.place = "word"
            return WORD.match(data, at).end()
        return at + 1


# ---------------- § Keys of objects
KEY = re.compile(f"cluster=({PART})/node=({PART})/source=({PART})/date=([0-9-]{{10}})/"
                 r"([0-9]{12})(?:\.([0-9a-f]{16}))?\.jsonl\.zst")  # fmt: skip


def parse_key(key):
    """§ Keys of objects, below the prefix: (origin, date, seq, alternate), or None if not of the shape."""
    match = KEY.fullmatch(key)
    if not match:
        return None
    try:
        parse_date(match[4])
    except Finding:
        return None
    return "/".join(match.group(1, 2, 3)), match[4], int(match[5]), match[6] or ""


# ---------------- § Reading and verifying
def check_object(fh, origin):
    """§ Reading and verifying, steps 1–5: (verdict or None, note or None). The note is there if
    steps 1–4 passed. Nothing is decompressed before it is known whose it is: see `choose`."""
    note = None
    try:
        line, size = find_seal(fh)  # 1, and the block header of 2
        raw, index = parse_seal(line)  # 2
        candidate = parse_note(raw)
        check_signature(candidate)  # 3
        need(candidate.origin == origin, "WRONG_ORIGIN")  # 4
        note = candidate
        check_stored(fh, size, note, line, index)  # 5
    except Finding as finding:
        return str(finding), note
    return None, note


def check_signature(note):
    """Step 3."""
    try:
        public = Ed25519PublicKey.from_public_bytes(parse_base64(note.key.split("+", 2)[2])[1:])
        public.verify(note.signature, note.text)
    except (InvalidSignature, ValueError):
        raise Finding("BAD_SIGNATURE") from None


def check_stored(fh, size, note, line, index):
    """Step 5."""
    digest, length = note.blocks
    fh.seek(0)
    header = fh.read(14)
    need(size == 14 + length + 3 + len(line), "TAMPERED")
    need(header[:6] == b"\x28\xb5\x2f\xfd\xc0" + bytes([(note.window - 10) << 3]), "TAMPERED")
    need(int.from_bytes(header[6:], "little") == note.bytes + len(line), "TAMPERED")
    need((None if index is None else blake(index)) == note.index, "TAMPERED")
    hasher = blake3.blake3()
    while length:
        data = fh.read(min(length, 1 << 20))
        need(data, "TAMPERED")
        hasher.update(data)
        length -= len(data)
    need(hasher.hexdigest() == digest, "TAMPERED")


def check_payload(store, o):
    """Steps 6 and 7: the verdict or None."""
    if o.pack:
        return o.in_pack
    try:
        check_lines(payload_of(store, o), o.note)
    except Finding as finding:
        return str(finding)
    return None


def payload_of(store, o):
    """The payload of an object, or of one in a pack, in pieces."""
    if o.pack:
        yield from read_span(o.pack.text(), *o.span)
        return
    with store[o.key]() as fh:
        line, _ = find_seal(fh)
        yield from payload(fh, o.note, line)


def check_lines(pieces, note):
    root, times, lines, end = Root(), Times(note.times), [0] * len(note.range), [b"\n"] * len(note.range)
    for part, data in cut(pieces, [r.size for r in note.range]):
        lines[part] += data.count(b"\n")
        need(lines[part] <= note.range[part].lines)  # a newline costs a chunk of hashing
        root.update(data)
        times.update(data)
        end[part] = data[-1:]
    need(lines == [r.lines for r in note.range] and all(e == b"\n" for e in end))
    need((root.chunks, root.lines, root.hash.hexdigest()) == (note.chunks, note.lines, note.root))
    within = times.first is None or (note.first and note.first <= times.first and times.last <= note.last)
    need(within and times.untimed <= note.untimed, "WRONG_TIMES")  # 7


def verify(store, trusted, asked=(), head=None, now=None, first=None, to=None):
    """§ Reading and verifying: everything. `store` is {key: function that opens the object}. § Parts: `first` is
    the note to begin with, (seq, hash) or (seq, None), and `to` the seq to end with."""
    for origin in asked:
        if not any(key_fits(vkey, origin) for vkey in trusted):
            return SimpleNamespace(findings=set(), infos=set(), until={}, since={}, chains={}, exit=2,
                                   why=f"no vkey is for {origin}, by its name")  # fmt: skip

    def told(origin):
        keys = [(vkey, 0, MAX_SEQ) for vkey in trusted if key_fits(vkey, origin)]
        return SimpleNamespace(keys=keys, first=first, to=to, head=head, named={}, accepted={}, after=None,
                               ended=None, retention=None, unlocked=False, forks=set(), auditors=())  # fmt: skip

    result = read(store, told, asked, now)
    result.exit = min(result.exit, 1) if result.forked else result.exit
    return result


def verify_trusted(store, trusted, heads, asked=(), now=None, packs=None, unlocked=True):
    """crates/trust/TRUST.md, *What a reader makes of them*: every chain of the trust file, or those asked for. A
    directory locks nothing, so each seal of which `retention` is demanded is `WEAK_WORM`; of the vectors' stores
    nothing is said. `packs` is the root of packs, of the shape of `store`."""
    trust, auditors = trusted
    unnamed = [origin for origin in asked if origin not in trust]
    if unnamed or not trust:
        return SimpleNamespace(findings=set(), infos=set(), until={}, since={}, chains={}, exit=2,
                               why=f"the trust file doesn't name {unnamed[0] if unnamed else 'any chain'}")  # fmt: skip

    def told(origin):
        block, (head, forks) = trust[origin], heads.get(origin, (None, {}))
        begin = block.begin or (0, None)
        named = [until for _, _, until in block.keys if until] + [seal for _, seal in block.accepted]
        named = {seq: digest for seq, digest in named + [begin, block.ended or begin] if digest and seq >= begin[0]}
        return SimpleNamespace(
            keys=[(vkey, low, until[0] if until else MAX_SEQ) for vkey, low, until in block.keys],
            first=block.begin, to=None, head=head, named=named, after=block.after, ended=block.ended,
            accepted={(seal[0], verdict): seal[1] for verdict, seal in block.accepted},
            retention=block.retention, unlocked=unlocked and block.retention, forks={seq for seq in forks if seq >= begin[0]},
            auditors={vkey for cluster, vkey in auditors if cluster == origin.split("/")[0]})  # fmt: skip

    return read(store, told, asked or sorted(trust), now, packs or {})


def read(store, told, asked, now, packs={}):
    """Sorts the objects into chains, and checks each as `told` says of it."""
    now = now or datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    result = SimpleNamespace(findings=set(), infos=set(), until={}, since={}, chains={}, why="nothing to check",
                             forked=False, more=0)  # fmt: skip
    origins = {origin: ([], set(), told(origin)) for origin in asked}
    for key in store:
        parsed = parse_key(key)
        if parsed is None:
            result.infos.add(("UNEXPECTED_OBJECT", "-", None))
            continue
        if asked and parsed[0] not in origins:
            continue
        if parsed[0] not in origins:
            origins[parsed[0]] = ([], set(), told(parsed[0]))
        objects, listed, of = origins[parsed[0]]
        if of.first and parsed[2] < of.first[0]:
            listed.add(parsed[2])
        elif of.to is None or parsed[2] <= of.to:
            with store[key]() as fh:
                verdict, note = check_object(fh, parsed[0])
            objects.append(SimpleNamespace(key=key, date=parsed[1], seq=parsed[2], alternate=parsed[3], verdict=verdict,
                                           note=note, wrong_times=False, foreign=False, pack=None))  # fmt: skip
    for origin, (objects, listed, of) in sorted(origins.items()):
        check_chain(store, origin, objects, listed, of, now, result, packs)
    result.exit = 3 if result.forked else 1 if result.findings or result.more else 0 if origins else 2
    return result


def check_chain(store, origin, objects, listed, of, now, result, packs):
    """§ Reading and verifying, the table of verdicts, for one origin."""
    findings, first, to, more = set(), of.first, of.to, 0
    begin = first[0] if first else 0
    attested = attestations(packs, origin, of.auditors, begin)
    apart = name_attested(attested, of.named)
    of.named = {seq: digest for seq, digest in of.named.items() if seq >= begin}
    head = of.head if of.head and begin <= of.head[0] and (to is None or of.head[0] <= to) else None
    top = max([place for place in (*of.named.items(), head) if place], default=None, key=lambda place: place[0])
    known = max([top[0] if top else -1, -1 if to is None else to])
    forks = {seq for seq in of.forks if (seq, "FORK") not in of.accepted}

    def find(verdict, seq, digest=None):
        """With a digest: a verdict about this seal, which may be accepted; `ANY`: about which of them is ours."""
        accepted = of.accepted.get((seq, verdict))
        (result.infos if digest and accepted and digest in (accepted, ANY) else findings).add((verdict, origin, seq))

    for seq in apart:
        findings.add(("FORK", origin, seq))
        forks.add(seq)
    read = set()
    for a, found, verdict in packed(packs, attested, begin):
        objects += found
        if verdict:
            for seq in range(a.first, min(a.last, a.first + MAX_MISSING - 1) + 1):
                find(verdict, seq)
        elif a.own not in read:  # two runs of seqs may be taken from one
            read.add(a.own)
            for seq in range(a.first, min(a.last, a.first + MAX_MISSING - 1) + 1) if a.wrong else ():
                find("WRONG_TIMES", seq)
            more += repeat(a, begin, find)
    told = {place[0]: place[1] for place in (first, head) if place and place[1]} | of.named
    branch = branch_of(objects, top) | told
    chain, whole, fork, twice = choose(store, objects, of.keys, branch, first, find)
    forks |= {seq for seq in twice if (seq, "FORK") not in of.accepted}
    last_named = max([o.seq for o in objects if fork is None or o.seq < fork] + [-1])
    if any(o.foreign for o in objects):  # wrong where nothing of the chain itself is there
        (result.infos if any(n.good for n in chain.values()) else findings).add(("FOREIGN_CHAIN", origin, 0))
    objects = [o for o in objects if not o.foreign and (fork is None or o.seq < fork)]
    in_place = {o.note.hash for o in objects if o.note and o.at_its_key}
    in_packs = {o.note.hash for o in objects if o.pack and o.at_its_key and o.note.good and not o.verdict}
    ours = [o.note.seq for o in objects if o.note and o.note.good and o.note.seq >= begin]
    reach = max(ours, default=None) if fork is None else None
    reach = reach if reach is None or to is None else min(reach, to)
    needed = float("inf") if reach is None else max(reach, known)
    for o in objects:
        note, main, needless = o.note, chain.get(o.seq), o.seq in whole or o.seq > needed
        right = note and o.at_its_key and note.good
        if right and not o.pack and not o.verdict and note.hash in in_packs and o.seq == note.seq:
            continue  # § Reading packs, 4: as good as not there
        strayed = note and note.good and not o.at_its_key and note.hash not in in_place
        own = note and chain.get(note.seq)  # the chain's note at the seq of this one
        lost = strayed and not (own and own.good) and begin <= note.seq <= (note.seq if to is None else to)
        if right and main.hash != note.hash:
            needless = False  # FORK was said; what is wrong with its bytes is wrong
        elif right and not o.verdict:
            needless = o is not main.object  # the same note at two of its keys
        elif note and not o.at_its_key and (lost or not needless):
            find("REPLAY" if note.hash in in_place else "REORDERED", o.seq)
        if needless and (o.seq in whole or not lost):
            result.infos.add(("UNEXPECTED_OBJECT", origin, o.seq))
        elif o.verdict or o.wrong_times:
            find(*(o.verdict, o.seq) if o.verdict else ("WRONG_TIMES", o.seq, note.hash))
        if note and o.at_its_key and not note.good and not needless:
            find("WRONG_KEY", o.seq)
        if strayed and own and own.good:  # both are signed with the right key
            find("FORK", note.seq, ANY)
    taken, expected = {o.seq for o in objects if o.date == right_date(o.seq, chain, o.date)}, begin
    last = reach if reach is not None else last_named if fork is None else fork - 1
    for seq in sorted({o.seq for o in objects if o.seq <= last} | {last + 1}):
        for missing in range(expected, min(seq + (seq <= last and seq not in taken), expected + MAX_MISSING)):
            find("MISSING", missing)
        expected = seq + 1
    if last_named < 0 and fork is None:
        find("MISSING", None)

    notes = [chain[seq] for seq in sorted(chain) if chain[seq].good]
    check_links(notes, chain, first, find)
    for note in notes if of.unlocked else ():
        find("WEAK_WORM", note.seq, note.hash)
    result.infos |= {("REANCHORED", origin, note.seq) for note in notes if note.kind == "reanchor"}
    newest = notes[-1] if notes else None
    short = known >= 0 and (newest is None or newest.seq < known)
    if short and (last_named >= 0 or fork is not None):
        find("TRUNCATED", newest.seq + 1 if newest else begin)
    places = {place for place in (head, *of.named.items()) if place}
    if first and not first[1] and newest and not places & {(note.seq, note.hash) for note in notes}:
        find("UNANCHORED", begin)
    for seq, digest in [place for place in (first, head, *of.named.items()) if place and place[1]]:
        settled = (seq, "FORK") in of.accepted and seq in chain and of.accepted[seq, "FORK"] == chain[seq].hash
        if seq in chain and chain[seq].hash != digest and not settled:
            forks |= {seq} if chain[seq].good else set()
            if not (short and top and seq == top[0]):
                find("FORK", seq)
    for seq in forks & of.forks:
        find("FORK", seq)
    if fork is None and newest and to is None and is_silent(newest, of, now):
        find("SILENT", newest.seq)
    behind = [note.seq for note in notes if of.ended and note.seq > of.ended[0]]
    for seq in range(behind[0], min(behind[-1] + 1, behind[0] + MAX_MISSING)) if behind else ():
        find("RESUMED", seq)
    if of.retention and first and first[0] in chain and chain[first[0]].hash == first[1]:
        if later(chain[first[0]].sealed, of.retention * 86400) > now:  # what stands before must still be there
            expected = 0
            runs = {(seq, seq) for seq in listed} | packed_before(packs, origin, first[0])
            for low, high in sorted(runs | {(first[0], first[0])}):
                for seq in range(expected, min(low, expected + MAX_MISSING)):
                    find("MISSING", seq)
                expected = max(expected, high + 1)
    result.forked |= bool(forks)
    result.findings |= findings
    result.more += more
    result.chains[origin] = (notes, objects)
    if not findings and not more:
        result.until[origin] = newest.sealed
        if first:
            result.since[origin] = notes[0].sealed


ANY = "any"


def later(time, seconds):
    stamp = "%Y-%m-%dT%H:%M:%S.%fZ"
    return (datetime.strptime(time, stamp) + timedelta(seconds=seconds)).strftime(stamp)


def is_silent(newest, of, now):
    if of.ended:
        return False
    if of.after:  # the reader's own limit; a `final` isn't expected
        return newest.next_by is None or later(newest.sealed, of.after) < now
    return newest.next_by is not None and newest.next_by < now


def choose(store, objects, keys, branch, first, find):
    """Which note is the chain's at each seq: {seq: note}; the seqs where its bytes are there too; the
    seq of two rightly signed notes with the same claim, where the chain ends undecided (or None); and the seqs
    of several rightly signed notes."""
    candidates, chain, whole, seen, foreign, twice = {}, {}, set(), {}, {}, set()
    for o in objects:
        if o.note:
            candidates.setdefault(o.note.seq, []).append(o)
    for seq in sorted(candidates):
        before = chain.get(seq - 1)
        for o in candidates[seq]:
            vouched = first == (o.note.seq, o.note.hash)
            o.note.good = vouched or key_is_right(o.note, before, keys, seen)
            o.at_its_key = o.seq == seq and o.date == right_date(seq, chain, o.date)
            if o.note.good and o.seq == seq:
                o.verdict = o.verdict or check_payload(store, o)  # 6, 7
                o.wrong_times = o.verdict == "WRONG_TIMES"  # its bytes pass all the same
                o.verdict = None if o.wrong_times else o.verdict
        foreign = mark_foreign([o for o in candidates[seq] if o.seq == seq and not o.note.good], foreign)
        there = sorted((o for o in candidates[seq] if o.at_its_key and not o.foreign),
                       key=lambda o: (not o.pack, o.alternate, o.date))  # fmt: skip
        good = [o for o in there if o.note.good]
        claims = {o.note.hash: (branch.get(seq) == o.note.hash, not before or o.note.prev == before.hash) for o in good}
        best = [digest for digest, claim in claims.items() if claim == max(claims.values())]
        if len(claims) > 1:
            find("FORK", seq, ANY)
            twice.add(seq)
        if len(best) > 1:
            for o in (o for later in candidates if later > seq for o in candidates[later]):
                o.note.good, o.at_its_key = key_is_right(o.note, None, keys, seen), False
            return chain, whole, seq, twice
        if there:
            main = next((o for o in good if o.note.hash in best), there[0])
            chain[seq] = main.note
            same = [o for o in there if o.note.hash == main.note.hash]
            for o in same:  # where any date is right, one of two copies is the right one
                o.at_its_key = o.date == main.date and (o is main or main.note.good)
            sound = [o for o in same if o.at_its_key and not o.verdict]
            main.note.object = (sound or [main])[0]
            if main.note.good:
                reach(main.note, before, keys, seen, first == (seq, main.note.hash))
                whole |= {seq} if sound else set()
    return chain, whole, None, twice


def last_of(keys, vkey, seq):
    """The last seq that a key which is trusted for this one may sign, or None."""
    return next((high for key, low, high in keys if key == vkey and low <= seq <= high), None)


def reach(note, before, keys, seen, vouched):
    """How far the key that a note names may sign: as far as the trusted key that the two go back to."""
    note.last = last_of(keys, note.key, note.seq)
    if note.last is None and vouched:
        note.last = next((high for _, low, high in keys if low <= note.seq <= high), note.seq if keys else MAX_SEQ)
    elif note.last is None:
        note.last = before.last if before and before.good else seen.get(note.key, note.seq)
    seen[note.next] = max(note.last, seen.get(note.next, 0))


def mark_foreign(strangers, before):
    """`FOREIGN_CHAIN`: of notes at one seq that their keys may not sign there, those that begin a chain of
    their own or follow one. `before` is {hash: (seq, key of the genesis, next, date of the next key)}."""
    tips = {}
    for o in strangers:
        note = o.note
        if note.seq == 0:
            o.foreign, first = o.date == "1970-01-01", note.key
        elif note.prev in before:
            seq, first, following, day = before[note.prev]
            signs = first if note.kind == "reanchor" else following
            o.foreign = (seq + 1, signs, day) == (note.seq, note.key, o.date)
        if o.foreign:
            tips[note.hash] = (note.seq, first, note.next, note.sealed[:10])
    return tips


def branch_of(objects, head):
    """The hashes of the notes on the branch of the known head, by seq."""
    by_hash = {o.note.hash: o.note for o in objects if o.note and o.seq == o.note.seq}
    branch, at = {}, head
    while at and at[1]:
        branch[at[0]] = at[1]
        note = by_hash.get(at[1])
        at = (at[0] - 1, note.prev) if note and note.seq == at[0] else None
    return branch


def right_date(seq, chain, other):
    """§ Keys of objects: the date in the key of seq; where the note before is absent, any is right."""
    if seq == 0:
        return "1970-01-01"
    return chain[seq - 1].sealed[:10] if seq - 1 in chain and chain[seq - 1].good else other


def key_is_right(note, before, keys, seen):
    """`WRONG_KEY`. A note with the wrong key vouches for none: its `next` is as good as absent."""
    trusted = last_of(keys, note.key, note.seq) is not None
    if note.kind in ("genesis", "reanchor"):
        return trusted
    if before and before.good:
        return note.key == before.next and (trusted or note.seq <= before.last)
    return trusted or note.seq <= seen.get(note.key, -1)


def check_links(notes, chain, first, find):
    """Each note next to those before it; § Ranges, § Gaps: the ranges and gaps of one file join. What is
    between two ranges may be in a note that is absent; then it isn't a gap in the source."""
    ends, torn, last = {}, 0, None  # file -> (end, seq, closed by a gap); the seq before which a note is absent
    for note in notes:
        if note.seq - 1 in chain and note.prev != chain[note.seq - 1].hash:
            find("FORK", note.seq)
        follows = last.seq + 1 == note.seq if last else note.seq == 0 and not first
        torn = torn if follows else note.seq
        last = note
        if note.gap:
            find("SOURCE_GAP", note.seq, note.hash)
        if note.kind == "heartbeat" and note.reason == [["stalled"]]:
            find("STALLED", note.seq, note.hash)
        for file, start, end in [(r.file, r.start, r.end) for r in note.range] + [g[:3] for g in note.gap if g[0]]:
            expected, seq, closed = ends.get(file, (0, -1 if first else 0, False))
            if start < expected:
                find("REPLAY", note.seq)
            elif (start > expected or closed) and torn <= seq:
                find("SOURCE_GAP", note.seq, note.hash)
            ends[file] = (start if end is None else end, note.seq, end is None)
        if first and first[0] == note.seq and first[1] in (None, note.hash):  # § Parts: its cursors say how far the files are
            ends |= {cursor[0]: (cursor[1], note.seq, False) for cursor in note.cursor}


# ---------------- § Packs
MAX_ATTESTATION = 4_194_304
MAX_TEXT = 134_217_728  # § Cuts, and the next: of a pack of several objects
MAX_SIZES = 131_072
MAX_TOLD = 1000
NAMES = rf"(cluster={PART}/node={PART}/source={PART}/date=[0-9-]{{10}}/([0-9]{{12}})-([0-9]{{12}})-[0-9a-f]{{16}})"
ATTESTATION_KEY = re.compile(rf"_attestations/{NAMES}\.[0-9a-f]{{16}}\.note")
PLACE = re.compile("([0-9]+)(?::([0-9a-f]{64})|-([0-9]+))?")
DATE, VERDICT = parse_date, of("[A-Z_]{1,32}")
ATTESTATION = [
    ("auditseal/attestation/v1", []), ("origin", [ORIGIN]), ("key", [VKEY]), ("objects", [SEQ, SEQ]),
    ("date", [DATE]), ("prev", [HASH]), ("head", [HASH]), ("pack", [HASH, N, of(NUMBER, 99)]), ("text", [N]),
    ("index", None), ("times", [TIMES]), ("untimed", [N]), ("gaps", [N]), ("first", [or_dash(TIME)]),
    ("last", [or_dash(TIME)]), ("sealed", [TIME, TIME]), ("lock", None), ("judged", [TIME]), ("attested", [TIME]),
]  # fmt: skip


def parse_attestation(lines):
    """§ Attestation: the lines, in the order of the table."""
    lines, found = iter(lines), {}
    for keyword, types in ATTESTATION:
        word, *values = next(lines, "").split(" ")
        need(word == keyword)
        if keyword == "index":
            types = [or_dash(HASH)] if values == ["-"] else [HASH, N]
        elif keyword == "lock":
            types = [of("none|undisclosed")] if len(values) == 1 else [of("governance|compliance"), TIME]
        need(len(values) == len(types))
        found[keyword] = [parse(value) for parse, value in zip(types, values)]
    (low, high), (digest, size, generation) = found["objects"], found["pack"]
    need(0 < low <= high)
    a = SimpleNamespace(origin=found["origin"][0], key=found["key"][0], first=low, last=high, date=found["date"][0],
                        prev=found["prev"][0], head=found["head"][0], pack=digest, size=size, generation=generation,
                        bytes=found["text"][0], times=found["times"][0], attested=found["attested"][0])  # fmt: skip
    a.batches, line = [], next(lines, "")
    while line.startswith("batch "):
        a.batches.append(parse_batch(line.split(" ")[1:]))
        need(len(a.batches) <= high - low + 1)
        line = next(lines, "")
    parts = [part for _, parts in a.batches for part in parts]
    need(len(a.batches) == high - low + 1)
    need(len(a.batches) == 1 or (len(a.batches) + len(parts) <= MAX_SIZES and a.bytes <= MAX_TEXT))
    need(sum(seal for seal, _ in a.batches) + sum(size for size, _ in parts) == a.bytes)
    count, (untimed,), (first,), (last,) = sum(n for _, n in parts), found["untimed"], found["first"], found["last"]
    need(untimed <= count and (first is None) == (last is None) == (untimed == count))
    need(first is None or first <= last)
    need(found["gaps"][0] <= high - low + 1)
    a.when, a.wrong = (untimed, found["gaps"][0], first, last, *found["sealed"]), False
    match = re.fullmatch(f"findings ({NUMBER})", line)
    need(match)
    a.findings, a.found = N(match[1]), [parse_told(line, a) for line in lines]
    need(len(a.found) == min(a.findings, MAX_TOLD))
    return a


def parse_batch(values):
    """`batch <n> <part>…`: (bytes of the seal line, [(bytes, lines)])."""
    seal, *parts = values
    parts = [part.split("/") for part in parts]
    need(len(parts) <= 256 and all(len(part) == 2 for part in parts))
    parts = [(N(size), N(lines)) for size, lines in parts]
    need(all(0 < lines <= size for size, lines in parts))
    need(0 < N(seal) <= TAIL - 3)
    return N(seal), parts


def parse_told(line, a):
    """`finding <verdict> <place> <detail>`: (verdict, first seq, last seq, hash or None)."""
    words = line.split(" ", 3)
    need(len(words) == 4 and words[0] == "finding" and re.fullmatch("[!-~]|[!-~][ -~]{0,998}[!-~]", words[3]))
    match = PLACE.fullmatch(words[2])
    need(match)
    low = SEQ(match[1])
    high = SEQ(match[3]) if match[3] else low
    need(a.first <= low <= high <= a.last and (low < high or not match[3]))
    return VERDICT(words[1]), low, high, match[2]


def pack_name(a):
    """§ Keys of packs."""
    cluster, node, source = a.origin.split("/")
    return (f"cluster={cluster}/node={node}/source={source}/date={a.date}/"
            f"{a.first:012}-{a.last:012}-{a.head[:16]}")  # fmt: skip


def pack_key(a):
    return pack_name(a) + (f".{a.generation}" if a.generation else "") + ".jsonl.zst"


def attestations(packs, origin, auditors, begin):
    """§ Reading packs: those that count and reach to where reading begins."""
    found = []
    folder = "_attestations/cluster={}/node={}/source={}/".format(*origin.split("/"))
    for key in sorted(packs):
        match = ATTESTATION_KEY.fullmatch(key) if key.startswith(folder) else None
        if not match or not auditors or int(match[3]) < begin:
            continue
        with packs[key]() as fh:
            raw = fh.read(MAX_ATTESTATION + 1)
        try:
            need(len(raw) <= MAX_ATTESTATION)
            a = parse_signed(raw, parse_attestation)
            check_signature(a)
        except Finding:
            continue
        if a.key in auditors and key == f"_attestations/{pack_name(a)}.{blake(raw)[:16]}.note":
            a.own = blake(raw)
            found.append(a)
    found.sort(key=lambda a: a.own)
    found.sort(key=lambda a: a.attested, reverse=True)
    return sorted(found, key=lambda a: (a.first, -a.last))


def name_attested(attested, named):
    """§ Reading packs, the end: what attestations name is known out of band. Gives the seqs of which two differ."""
    apart = set()
    for a in attested:
        for seq, digest in ((a.first - 1, a.prev), (a.last, a.head)):
            if named.setdefault(seq, digest) != digest:
                apart.add(seq)
    return apart


def taken_of(attested, begin, to=float("inf")):
    """§ Reading packs, 1: each attestation that is taken, and from which seq to which."""
    at = begin
    while at <= to:
        reaching = [a for a in attested if a.last >= at]
        if not reaching:
            return
        at = max(at, min(a.first for a in reaching))
        if at > to:
            return
        best = max(a.last for a in reaching if a.first <= at)
        holding = [a for a in reaching if a.first <= at and a.last == best]
        newest = max(a.attested for a in holding)
        yield min((a for a in holding if a.attested == newest), key=lambda a: a.own), at, min(best, to)
        at = best + 1


def is_listed(packs, a):
    """§ Reading packs, 1: something of the attested size stands at the pack's key."""
    if pack_key(a) not in packs:
        return False
    with packs[pack_key(a)]() as fh:
        return fh.seek(0, os.SEEK_END) == a.size


def packed(packs, attested, begin):
    """§ Reading packs, 1 and 2: what is read of each pack, and the verdict on it, or None."""
    there = [a for a in attested if is_listed(packs, a)]
    lost, at = [a for a in attested if not is_listed(packs, a)], begin
    for a, low, high in taken_of(there, begin):
        yield from ((b, *unpack(packs, b, *seqs)) for b, *seqs in taken_of(lost, at, low - 1))
        yield from instead(packs, there, a, low, high)
        at = high + 1
    yield from ((b, *unpack(packs, b, *seqs)) for b, *seqs in taken_of(lost, at))


def instead(packs, there, a, low, high):
    """A pack, and from where on it isn't as attested, others."""
    found, verdict = unpack(packs, a, low, high)
    yield a, found, verdict
    at = found[-1].seq + 1 if found else low
    others = [b for b in there if b is not a]
    for b, *seqs in taken_of(others, at, high) if verdict else ():
        yield from instead(packs, others, b, *seqs)


class Pack:
    """A pack's text. That of one is kept at a time, on disk: whoever restores reads it again."""

    last = None

    def __init__(self, opened, a):
        self.open, self.a, self.whole = opened, a, False

    def text(self):
        """The text, as far as it decompresses within what is attested."""
        if Pack.last is None or Pack.last[0] is not self:
            if Pack.last:
                Pack.last[1].close()
            Pack.last = self, tempfile.TemporaryFile()
            try:
                with self.open() as fh:
                    for piece in pack_text(fh, self.a):
                        Pack.last[1].write(piece)
                self.whole = True
            except (Finding, zstandard.ZstdError):
                self.whole = False
        return Pack.last[1]


def pack_text(fh, a):
    """§ Pack: one frame, decompressed block by block, and nothing behind it."""
    decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
    header, todo, last = fh.read(14), a.bytes, False
    need(header[:5] == b"\x28\xb5\x2f\xfd\xc0" and header[5:6] in [bytes([w - 10 << 3]) for w in range(17, 24)])
    need(header[6:] == a.bytes.to_bytes(8, "little"))
    decoder.decompress(header)
    while not last:
        last, block = read_block(fh)
        piece = decoder.decompress(block)
        todo -= len(piece)
        need(todo >= 0)
        yield piece
    need(todo == 0 and decoder.eof and fh.read(1) == b"")


def read_span(fh, start, end):
    fh.seek(start)
    while start < end:
        data = fh.read(min(1 << 20, end - start))
        need(data)
        start += len(data)
        yield data


def is_attested(opened, a):
    """Size and hash come before anything of it is looked into."""
    with opened() as fh:
        if fh.seek(0, os.SEEK_END) != a.size:
            return False
        hasher, left = blake3.blake3(), a.size
        for data in read_span(fh, 0, a.size):
            hasher.update(data)
    return hasher.hexdigest() == a.pack


def unpack(packs, a, low, high):
    """§ Reading packs, 2 and 3: what the pack holds at these seqs, as objects at their plain keys; and the verdict on
    the pack itself, or None."""
    key = pack_key(a)
    if key not in packs:
        return [], "MISSING"
    if not is_attested(packs[key], a):
        return [], "TAMPERED"
    pack, objects, notes, at = Pack(packs[key], a), [], [], 0
    text = pack.text()
    try:
        for seq, (seal, parts) in enumerate(a.batches, a.first):
            start, at = at, at + sum(size for size, _ in parts) + seal
            line = b"".join(read_span(text, at - seal, at))
            raw, index = parse_seal(line)
            note = parse_note(raw)
            check_signature(note)
            need((note.origin, note.seq) == (a.origin, seq))
            need(seq > a.first or note.prev == a.prev)
            need(seq < a.last or note.hash == a.head)
            notes.append(note)
            if low <= seq <= high:
                verdict = check_packed(text, (start, at - seal), note, index, parts, a)
                objects.append(SimpleNamespace(key=f"{key}#{seq}", date=a.date, seq=seq, alternate="", verdict=None,
                                               note=note, wrong_times=False, foreign=False, pack=pack,
                                               in_pack=verdict, span=(start, at - seal)))  # fmt: skip
        need(pack.whole)
    except Finding:
        return objects, "TAMPERED"
    timed = [note for note in notes if note.first]
    spans = min((note.first for note in timed), default=None), max((note.last for note in timed), default=None)
    lost = sum(bool(note.gap) or (note.kind, note.reason) == ("heartbeat", [["stalled"]]) for note in notes)
    a.wrong = a.when != (sum(note.untimed for note in notes), lost, *spans, notes[0].sealed, notes[-1].sealed)  # 6
    return objects, None


def check_packed(text, span, note, index, parts, a):
    """Steps 5 to 7 for an object in a pack: what nobody signed is `TAMPERED`."""
    try:
        need(parts == [(r.size, r.lines) for r in note.range if r.size] and note.times == a.times)
        need((None if index is None else blake(index)) == note.index)
        check_lines(read_span(text, *span), note)
    except Finding as finding:
        return "WRONG_TIMES" if str(finding) == "WRONG_TIMES" else "TAMPERED"
    return None


KNOWN = set("""REPLAY REORDERED MISSING FORK WRONG_KEY FOREIGN_CHAIN HIDDEN SHADOWED WEAK_WORM TRUNCATED UNANCHORED SILENT
    RESUMED SOURCE_GAP STALLED UNSEALED MALFORMED BAD_SIGNATURE WRONG_ORIGIN TAMPERED WRONG_TIMES TIME_INCONSISTENT
    REANCHORED UNEXPECTED_OBJECT""".split())


def repeat(a, begin, find):
    """§ Reading packs, 7. Gives how many findings there are that the attestation doesn't tell."""
    for verdict, low, high, digest in a.found:
        for seq in range(max(low, begin), min(high, low + MAX_MISSING - 1) + 1):
            find(verdict if verdict in KNOWN else "UNEXPECTED_OBJECT", seq, digest)
    return a.findings - len(a.found)


def packed_before(packs, origin, begin):
    """The seqs before a place that names of attestations have, as runs: they went into packs."""
    folder = "_attestations/cluster={}/node={}/source={}/".format(*origin.split("/"))
    matches = [ATTESTATION_KEY.fullmatch(key) for key in packs if key.startswith(folder)]
    return {(int(m[2]), min(int(m[3]), begin - 1)) for m in matches if m and int(m[2]) < begin}


# ---------------- § Ranges, "To restore the source"
def restore(store, chain, objects, out):
    """Each byte is written where it belongs; the holes stay the NUL bytes that nobody writes there."""
    order, sizes = [], {}  # gaps aren't looked at: a chain with one isn't restored
    for note in chain:
        for r in note.range:
            if r.file not in sizes:
                order.insert(order.index(r.before) if r.before in order else len(order), r.file)
            sizes[r.file] = r.end
    base, total = {}, 0
    for file in order:
        base[file], total = total, total + sizes[file]
    for note in chain:
        segments = []  # (where in the output or None, length)
        for r in note.range:
            at = r.start
            for offset, length in r.holes + [[r.end, 0]]:
                segments.append((base[r.file] + at, offset - at))
                at = offset + length
            segments.append((None, int(r.unterminated)))
        done = [0] * len(segments)
        for part, data in cut(payload_of(store, note.object), [length for _, length in segments]):
            if segments[part][0] is not None:
                out.seek(segments[part][0] + done[part])
                out.write(data)
                done[part] += len(data)
    out.truncate(total)


# ---------------- crates/trust/TRUST.md
ACCEPTABLE = ["FORK", "HIDDEN", "SHADOWED", "SOURCE_GAP", "STALLED", "TIME_INCONSISTENT", "WEAK_WORM", "WRONG_TIMES"]
SEAL_ID = "(?:0|[1-9][0-9]{0,11}):[0-9a-f]{64}"
SPAN = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def file_lines(text, version):
    """§ Both files: the lines that say something."""
    need(text.endswith("\n") and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text))
    first, *lines = text[:-1].split("\n")
    need(first == version)
    return [line for line in lines if line and not line.startswith("#")]


def parse_trust(text):
    """§ Trust file: {origin: block}, and the auditors as (cluster, vkey)."""
    blocks, block, auditors = {}, None, []
    for line in file_lines(text, "auditseal/trust/v1"):
        if line.startswith("auditor "):
            need(block is None or finished(block))
            match = re.fullmatch(r"auditor (\S+) (\S+)", line)
            need(match)
            cluster, vkey = match.groups()
            ORIGIN(f"{cluster}/n/s"), parse_vkey(vkey)
            need(not auditors or auditors[-1] < (cluster, vkey))
            auditors.append((cluster, vkey))
            continue
        need(not auditors)
        match = re.fullmatch(rf"origin (\S+) static (\S+)(?: from=([1-9][0-9]{{0,11}}))?(?: until=({SEAL_ID}))?", line)
        if match:
            origin, vkey = ORIGIN(match[1]), parse_vkey(match[2])
            if block is None or block.origin != origin:
                need(block is None or (finished(block) and block.origin.encode() < origin.encode()))
                block = blocks[origin] = SimpleNamespace(origin=origin, keys=[], begin=False, retention=None,
                                                         after=None, ended=None, accepted=[], hashes={})  # fmt: skip
            need(block.begin is False and key_fits(vkey, origin))
            low, until = int(match[3] or 0), match[4] and named(block, match[4])
            need(not block.keys or (block.keys[-1][2] and block.keys[-1][2][0] < low))
            need(not until or low <= until[0])
            block.keys.append((vkey, low, until))
        else:
            need(block is not None and line.startswith("  "))
            parse_rest(block, line[2:])
    need(block is None or finished(block))
    return blocks, auditors


def named(block, text):
    """§ Trust file: no seq has two hashes in one block."""
    seal = parse_head(text)
    need(block.hashes.setdefault(*seal) == seal[1])
    return seal


def parse_rest(block, line):
    """A line of a block behind its keys."""
    word, silence = line.split(" ")[0], block.after or block.ended
    first = block.begin[0] if block.begin else 0
    if match := re.fullmatch(f"begin (0|{SEAL_ID})", line):
        need(block.begin is False and not line.startswith("begin 0:"))
        block.begin = None if match[1] == "0" else named(block, match[1])
        need(covered(block, block.begin[0] if block.begin else 0))
        return
    need(block.begin is not False)
    if match := re.fullmatch("retention ([1-9][0-9]{0,4})d (?:compliance|governance)", line):
        need(block.retention is None and not silence and int(match[1]) <= 36500)
        block.retention = int(match[1])
    elif match := re.fullmatch("silent-after ([1-9][0-9]{0,9})([dhms])", line):
        need(not silence and not block.keys[-1][2])
        block.after = int(match[1]) * SPAN[match[2]]
        need(block.after <= 366 * 86400)
        need(match[2] == next(unit for unit, size in SPAN.items() if block.after % size == 0))
    elif match := re.fullmatch(f"ended ({SEAL_ID})", line):
        need(not silence)
        block.ended = named(block, match[1])
        need(first <= block.ended[0] and covered(block, block.ended[0]))
    else:
        match = re.fullmatch(f'accept ({"|".join(ACCEPTABLE)}) ({SEAL_ID}) "[ !#-\\[\\]-~]{{1,200}}"', line)
        need(match and word == "accept" and silence)
        seal = named(block, match[2])
        place = (seal[0], ACCEPTABLE.index(match[1]))
        need(not block.accepted or place > (block.accepted[-1][1][0], ACCEPTABLE.index(block.accepted[-1][0])))
        need(first <= seal[0] and (not block.ended or seal[0] <= block.ended[0]) and covered(block, seal[0]))
        block.accepted.append((match[1], seal))


def covered(block, seq):
    return any(low <= seq and (not until or seq <= until[0]) for _, low, until in block.keys)


def finished(block):
    return block.begin is not False and bool(block.after or block.ended)


def parse_heads(text):
    """§ Heads file: {origin: (head or None, {seq: hashes of a fork})}."""
    heads, last = {}, None
    for line in file_lines(text, "auditseal/heads/v1"):
        match = re.fullmatch(rf"(head|fork) (\S+) ({SEAL_ID}) (\S+)", line)
        need(match)
        origin, seal = ORIGIN(match[2]), parse_head(match[3])
        TIME(match[4])
        place = (origin.encode(), (-1, "") if match[1] == "head" else seal)
        need(last is None or last < place)
        last, (head, forks) = place, heads.get(origin, (None, {}))
        if match[1] == "head":
            heads[origin] = seal, forks
        else:
            forks.setdefault(seal[0], set()).add(seal[1])
            heads[origin] = head, forks
    need(all(len(hashes) > 1 for _, forks in heads.values() for hashes in forks.values()))
    return heads


def read_file(path):
    with open(path, encoding="utf-8", newline="") as fh:
        return fh.read()


# ---------------- § Event proofs
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
CHUNK_START, CHUNK_END, PARENT, ROOT, KEY_CONTEXT, KEY_MATERIAL = 1, 2, 4, 8, 32, 64
MIXED = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
PERMUTED = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MOST_CHUNKS = 1 << 54  # BLAKE3 hashes less than 2**64 bytes


# Python's blake3 gives no chaining values, so they are computed here: of many chunks at a time, the words of each in
# lanes of 64 bits of one long number. A proof of 200 MB takes seconds so, and minutes one by one.
LANES = 4096


def each(word, lanes):
    """A word in each of so many lanes."""
    return int.from_bytes(struct.pack("<Q", word) * lanes, "little")


def in_lanes(values):
    """Words in lanes, the first one in the lowest."""
    return int.from_bytes(array("Q", values).tobytes(), "little")


def out_of_lanes(number, lanes):
    return array("I", array("Q", number.to_bytes(8 * lanes, "little")))


def compress(key, m, counters, length, flags, lanes):
    """The BLAKE3 paper, 2.2: one block of 64 bytes in each lane; the first 32 bytes of the outputs. `key` are 8 words,
    `m` 16, in lanes."""
    mask = each(0xFFFFFFFF, lanes)
    low, high = in_lanes(n & 0xFFFFFFFF for n in counters), in_lanes(n >> 32 for n in counters)
    v = [*key, *(each(word, lanes) for word in IV[:4]), low, high, each(length, lanes), each(flags, lanes)]
    for turn in range(7):
        for i, (a, b, c, d) in enumerate(MIXED):
            for word, x, y in ((m[2 * i], 16, 12), (m[2 * i + 1], 8, 7)):
                v[a] = (v[a] + v[b] + word) & mask
                v[d] ^= v[a]
                v[d] = (v[d] >> x | v[d] << 32 - x) & mask
                v[c] = (v[c] + v[d]) & mask
                v[b] ^= v[c]
                v[b] = (v[b] >> y | v[b] << 32 - y) & mask
        m = [m[i] for i in PERMUTED]
    return [v[i] ^ v[i + 8] for i in range(8)]


CONTEXT_FLAGS = CHUNK_START | CHUNK_END | ROOT | KEY_CONTEXT
CONTEXT_KEY = compress(IV, struct.unpack("<16I", CONTEXT.encode().ljust(64, b"\0")), [0], len(CONTEXT), CONTEXT_FLAGS, 1)


def chunk_values(frames, first, flags):
    """The chaining values of chunks of 1,024 bytes that follow each other, as eight arrays of words; with ROOT, the hash
    of a tree that is the one chunk."""
    lanes = len(frames) // 1024
    value = [each(word, lanes) for word in CONTEXT_KEY]
    words = array("I", frames)
    for block in range(16):
        ends = (block == 0 and CHUNK_START) | (block == 15 and CHUNK_END | flags)
        m = [in_lanes(words[16 * block + i :: 256]) for i in range(16)]
        value = compress(value, m, range(first, first + lanes), 64, ends | KEY_MATERIAL, lanes)
    return [out_of_lanes(word, lanes) for word in value]


def parent_values(left, right, flags):
    """The same of nodes, each of one on the left and one on the right."""
    values = [array("I") for _ in range(8)]
    for at in range(0, len(left[0]), LANES):
        lanes = len(left[0][at : at + LANES])
        key = [each(word, lanes) for word in CONTEXT_KEY]
        m = [in_lanes(word[at : at + LANES]) for word in (*left, *right)]
        found = compress(key, m, [0] * lanes, 64, PARENT | flags | KEY_MATERIAL, lanes)
        for word, more in zip(values, found):
            word.extend(out_of_lanes(more, lanes))
    return values


def whole_value(values, flags):
    """The value of the node of all these chunks: neighbours are joined, and one that is left over goes up as it is."""
    while len(values[0]) > 1:
        even = len(values[0]) & ~1
        last = [word[even:] for word in values]
        joined = parent_values([word[:even:2] for word in values], [word[1:even:2] for word in values],
                               flags if len(values[0]) == 2 else 0)  # fmt: skip
        values = [word + more for word, more in zip(joined, last)]
    return tuple(word[0] for word in values)


def tree_value(first, count, own, values, siblings, flags=0):
    """The walk: the value of the node of so many chunks from one on; `own` are the line's chunks, with these values."""
    if first + count <= own.start or own.stop <= first:
        need(siblings, "TAMPERED")
        return siblings.pop(0)
    if own.start <= first and first + count <= own.stop:
        return whole_value([word[first - own.start : first - own.start + count] for word in values], flags)
    left = 1 << (count - 1).bit_length() - 1
    pair = [tree_value(first, left, own, values, siblings), tree_value(first + left, count - left, own, values, siblings)]
    return tuple(word[0] for word in parent_values(*([array("I", [word]) for word in value] for value in pair), flags))


PROOF = re.compile(rb"auditseal/proof/v1\nline ([^\n]*)\nchunk ([^\n]*)\n((?:sibling [^\n]*\n)*)checkpoint -\n\n"
                   rb"((?:[^\n]+\n)+\n[^\n]+\n)\n([^\n]*)\n")  # fmt: skip


def read_proof(raw):
    """Steps 1 to 3: what holds whoever is trusted."""
    need(len(raw) <= 1 << 28)
    match = PROOF.fullmatch(raw)
    need(match)
    line, chunk, siblings, note, event = match.groups()
    siblings = [HASH(value[8:].decode("latin-1")) for value in siblings.split(b"\n")[:-1]]
    need(len(siblings) <= 108)
    line, chunk = N(line.decode("latin-1")), N(chunk.decode("latin-1"))
    need(line > 0)
    note = parse_note(note)
    check_signature(note)
    pieces = max(1, -(-len(event) // PIECE))
    own = range(chunk, chunk + pieces)
    need(line <= note.lines and note.chunks <= MOST_CHUNKS, "TAMPERED")
    need(line - 1 <= chunk and note.lines - line <= note.chunks - own.stop, "TAMPERED")

    def frame(piece):
        data = event[piece * PIECE : (piece + 1) * PIECE]
        return struct.pack("<QIHH", line - 1, piece, len(data), piece + 1 == pieces) + data.ljust(PIECE, b"\0")

    values = [array("I") for _ in range(8)]
    for at in range(0, pieces, LANES):
        frames = b"".join(map(frame, range(at, min(at + LANES, pieces))))
        for word, more in zip(values, chunk_values(frames, chunk + at, ROOT if note.chunks == 1 else 0)):
            word.extend(more)
    left = [struct.unpack("<8I", bytes.fromhex(value)) for value in siblings]
    root = tree_value(0, note.chunks, own, values, left, ROOT)
    need(not left and struct.pack("<8I", *root).hex() == note.root, "TAMPERED")
    return SimpleNamespace(line=line, note=note, event=event)


def known_seals(block, heads, own):
    """Step 6: the seals that a trust file and a heads file name."""
    first = block.begin[0] if block.begin else 0
    seals = [until for _, _, until in block.keys if until] + [block.begin, block.ended] + [seal for _, seal in block.accepted]
    seals = [seal for seal in seals if seal and first <= seal[0]]
    head, forks = heads.get(block.origin, (None, {}))
    forks = {} if ("FORK", own) in block.accepted else forks
    return seals + [head] * bool(head) + [(seq, value) for seq, values in forks.items() for value in values]


def check_proof(raw, trusted=(), origin=None, head=None, blocks=None, heads={}):
    """§ Event proofs: exit code, the verdict or None, and the proof."""
    try:
        proof = read_proof(raw)
        note = proof.note
        need(origin in (None, note.origin), "WRONG_ORIGIN")
        if blocks is None:
            fitting = [vkey for vkey in trusted if key_fits(vkey, note.origin)]
            if not fitting:
                return 2, None, None
            need(note.key in fitting, "WRONG_KEY")
            known = [head] * bool(head)
        else:
            block = blocks.get(note.origin)
            if block is None:
                return 2, None, None
            need(any(low <= note.seq and (not until or note.seq <= until[0]) and vkey == note.key for vkey, low, until in block.keys), "WRONG_KEY")
            known = known_seals(block, heads, (note.seq, note.hash))
        need(all(seq != note.seq or value == note.hash for seq, value in known), "FORK")
        need(blocks is None or not block.ended or note.seq <= block.ended[0], "RESUMED")
        return 0, None, proof
    except Finding as finding:
        return 1, str(finding), None


# ---------------- command line
def open_directory(path):
    """An archive under file://, as the other functions want it: {key: function that opens it}."""
    return {name.replace(os.sep, "/"): partial(open, os.path.join(path, name), "rb") for name in files_below(path, "", ())}


def files_below(root, folder, above):
    """The files' names. What is no file, or a link round in circles, has a name that no object has, and is never
    opened: a pipe would be waited for for ever. Where no archive may be, what can't be read is only named."""
    try:
        about = os.stat(os.path.join(root, folder))
        here = (about.st_dev, about.st_ino)
        if here in above:
            yield f"{folder} (a link to a folder that it lies in)"
            return
        entries = list(os.scandir(os.path.join(root, folder)))
    except OSError:
        if is_archive(folder):
            raise
        yield f"{folder}/"
        return
    for entry in entries:
        name = os.path.join(folder, entry.name)
        try:
            is_folder, is_file = entry.is_dir(), entry.is_file()
        except OSError:
            if is_archive(name):
                raise
            is_folder = is_file = False
        if is_folder:
            yield from files_below(root, name, (*above, here))
        else:
            yield name if is_file else f"{name} (no file)"


def is_archive(name):
    """§ Keys of objects: all of them begin with a folder `cluster=…`. The root is one of its folders."""
    return not name or "=" in name.split(os.sep)[0]


def parse_head(value):
    seq, _, digest = value.partition(":")
    return SEQ(seq), HASH(digest)


def parse_begin(value):
    """§ Parts: a note that is known, or a seq at which nothing is; `None` for the genesis."""
    return parse_head(value) if ":" in value else (SEQ(value), None) if SEQ(value) else None


def read_vkeys(values):
    """Each is a vkey, or a file with one vkey a line."""
    for value in values:
        try:
            yield parse_vkey(value)
        except Finding:
            with open(value, encoding="utf-8") as fh:
                yield from (parse_vkey(line.strip()) for line in fh if line.strip() and line[0] != "#")


def show(findings):
    return sorted(f"{verdict} {origin} {'-' if seq is None else seq}" for verdict, origin, seq in findings)


def run_archive(args):
    store = open_directory(args.archive)
    if args.trust:
        heads, trusted = parse_heads(read_file(args.heads)) if args.heads else {}, parse_trust(read_file(args.trust))
        packs = open_directory(args.packs) if args.packs else None
        asked = [ORIGIN(o) for o in args.origin]
        result = verify_trusted(store, trusted, heads, asked, args.now and TIME(args.now), packs)
        return report(args, store, result, trusted[0])
    trusted = set(read_vkeys(args.vkey))
    if (args.head or getattr(args, "from") or args.to) and len(args.origin) != 1:
        raise ValueError("a head, and a part, are of one chain: name its --origin")
    result = verify(store, trusted, [ORIGIN(o) for o in args.origin], args.head and parse_head(args.head),
                    args.now and TIME(args.now), getattr(args, "from") and parse_begin(getattr(args, "from")),
                    None if args.to is None else SEQ(args.to))  # fmt: skip
    return report(args, store, result, {})


def since(result, origin):
    """§ Parts: `COMPLETE from=…` of what doesn't begin with the genesis."""
    return f"from={result.since[origin]} " if origin in result.since else ""


def unsaid(args, blocks):
    """What this verifier doesn't look at, or can't tell without what it wasn't given."""
    if not args.origin and not blocks:
        yield "no origin was given: a chain that is absent as a whole isn't noticed"
    if not args.head and not args.heads:
        yield "no head was given: seals missing at the end are noticed only once their silence is too long"


def report(args, store, result, blocks):
    result.notes = sorted(unsaid(args, blocks))
    if result.exit == 2:
        print(f"verify.py: {result.why}", file=sys.stderr)
    if args.restore and result.exit == 0:
        if len(result.chains) != 1:
            raise ValueError("can restore one source at a time")
        with open(args.restore, "w+b") as out:
            restore(store, *next(iter(result.chains.values())), out)
    if args.format == "json":
        rows = [[{"verdict": v, "origin": o, "seq": s} for v, o, s in sorted(found, key=str)]
                for found in (result.findings, result.infos)]  # fmt: skip
        print(json.dumps({"complete": result.exit == 0, "findings": rows[0], "infos": rows[1], "since": result.since, "until": result.until, "notes": result.notes}))
    else:
        print("\n".join(show(result.findings) + [f"info: {info}" for info in show(result.infos)]
                        + [f"note: {note}" for note in result.notes]
                        + [f"COMPLETE {since(result, origin)}until={until} {origin}" for origin, until in result.until.items()]
                        + ["NOT COMPLETE"] * (result.exit != 0)))  # fmt: skip
    return result.exit


def read_vector(text):
    """testdata/vectors/README.md: a head of `field: value`, then the objects in base64, and those of the packs."""
    head, *objects = re.split(r"^(object|packed): ", text, flags=re.MULTILINE)
    fields = {}
    for line in head.splitlines():
        if line.strip():
            name, _, value = line.partition(": ")
            fields.setdefault(name, []).append(value)
    stores = {"object": {}, "packed": {}}
    for which, o in zip(objects[::2], objects[1::2]):
        key, _, data = o.partition("\n")
        stores[which][key] = partial(io.BytesIO, base64.b64decode("".join(data.split())))
    return fields, stores["object"], stores["packed"]


def run_file_vector(text):
    """testdata/trust/README.md: `good` or what is wrong, then a trust or heads file."""
    expected, _, text = text.partition("\n")
    try:
        (parse_heads if text.startswith("auditseal/heads/") else parse_trust)(text)
        return [] if expected == "good" else [f"expected {expected}, got good"]
    except Finding:
        return ["expected good, got a refusal"] if expected == "good" else []


def run_proof_vector(text):
    """testdata/proofs/README.md: a head of `field: value`, then the file in base64."""
    head, _, data = text.partition("\n\n")
    fields = {}
    for line in head.splitlines():
        name, _, value = line.partition(": ")
        fields.setdefault(name, []).append(value)
    trust, heads = ("".join(f"{line}\n" for line in fields.get(name, [])) for name in ("trust", "heads"))
    code, verdict, proof = check_proof(
        base64.b64decode("".join(data.split())), fields.get("vkey", []), fields.get("origin", [None])[0],
        parse_head(fields["head"][0]) if "head" in fields else None,
        parse_trust(trust)[0] if trust else None, parse_heads(heads) if heads else {})  # fmt: skip
    got = {"exit": str(code), "verdict": verdict, "event": proof and blake(proof.event)}
    return [f"{name}: expected {want}, got {got[name]}" for name in got if (want := fields.get(name, [None])[0]) != got[name]]


def run_vector(path):
    text = read_file(path)
    if text.startswith("proof: "):
        return [f"{os.path.basename(path)}: {wrong}" for wrong in run_proof_vector(text)]
    if not text.startswith("name: "):
        return [f"{os.path.basename(path)}: {wrong}" for wrong in run_file_vector(text)]
    fields, store, packs = read_vector(text)
    head = parse_head(fields["head"][0]) if "head" in fields else None
    first = parse_begin(fields["from"][0]) if "from" in fields else None
    if "trust" in fields:
        trust, heads = ("".join(f"{line}\n" for line in fields.get(name, [])) for name in ("trust", "heads"))
        result = verify_trusted(store, parse_trust(trust), parse_heads(heads) if heads else {},
                                fields.get("origin", []), fields["now"][0], packs, unlocked=False)  # fmt: skip
    else:
        result = verify(store, set(fields.get("vkey", [])), fields.get("origin", []), head, fields["now"][0], first,
                        SEQ(fields["to"][0]) if "to" in fields else None)  # fmt: skip
    got = {"exit": [str(result.exit)], "finding": show(result.findings), "info": show(result.infos)}
    if result.exit == 0:
        got["until"] = sorted(result.until.values())
        if "restored" in fields:
            with tempfile.TemporaryFile() as out:
                restore(store, *next(iter(result.chains.values())), out)
                out.seek(0)
                got["restored"] = [blake(out.read())]
    return [f"{os.path.basename(path)}: {name}: expected {want}, got {got.get(name, [])}"
            for name in ("exit", "finding", "info", "until", "restored")
            if (want := sorted(fields.get(name, []))) != got.get(name, [])]  # fmt: skip


def run_vectors(folder):
    paths = sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".txt"))
    failed = 0
    for path in paths:
        try:
            mismatches = run_vector(path)
        except (Finding, KeyError, OSError, ValueError) as error:
            mismatches = [f"{os.path.basename(path)}: {error!r}"]
        failed += bool(mismatches)
        print("\n".join(mismatches), end="\n" if mismatches else "")
    print(f"{len(paths) - failed} passed, {failed} failed")
    return 1 if failed or not paths else 0


def run_lines(path, how):
    """Prints as § Times says; in pieces of an odd size, for a line may come in any."""
    times = Times(TIMES(how))
    with open(path, "rb") as fh:
        while piece := fh.read(10_007):
            for time in times.ended(piece):
                print(time or "-")
    return 0


def run_check(args):
    """Says what a proof proves; § Event proofs says what it doesn't."""
    with open(args.check, "rb") as fh:
        raw = fh.read((1 << 28) + 1)
    blocks = parse_trust(read_file(args.trust))[0] if args.trust else None
    heads = parse_heads(read_file(args.heads)) if args.heads else {}
    if len(args.origin) > 1 or (blocks is None and not args.origin):
        raise ValueError("a proof is of one chain: name its --origin, or give --trust")
    origin = ORIGIN(args.origin[0]) if args.origin else None
    code, verdict, proof = check_proof(raw, list(read_vkeys(args.vkey)), origin, args.head and parse_head(args.head), blocks, heads)
    if code == 2:
        print("verify.py: nothing that was given is for the chain of this proof", file=sys.stderr)
    elif code == 1:
        print(f"{verdict}\nNOT PROVED")
    else:
        note = proof.note
        print(f"seal {note.seq}:{note.hash} sealed {note.sealed} key {note.key}\nevent {len(proof.event)} bytes, hash {blake(proof.event)}\nPROVED {note.origin} {note.seq}:{proof.line}")
    return code


def main():
    parser = argparse.ArgumentParser(description="verify an auditseal archive")
    for option, value in (("archive", "DIR"), ("check", "FILE"), ("vectors", "DIR"), ("lines", "FILE"), ("head", "SEQ:HASH"),
                          ("from", "SEQ[:HASH]"), ("to", "SEQ"), ("now", "TIME"), ("trust", "FILE"), ("heads", "FILE"), ("packs", "DIR"),
                          ("restore", "OUT_FILE")):  # fmt: skip
        parser.add_argument(f"--{option}", metavar=value)
    for option, value in (("vkey", "VKEY|FILE"), ("origin", "C/N/S")):
        parser.add_argument(f"--{option}", metavar=value, action="append", default=[])
    parser.add_argument("--times", metavar="HOW", default="audit")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    args = parser.parse_args()
    try:
        if args.vectors:
            return run_vectors(args.vectors)
        if args.lines:
            return run_lines(args.lines, args.times)
        if args.heads and not args.trust:
            parser.error("--heads goes with --trust")
        if args.trust and (args.vkey or args.head or args.to or getattr(args, "from")):
            parser.error("--trust says which keys and which part: without --vkey, --head, --from and --to")
        if args.check:
            if not args.vkey and not args.trust:
                parser.error("--check wants --trust, or --origin and --vkey")
            return run_check(args)
        if not args.archive or not (args.vkey or args.trust):
            parser.error("--archive or --check, and --vkey or --trust; or --vectors, or --lines")
        if args.packs and not args.trust:
            parser.error("--packs needs --trust: the trust file says whose attestations of packs count")
        return run_archive(args)
    except Finding:
        print("verify.py: a vkey, origin, head, time, trust or heads file is not well-formed", file=sys.stderr)
    except (OSError, OverflowError, ValueError) as error:
        print(f"verify.py: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

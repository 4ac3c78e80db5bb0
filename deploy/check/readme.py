#!/usr/bin/env python3
"""Keeps the tables in the modules' README.md equal to their variables and outputs.

readme.py [--write] MODULE…
"""

import pathlib
import re
import sys

MARKS = "<!-- tables:begin, made by deploy/check/readme.py -->\n", "<!-- tables:end -->\n"


def blocks(keyword, text):
    for match in re.finditer(r'^%s "(\w+)" \{\n(.*?)^\}\n' % keyword, text, re.M | re.S):
        yield match[1], match[2]


def value(name, body):
    match = re.search(r"^  %s +=\s*(.*?)(?=^  \w+ +=|^  validation|\Z)" % name, body, re.M | re.S)
    return re.sub(r"\s+", " ", re.sub(r"#.*", "", match[1])).strip() if match else None


def tables(folder):
    lines = ["| input | what | default |", "|---|---|---|"]
    for name, body in blocks("variable", (folder / "variables.tf").read_text()):
        default = value("default", body)
        shown = "**needed**" if default is None else "–" if default in ("null", '""', "[]", "{}") else f"`{default}`"
        lines.append(f"| `{name}` | {value('description', body)[1:-1]} | {shown} |")
    lines += ["", "| output | what |", "|---|---|"]
    for name, body in blocks("output", (folder / "outputs.tf").read_text()):
        lines.append(f"| `{name}` | {value('description', body)[1:-1]} |")
    return "\n".join(lines) + "\n"


def main():
    write = sys.argv[1:2] == ["--write"]
    stale = []
    for folder in map(pathlib.Path, sys.argv[2 if write else 1:]):
        file = folder / "README.md"
        text = file.read_text()
        before, rest = text.split(MARKS[0])
        _, after = rest.split(MARKS[1])
        fresh = before + MARKS[0] + tables(folder) + MARKS[1] + after
        if fresh != text and not write:
            stale.append(str(file))
        elif fresh != text:
            file.write_text(fresh)
    if stale:
        sys.exit("stale tables, run deploy/check/readme.py --write: " + ", ".join(stale))


main()

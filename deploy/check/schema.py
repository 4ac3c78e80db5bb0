#!/usr/bin/env python3
"""Reads the schemas of the resources that *.tf files use out of the @cdktf/provider-* packages.

schema.py NODE_MODULES DIR…    prints {"aws": {"resources": {TYPE: BLOCK}, "data": {…}}, …}; fails for a type that a provider doesn't have

BLOCK = {"attributes": {NAME: {"type", "required", "given"}}, "blocks": {NAME: {"nesting", "block"}}}
"""

import json
import pathlib
import re
import sys

CDKTF = {"aws": "provider-aws", "google": "provider-google", "azurerm": "provider-azurerm"}
SIMPLE = {"string": "string", "number": "number", "boolean": "bool"}


def kebab(name):
    return name.replace("_", "-")


def hcl_fields(code):
    """What one toHclTerraform function or synthesizeHclAttributes method says of its fields."""
    pattern = r"(\w+): \{\s*value: .*?isBlock: (true|false),\s*type: \"(\w+)\",\s*storageClassType: \"(\w+)\",?\s*\}"
    return {name: (block == "true", kind, of) for name, block, kind, of in re.findall(pattern, code, re.S)}


def wire_type(kind, of):
    if of in SIMPLE:
        return SIMPLE[of]
    element = next((wire for word, wire in SIMPLE.items() if of.startswith(word)), None)
    if element is None:
        return "dynamic"
    if of.endswith("Map"):
        return ["map", element]
    return [kind if kind in ("list", "set") else "list", element]


class Library:
    def __init__(self, folder):
        self.code = "".join(file.read_text() for file in sorted(folder.glob("index*.js")))
        self.types = "".join(file.read_text() for file in sorted(folder.glob("index*.d.ts")))

    def interface(self, name):
        """The names of an interface's members, each with whether it must be given."""
        match = re.search(r"export interface %s(?: extends [\w.]+)? \{\n(.*?)\n\}" % name, self.types, re.S)
        return {snake: not optional for snake, optional in re.findall(r"#(\w+) [^\n]*\n(?:[^\n]*\*[^\n]*\n)*?\s+readonly \w+(\??):", match[1])}

    def body(self, head):
        match = re.search(head + r".*?\n\}\n", self.code, re.S)
        return match[0] if match else ""

    def block(self, interface, fields, outputs):
        required = self.interface(interface)
        attributes, blocks = {}, {}
        for name, (is_block, kind, of) in fields.items():
            if not is_block:
                wire = wire_type(kind, of)
                attributes[name] = {"type": wire, "required": required.get(name, False), "given": True}
                continue
            # A list of at most one block is "struct" or a list of a class; both are a list on the wire, which takes one block as well.
            part = of[:-4] if of.endswith("List") else of
            nested = self.struct(part)
            nesting = "set" if kind == "set" else "single" if name == "timeouts" else "list"
            blocks[name] = {"nesting": nesting, "block": nested, "required": required.get(name, False)}
        for how, name in re.findall(r"this\.get(\w+)Attribute\('(\w+)'\)", outputs):
            if name not in attributes and name not in blocks:
                wire = {"String": "string", "Number": "number", "Boolean": "bool", "List": ["list", "string"], "StringMap": ["map", "string"]}.get(how, "dynamic")
                attributes[name] = {"type": wire, "required": False, "given": False}
        return {"attributes": attributes, "blocks": blocks}

    def struct(self, name):
        function = name[0].lower() + name[1:] + "ToHclTerraform"
        fields = hcl_fields(self.body(r"function %s\(struct\)" % function))
        if not fields:
            return {"attributes": {}, "blocks": {}}
        return self.block(name, fields, self.body(r"class %sOutputReference " % name))

    def top(self, kind):
        match = re.search(r"class (\w+) extends cdktf\.Terraform%s \{.*?\n\}\n" % kind, self.code, re.S)
        return self.block(match[1] + "Config", hcl_fields(match[0]), match[0])


def main():
    modules, folders = pathlib.Path(sys.argv[1]), sys.argv[2:]
    found, missing = {}, []
    for folder in folders:
        text = "".join(file.read_text() for file in sorted(pathlib.Path(folder).glob("*.tf")))
        for keyword, full in sorted(set(re.findall(r'^(resource|data) "(\w+)"', text, re.M))):
            provider, short = full.split("_", 1)
            name = ("data-" if keyword == "data" else "") + full if keyword == "data" else short
            library = modules / "@cdktf" / CDKTF[provider] / "lib" / kebab(name)
            if not library.is_dir():
                missing.append(f"{folder}: {keyword} {full}")
                continue
            which = "resources" if keyword == "resource" else "data"
            place = found.setdefault(provider, {"resources": {}, "data": {}})[which]
            place[full] = Library(library).top("Resource" if keyword == "resource" else "DataSource")
    if missing:
        sys.exit("no such type: " + ", ".join(missing))
    json.dump(found, sys.stdout, indent=1, sort_keys=True)


main()

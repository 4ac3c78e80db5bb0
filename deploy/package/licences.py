#!/usr/bin/env python3
"""The licences of everything that is linked into the program: licences.py > THIRD-PARTY-LICENCES

From `cargo metadata` and the crates' own files; the same lock file gives the same bytes. Fails where a crate brings neither a licence's text
nor one of the well-known licences that another crate brings.
"""
import pathlib, re, sys

import graph

TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
NAMES = re.compile(r"^(li[cs]en[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def linked():
    """Packages of others, by name and version."""
    found = {}
    for target in TARGETS:
        found |= {(package["name"], package["version"]): package for package, _ in graph.linked(target).values() if package["source"]}
    return [found[key] for key in sorted(found)]


def texts(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(path for path in folder.iterdir() if path.is_file() and NAMES.match(path.name) and path.suffix != ".rs")
    # What a crate brings of C beside its Rust has its licence beside it.
    files += sorted(path for path in folder.glob("*/LICENSE") if path.is_file())
    return ["\n".join(line.rstrip() for line in path.read_text(errors="replace").splitlines()).strip() for path in files]


def main():
    packages = linked()
    users, standard = {}, {}
    for package in packages:
        own = texts(package)
        for text in own:
            users.setdefault(text, []).append(f"{package['name']} {package['version']}")
            if "Apache License" in text[:200]:
                standard.setdefault("Apache-2.0", text)
    for package in packages:
        if texts(package):
            continue
        options = re.findall(r"[A-Za-z0-9.-]+", package["license"] or "")
        text = next((standard[name] for name in options if name in standard), None)
        if text is None:
            sys.exit(f"{package['name']} {package['version']} ({package['license']}): no licence text; its authors: {package['authors']}")
        users[text].append(f"{package['name']} {package['version']}")
    print("auditseal is under the Apache License 2.0. Linked into it:\n")
    for package in packages:
        print(f"  {package['name']} {package['version']}: {package['license']}")
    for text, names in sorted(users.items(), key=lambda entry: entry[1]):
        print(f"\n{'=' * 100}\n{', '.join(names)}\n{'=' * 100}\n{text}")


main()

#!/usr/bin/env python3
"""The program's software bill of materials, CycloneDX 1.6 in JSON: sbom.py [--target TRIPLE] [--also NAME=VERSION…] > sbom.cdx.json

From `cargo metadata` and Cargo.lock: every crate that is linked in, with its checksum, licence and what it needs; the C libraries that crates
bring in their sources; Rust's own library. --also names what else is linked in (the C library of a static program). Macros and build scripts
run where it is built, and aren't in it. The same commit and compiler give the same bytes: the time is SOURCE_DATE_EPOCH's, and the serial number
is made from the rest.
"""
import argparse, datetime, json, os, pathlib, re, subprocess, sys, tomllib, uuid

import graph

TARGET = "x86_64-unknown-linux-gnu"
# Crates that bring a C library in their sources, and where its version stands: in the crate's own, or in a header.
BUNDLED = {
    "zstd-sys": ("zstd", "BSD-3-Clause", r"\+zstd\.(.+)$", None),
    "liblzma-sys": ("xz", "0BSD", r"LZMA_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", "xz/src/liblzma/api/lzma/version.h"),
}
OLD_EXPRESSIONS = re.compile(r" ?/ ?")  # crates.io took MIT/Apache-2.0 once


def expression(text):
    return [{"expression": OLD_EXPRESSIONS.sub(" OR ", text)}]


def checksums():
    lock = tomllib.loads((graph.ROOT / "Cargo.lock").read_text())
    return {(one["name"], one["version"]): one.get("checksum") for one in lock["package"]}


def bundled(package):
    """The C library in a crate, as a component; none if it brings none."""
    if package["name"] not in BUNDLED:
        return None
    name, licence, pattern, header = BUNDLED[package["name"]]
    text = (pathlib.Path(package["manifest_path"]).parent / header).read_text() if header else package["version"]
    version = ".".join(re.findall(pattern, text, re.M)[:3])
    if not version:
        sys.exit(f"{package['name']} {package['version']}: the version of its {name} can't be found")
    ref = f"pkg:generic/{name}@{version}"
    return {"type": "library", "bom-ref": ref, "name": name, "version": version, "purl": ref, "licenses": expression(licence)}


def component(package, checksum):
    name, version = package["name"], package["version"]
    # Ours isn't on crates.io: a purl of that kind would name somebody else's.
    ref = f"pkg:cargo/{name}@{version.replace('+', '%2B')}" if package["source"] else f"{name}@{version}"
    made = {"type": "library", "bom-ref": ref, "name": name, "version": version, "licenses": expression(package["license"])}
    if package["source"]:
        if not package["source"].startswith("registry+") or not checksum:
            sys.exit(f"{name} {version} comes from {package['source']}: only what the lock file has a checksum of can be vouched for")
        made |= {"purl": ref, "hashes": [{"alg": "SHA-256", "content": checksum}]}
        if package["repository"]:
            made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default=TARGET)
    parser.add_argument("--also", action="append", default=[])
    args = parser.parse_args()
    found, sums = graph.linked(args.target, macros=False), checksums()
    made = {at: component(package, sums.get((package["name"], package["version"]))) for at, (package, _) in found.items()}
    needs = {made[at]["bom-ref"]: [made[one]["bom-ref"] for one in below] for at, (_, below) in found.items()}
    root_id = next(at for at, (package, _) in found.items() if package["name"] == "auditseal-cli")
    root, components = made.pop(root_id), list(made.values())
    for package, _ in found.values():
        inside = bundled(package)
        if inside:
            components.append(inside)
            needs[f"pkg:cargo/{package['name']}@{package['version'].replace('+', '%2B')}"].append(inside["bom-ref"])
            needs[inside["bom-ref"]] = []
    rustc = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[1]
    for name, version in [("rust-std", rustc)] + [tuple(one.split("=", 1)) for one in args.also]:
        ref = f"pkg:generic/{name}@{version}"
        components.append({"type": "library", "bom-ref": ref, "name": name, "version": version, "purl": ref})
        needs[root["bom-ref"]].append(ref)
        needs[ref] = []
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "1")), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": root | {"type": "application", "name": "auditseal"},
            "properties": [{"name": "auditseal:target", "value": args.target}],
        },
        "components": sorted(components, key=lambda one: one["bom-ref"]),
        "dependencies": [{"ref": ref, "dependsOn": sorted(below)} for ref, below in sorted(needs.items())],
    }
    name = json.dumps(bom, sort_keys=True)
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"
    print(json.dumps(bom, indent=1, sort_keys=True, ensure_ascii=False))


main()

"""What is linked into the program, by `cargo metadata`: shared by licences.py and sbom.py."""
import json, pathlib, subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def built(target):
    """(name, version) of what `cargo tree` says is linked in. `cargo metadata` alone turns on what any crate of the workspace asks of another."""
    run = subprocess.run(["cargo", "tree", "--locked", "--package=auditseal-cli", "--edges=normal,no-proc-macro", f"--target={target}", "--prefix=none",
                          "--format={p}"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return {(line.split()[0], line.split()[1].removeprefix("v")) for line in run.stdout.splitlines()}


def linked(target, macros=True):
    """Id → (package, ids that it needs) of all that is reached from the program without the edges that are for building and testing alone.

    A macro and what it is made of run in the compiler: with macros=False they are left out, and what the program's own features don't ask for.
    """
    run = subprocess.run(["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", target], cwd=ROOT, check=True,
                         stdout=subprocess.PIPE)
    data = json.loads(run.stdout)
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    inside = None if macros else built(target)
    left_out = lambda i: inside is not None and (packages[i]["name"], packages[i]["version"]) not in inside
    found, todo = {}, [package["id"] for package in data["packages"] if package["name"] == "auditseal-cli"]
    while todo:
        at = todo.pop()
        if at in found:
            continue
        needs = sorted({dep["pkg"] for dep in nodes[at]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])})
        needs = [one for one in needs if not left_out(one)]
        found[at] = (packages[at], needs)
        todo += needs
    assert len(found) > 50, "the dependency graph can't be read"
    assert inside is None or len(found) == len(inside), "cargo tree and cargo metadata don't agree"
    return found

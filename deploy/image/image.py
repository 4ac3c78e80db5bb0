#!/usr/bin/env python3
"""Makes a container image from files alone, without an engine and without root: image.py OUT.tar NAME:TAG ARCH VERSION SOURCE=PATH… [PATH/…]

What ends in / is an empty folder. The first file is the program that a container of it runs.

The archive is an OCI layout and what `docker save` writes at once: `ctr images import`, `docker load`, `podman load`, `skopeo copy
oci-archive:` and `crane push` take it. The same input gives the same bytes: times are 0, owners root, names sorted, nothing is compressed.
"""
import hashlib, io, json, pathlib, sys, tarfile


def member(name, mode, data=None):
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.uid, info.gid = mode, 0, 0, 0
    info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
    info.size = len(data or b"")
    return info, io.BytesIO(data or b"")


def tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, mode, data in entries:
            archive.addfile(*member(name, mode, data))
    return out.getvalue()


def layer(files, empty):
    above = lambda path: map(str, pathlib.PurePosixPath(path).parents)
    folders = sorted({*empty, *(folder for path in [*files, *empty] for folder in above(path))} - {"."})
    programs = {path for path in files if "/bin/" in f"/{path}"}
    entries = [(f"{folder}/", 0o755, None) for folder in folders]
    return tar(sorted(entries + [(path, 0o755 if path in programs else 0o644, data) for path, data in files.items()], key=lambda e: e[0]))


def dump(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def main():
    out, name, arch, version, *pairs = sys.argv[1:]
    files, entry = {}, "/" + pairs[0].rpartition("=")[2].lstrip("/")
    empty = [pair.strip("/") for pair in pairs if pair.endswith("/")]
    for pair in (pair for pair in pairs if not pair.endswith("/")):
        source, _, path = pair.rpartition("=")
        files[path.lstrip("/")] = pathlib.Path(source).read_bytes()
    blobs = {}

    def blob(data, media):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{digest}", "size": len(data)}

    content = blob(layer(files, empty), "layer.v1.tar")
    config = blob(dump({
        "architecture": arch, "os": "linux", "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": [entry], "User": "65532:65532", "WorkingDir": "/", "Env": ["PATH=/usr/bin"],
            "Labels": {"org.opencontainers.image.title": entry.rpartition("/")[2], "org.opencontainers.image.version": version,
                       "org.opencontainers.image.licenses": "Apache-2.0"},
        },
        "rootfs": {"type": "layers", "diff_ids": [content["digest"]]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "deploy/image/image.py"}],
    }), "config.v1+json")
    manifest = blob(dump({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [content]}),
                    "manifest.v1+json")
    manifest |= {"platform": {"architecture": arch, "os": "linux"},
                 "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}}
    path = lambda one: "blobs/sha256/" + one["digest"].removeprefix("sha256:")
    entries = [("blobs/", 0o755, None), ("blobs/sha256/", 0o755, None)]
    entries += [(f"blobs/sha256/{digest}", 0o644, data) for digest, data in sorted(blobs.items())]
    entries += [
        ("index.json", 0o644, dump({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]})),
        ("manifest.json", 0o644, dump([{"Config": path(config), "RepoTags": [name], "Layers": [path(content)]}])),
        ("oci-layout", 0o644, dump({"imageLayoutVersion": "1.0.0"})),
    ]
    pathlib.Path(out).write_bytes(tar(entries))
    print(f"{name} {manifest['digest']}")


main()

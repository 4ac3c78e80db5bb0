"""Questions to an archive, beside who else answers them from the same files: `rg -z`, jq and DuckDB, as far as they are installed."""

import json
import shutil
import subprocess
import sys

from measure import run

ZSTD = "zstd -dcq"


def one_event(corpus):
    """A user and an auditID that the corpus has, from its midst."""
    with open(corpus, "rb") as file:
        file.seek(corpus.stat().st_size // 2)
        file.readline()
        event = json.loads(file.readline())
    return event["user"]["username"], event["auditID"]


def questions(corpus):
    """Name; what query is asked; the pattern that finds the same lines; the same for jq and for DuckDB."""
    user, audit_id = one_event(corpus)
    return [
        ("rare", ["networkpolicies", "--verb", "create"], '"verb":"create".*"objectRef":\\{"resource":"networkpolicies"',
         '.verb=="create" and .objectRef.resource=="networkpolicies"', "verb = 'create' AND \"objectRef\".resource = 'networkpolicies'"),
        ("frequent", ["--verb", "patch"], '"verb":"patch"', '.verb=="patch"', "verb = 'patch'"),
        ("one user", ["--user", user], f'"username":"{user}"', f'.user.username=="{user}"', f"\"user\".username = '{user}'"),
        ("one auditID", ["--audit-id", audit_id], f'"auditID":"{audit_id}"', f'.auditID=="{audit_id}"', f"\"auditID\" = '{audit_id}'"),
    ]


def duckdb():
    """Whether this interpreter has DuckDB."""
    return subprocess.run([sys.executable, "-c", "import duckdb"], capture_output=True, check=False).returncode == 0


def by_duckdb(files, where):
    columns = ("{kind: 'VARCHAR', auditID: 'VARCHAR', verb: 'VARCHAR', user: 'STRUCT(username VARCHAR)', "
               "objectRef: 'STRUCT(resource VARCHAR)'}")
    ask = (f"import duckdb; print(duckdb.sql(\"\"\"SELECT count(*) FROM read_json('{files}', format='newline_delimited', compression='zstd', "
           f"maximum_object_size=134217728, columns={columns}) WHERE kind = 'Event' AND {where}\"\"\").fetchall())")
    return [sys.executable, "-c", ask]


def measure(bench, place, corpus):
    """Each question in rounds; every program reads the same objects, and writes what it finds to nowhere."""
    archive = place / "archive"
    files = f"{archive}/cluster=bench/node=n/source=audit/date=*/*.zst"
    for name, asked, pattern, program, where in questions(corpus):
        cases = {
            f"query, {name}": lambda asked=asked: bench.read("query", place, *asked, "--all-stages", "--yes", "-o", "jsonl"),
            f"query, {name}, 1 core": lambda asked=asked: bench.read("query", place, *asked, "--all-stages", "--yes", "-o", "jsonl", cores=bench.cores[:1]),
        }
        if shutil.which("rg"):
            # 1: nothing was found.
            cases[f"rg -z, {name}"] = lambda pattern=pattern: run(["rg", "-zNI", "--no-ignore", "-g", "*.zst", pattern, str(archive)], codes=(0, 1))
            cases[f"rg -z, {name}, 1 core"] = lambda pattern=pattern: run(
                ["rg", "-zNI", "--no-ignore", "-g", "*.zst", pattern, str(archive)], codes=(0, 1), cores=bench.cores[:1])
        if shutil.which("jq") and name == "rare":
            cases[f"jq, {name}"] = lambda program=program: run(["sh", "-c", f"cat {files} | {ZSTD} | jq -c 'select({program})'"])
        if duckdb():
            cases[f"DuckDB, {name}"] = lambda where=where: run(by_duckdb(files, where))
        bench.rounds(cases, count=min(bench.options.rounds, 3))
    bench.table.questions(bench.series, [name for name, *_ in questions(corpus)], corpus.stat().st_size)

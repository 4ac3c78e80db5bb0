#!/usr/bin/env python3
"""SQL engines, each by its own client: duckdb, clickhouse (chdb), spark (pyspark), trino (a server at TRINO_URL, over HTTP).

    engines.py ENGINE story STORY [FOLDER]         the twelve questions of STORY/sql, at each level, against STORY/questions.json
    engines.py ENGINE same STORY FOLDER LOOSE PACKS   the same SQL over the objects in FOLDER/LOOSE and the packs in FOLDER/PACKS: rows, and seconds of each

FOLDER is what trino may read. Copies of the logs go there, for it reads folders only.
"""

import collections
import hashlib
import json
import os
import re
import shutil
import sys
import time
import urllib.request

LEVELS = ("metadata", "request", "requestresponse")


class DuckDB:
    def __init__(self):
        import duckdb

        self.database = duckdb.connect()

    def ask(self, statement):
        found = self.database.execute(statement)
        return [column[0] for column in found.description or ()], found.fetchall()


class ClickHouse:
    def __init__(self):
        import chdb.session

        self.session = chdb.session.Session()
        self.ask("CREATE DATABASE IF NOT EXISTS story")
        self.ask("USE story")

    def ask(self, statement):
        text = str(self.session.query(statement, "JSONCompact"))
        found = json.loads(text) if text.strip() else {"meta": [], "data": []}
        return [column["name"] for column in found["meta"]], found["data"]


class Spark:
    def __init__(self):
        from pyspark.sql import SparkSession

        settings = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.sql.session.timeZone": "UTC",
            "spark.log.level": "ERROR",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": os.path.join(os.environ.get("TMPDIR", "/tmp"), "warehouse"),
        }
        building = SparkSession.builder.master("local[2]")
        for name, value in settings.items():
            building = building.config(name, value)
        self.session = building.getOrCreate()

    def ask(self, statement):
        found = self.session.sql(statement)
        return found.columns, [tuple(row) for row in found.collect()]


class Trino:
    def __init__(self):
        self.url = os.environ["TRINO_URL"]
        self.headers = {"X-Trino-User": "e2e", "X-Trino-Catalog": "hive", "X-Trino-Schema": "story"}
        self.ask("CREATE SCHEMA IF NOT EXISTS hive.story")

    def ask(self, statement):
        request, columns, rows = urllib.request.Request(f"{self.url}/v1/statement", statement.encode(), self.headers), [], []
        while request:
            with urllib.request.urlopen(request, timeout=60) as answer:
                said = json.load(answer)
            if "error" in said:
                raise SystemExit(f"trino: {said['error']['message']}\n{statement}")
            columns = [column["name"] for column in said.get("columns", ())] or columns
            rows += said.get("data", ())
            request = said.get("nextUri")
        return columns, rows


ENGINES = {"duckdb": DuckDB, "clickhouse": ClickHouse, "spark": Spark, "trino": Trino}


def statements(path, files=""):
    """What stands between a file's semicolons. None of ours has one in a string."""
    with open(path, encoding="utf-8") as fh:
        text = re.sub(r"^--.*\n", "", fh.read(), flags=re.MULTILINE)
    return [one.replace("FILES", files) for one in text.split(";") if one.strip()]


def story(engine, name, folder, place):
    with open(f"{folder}/questions.json", encoding="utf-8") as fh:
        questions = json.load(fh)
    wrong = 0
    for level in LEVELS:
        files = os.path.abspath(f"{folder}/{level}.log")
        if name == "trino":
            os.makedirs(f"{place}/{level}", exist_ok=True)
            shutil.copy(files, f"{place}/{level}/audit.log")
            files = f"local:///{level}"
            engine.ask("DROP TABLE IF EXISTS lines")
        for statement in statements(f"{folder}/sql/{name}.sql", files) + statements(f"{folder}/sql/requests.sql"):
            engine.ask(statement)
        counts = []
        for question in questions:
            number = question["id"]
            columns, rows = engine.ask(statements(f"{folder}/sql/{number:02}.sql")[0])
            rows = [dict(zip(columns, row)) for row in rows]
            found = collections.Counter((row["answer"], row["audit_id"], row["stage"]) for row in rows)
            want = collections.Counter(
                (answer, one["auditID"], one["stage"]) for answer, key in (("yes", "levels"), ("unknown", "unknown")) for one in question[key][level]
            )
            if number == 4:  # SQL shows what changed: which of that is looser is for the reader to see
                good = not want - found if level == "requestresponse" else {one[1:] for one in want} <= {one[1:] for one in found}
            else:
                good = found == want
            counts.append(f"{found.total()}" + ("" if good else f" (WRONG: {want.total()})"))
            wrong += not good
            if not good:
                print(f"{name}, {level}, {number}: not found {dict(want - found)}, found {dict(found - want)}")
        print(f"{name:10} {level:15} {' '.join(counts)}")
    return 1 if wrong else 0


def place(name, folder, archive):
    """Where the objects of an archive are, in the words of each engine."""
    return {"trino": f"local:///{archive}", "spark": f"{folder}/{archive}/cluster=*/node=*/source=*/date=*/*.jsonl.zst"}.get(
        name, f"{folder}/{archive}/**/*.jsonl.zst"
    )


COLUMNS = "received, audit_id, stage, log_level, username, acting_as, source_ip, agent, verb, uri, code, message, length(request), length(response)"
ASKED = {
    "rows": f"SELECT {COLUMNS} FROM events ORDER BY 1, 2, 3, 13, 14",
    "users": "SELECT username, verb, count(*) FROM events GROUP BY username, verb ORDER BY 1, 2",
    "denied": "SELECT denied_by, resource, count(*) FROM requests WHERE denied_by <> '' GROUP BY denied_by, resource ORDER BY 1, 2",
}


def same(engine, name, story_folder, folder, archives):
    found = []
    for archive in archives:
        if name == "trino":
            engine.ask("DROP TABLE IF EXISTS lines")
        for statement in statements(f"{story_folder}/sql/{name}.sql", place(name, os.path.abspath(folder), archive)) + statements(
            f"{story_folder}/sql/requests.sql"
        ):
            engine.ask(statement)
        answers = {}
        for what, statement in ASKED.items():
            begin = time.monotonic()
            answer = engine.ask(statement)[1]
            seconds = time.monotonic() - begin
            answers[what] = (len(answer), hashlib.sha256(json.dumps([list(row) for row in answer]).encode()).hexdigest())
            print(f"{name:10} {archive:6} {what:6} {len(answer):6} rows {seconds:7.2f} s")
        found.append(answers)
    equal = all(answers == found[0] for answers in found)
    print(f"{name:10} {'the same rows' if equal else f'OTHER ROWS: {found}'}")
    return 0 if equal and found[0]["rows"][0] and found[0]["denied"][0] else 1


def main():
    name, what, folder, *rest = sys.argv[1:]
    engine = ENGINES[name]()
    if what == "same":
        return same(engine, name, folder, rest[0], rest[1:])
    return story(engine, name, folder, rest[0] if rest else None)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Twelve questions about a story's log, answered by jq.

    questions.py held QUESTIONS LOG TRUTH     jq's answers against what the players wrote down: TRUTH, of story.py
    questions.py record STORY                 STORY/questions.json, from the logs and programs below STORY
    questions.py recorded STORY               whether that is what STORY/questions.json has

An answer is "yes" or "unknown". At the level RequestResponse there is nothing unknown, and each question's answers are those of the truth; at
lower ones what is said is true, and what is true is said or unknown.
"""

import collections
import json
import os
import subprocess
import sys

LEVELS = ("metadata", "request", "requestresponse")
# What a level leaves open: of these questions and no others.
OPEN = {"Metadata": {1, 3, 4, 11, 12}, "Request": {1}, "RequestResponse": set()}

TOKEN = 2


def programs(folder):
    """(number, question, path) of each."""
    for name in sorted(os.listdir(folder)):
        if name.endswith(".jq") and name[:2].isdigit():
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as fh:
                yield int(name[:2]), fh.readline().removeprefix("# ").strip(), path


def ask(path, log):
    run = subprocess.run(["jq", "-c", "-s", "-L", os.path.dirname(path), "-f", path, log], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{path}: {run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def lines(path):
    with open(path, encoding="utf-8") as fh:
        return [json.loads(line) for line in fh]


def ids(rows):
    """By how many lines each: an audit id that a caller chose may stand for several requests."""
    return collections.Counter(row["auditID"] for row in rows)


def held(folder, log, truth):
    happened, events = lines(truth), lines(log)
    level, wrong = max((event["level"] for event in events), key=list(OPEN).index), []
    # Of every request of the players there is an event, apart from what the policy leaves out, and of each event there was a request.
    asked = ids(one for one in happened if not one["what"].split(" ")[-1].startswith(("/api?", "/apis?", "/openapi", "/version")))
    seen = collections.Counter(audit_id for audit_id, _ in {(event["auditID"], event["requestReceivedTimestamp"]) for event in events})
    if asked != seen:
        wrong.append(f"asked and not logged: {dict(asked - seen)}; logged and not asked: {dict(seen - asked)}")
    number = 0
    for number, question, path in programs(folder):
        answers = ask(path, log)
        yes, unknown = (ids(row for row in answers if row["answer"] == answer) for answer in ("yes", "unknown"))
        true = ids(one for one in happened if number in one["answers"])
        print(f"{number:2} {yes.total():3} answers, {unknown.total():3} unknown, {true.total():3} true  {question}")
        for words, some in (("said and not true", yes - true), ("true and not said", true - yes - unknown)):
            if some:
                wrong.append(f"{number}: {words}: {[(one['auditID'], one['who'], one['what'], one['code']) for one in happened if one['auditID'] in some]}")
        if not true or bool(unknown) != (number in OPEN[level]):
            wrong.append(f"{number}: {true.total()} true and {unknown.total()} unknown at {level}")
    if number != 12:
        wrong.append(f"{number} questions")
    print(*wrong, sep="\n")
    return 1 if wrong else 0


def recorded(story):
    """The text of questions.json."""
    questions = []
    for number, question, path in programs(os.path.join(story, "questions")):
        one = {"id": number, "question": question, "jq": os.path.relpath(path, story), "levels": {}, "unknown": {}}
        for level in LEVELS:
            answers = ask(path, os.path.join(story, f"{level}.log"))
            if number == TOKEN:
                # What a reader needs who can't join: the id that both the token's making and its use bear.
                one.setdefault("credential", {})[level] = answers[0]["credential"]
            for key, answer in (("levels", "yes"), ("unknown", "unknown")):
                one[key][level] = [{name: row[name] for name in ("line", "auditID", "stage")} for row in answers if row["answer"] == answer]
        questions.append(one)
    text = json.dumps(questions, indent=1)
    # An answer on a line.
    for name in ("line", "auditID", "stage"):
        text = text.replace(f'{{\n     "{name}"', f'{{"{name}"').replace(f',\n     "{name}"', f', "{name}"')
    return text.replace('"\n    }', '"}') + "\n"


def main():
    what, *rest = sys.argv[1:]
    if what == "held":
        return held(*rest)
    path = os.path.join(rest[0], "questions.json")
    with open(path, "w" if what == "record" else "r", encoding="utf-8") as fh:
        if what == "record":
            fh.write(recorded(rest[0]))
            return 0
        if fh.read() == recorded(rest[0]):
            return 0
    print(f"{path}: jq gives other answers")
    return 1


if __name__ == "__main__":
    sys.exit(main())

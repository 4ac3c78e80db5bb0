"""What a principal may do, by the policies and conditions as they were rendered: the little of each cloud's language that the modules use.

An operator, a function or a word that isn't known here is an error, never a yes.
"""

import fnmatch
import re


def as_list(value):
    return value if isinstance(value, list) else [value]


def like(pattern, text):
    return re.fullmatch("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern), text) is not None


def holds(operator, wanted, given):
    """An operator of AWS's; `given` is None where the request has no such key."""
    wanted = [str(value) for value in as_list(wanted)]
    match operator:
        case "Null":
            return wanted == ["true" if given is None else "false"]
        case "ArnNotLike" | "ArnNotEquals":
            return not any(like(pattern, given) for pattern in wanted)
        case "ArnLike" | "ArnEquals":
            return any(like(pattern, given) for pattern in wanted)
        case "StringEquals" | "Bool":
            return given in wanted
        case "NumericLessThanEquals":
            return given is not None and float(given) <= float(wanted[0])
    raise ValueError(f"unknown operator {operator}")


def applies(statement, action, resource, context):
    if set(statement) - {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}:
        raise ValueError(f"unknown elements in {statement}")
    if not any(like(pattern.lower(), action.lower()) for pattern in as_list(statement["Action"])):
        return False
    if not any(like(pattern, resource) for pattern in as_list(statement["Resource"])):
        return False
    tests = [(operator, key, wanted) for operator, keys in statement.get("Condition", {}).items() for key, wanted in keys.items()]
    return all(holds(operator, wanted, context.get(key)) for operator, key, wanted in tests)


def aws(identity, bucket, principal, action, resource, context):
    """Whether the identity's statements allow it and none denies it, the bucket's included."""
    context = {"aws:PrincipalArn": principal, "aws:SecureTransport": "true", **context}
    found = {s["Effect"] for s in [*identity, *bucket] if applies(s, action, resource, context)}
    return found == {"Allow"}


class Name(str):
    """The resource's name in a condition of Google's."""

    startsWith = str.startswith

    def extract(self, template):
        before, _, after = re.fullmatch(r"([^{]*)\{(\w+)\}([^}]*)", template).groups()
        rest = self.partition(before)
        inside, end, _ = rest[2].partition(after)
        return inside if rest[1] and end else ""


class Resource:
    def __init__(self, name):
        self.name = Name(name)


def google(expression, name):
    code = re.sub(r"!(?!=)", " not ", expression).replace("&&", " and ").replace("||", " or ").replace("true", "True")
    return bool(eval(code, {"__builtins__": {}}, {"resource": Resource(name)}))


def azure(condition, action, path):
    if condition is None:
        return True
    attribute = r"@Resource\[[\w./]+:path\]"
    code = re.sub(r"ActionMatches\{('[^']*')\}", r"action == \1", condition)
    code = re.sub(attribute + r" StringStartsWith ('[^']*')", r"path.startswith(\1)", code)
    code = re.sub(attribute + r" StringNotStartsWith ('[^']*')", r"not path.startswith(\1)", code)
    code = re.sub(attribute + r" StringNotLike ('[^']*')", r"not fnmatchcase(path, \1)", code)
    code = code.replace("!(", "not (").replace(" AND ", " and ").replace(" OR ", " or ")
    return bool(eval(code, {"__builtins__": {}}, {"action": action, "path": path, "fnmatchcase": fnmatch.fnmatchcase}))

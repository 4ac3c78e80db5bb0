# What the questions share. Input is the whole log: jq -c -s -L DIRECTORY -f NN.jq LOG
#
# An answer is "yes" or "unknown": unknown is what the level of the event doesn't tell. Never is something left out for that reason.

# Of each request the last stage. A caller may choose an audit id, and choose it twice: the time at which a request came sets those apart.
def rank: {RequestReceived: 0, ResponseStarted: 1, ResponseComplete: 2, Panic: 3}[.stage];
def requests: to_entries | map(.value + {line: (.key + 1)}) | group_by([.auditID, .requestReceivedTimestamp]) | map(max_by(rank)) | sort_by(.line);

def is($resource; $namespace; $name): .objectRef.resource == $resource and .objectRef.namespace == $namespace and .objectRef.name == $name and .objectRef.subresource == null;
def code: .responseStatus.code // 0;
def succeeded: code >= 100 and code < 400;
def writes: .verb | IN("create", "update", "patch", "delete", "deletecollection");
def logs_request: .level | IN("Request", "RequestResponse");
def logs_response: .level == "RequestResponse";

# Three values.
def known: if . then "yes" else "no" end;
def not3: {yes: "no", no: "yes", unknown: "unknown"}[.];
def all3: if index("no") then "no" elif index("unknown") then "unknown" else "yes" end;

# In the URI, but for a delete that has a body, as kubectl's have: there the body alone counts, and the URI may say what isn't so. An eviction may say
# it in either.
def in_uri: .requestURI | test("[?&]dryRun=All");
def dry_run:
  if .verb | IN("delete", "deletecollection") then
    if logs_request | not then "unknown" elif .requestObject then .requestObject.dryRun // [] | index("All") != null | known else in_uri | known end
  elif in_uri then "yes"
  elif .objectRef.subresource != "eviction" then "no"
  elif logs_request | not then "unknown"
  else .requestObject.deleteOptions.dryRun // [] | index("All") != null | known end;

# By whom a request was refused; null if it wasn't. Validating policies and webhooks choose the code themselves.
def denied_by:
  (.responseStatus.message // "") as $message
  | if code < 400 then null
    elif $message | test("ValidatingAdmissionPolicy '") then $message | capture("(?<by>ValidatingAdmissionPolicy '[^']*')").by
    elif $message | test("admission webhook \"") then $message | capture("(?<by>webhook \"[^\"]*\")").by
    elif $message | test("violates PodSecurity \"") then $message | capture("violates (?<by>PodSecurity \"[^\"]*\")").by
    elif $message | test("cannot impersonate resource") then "RBAC, impersonation"
    elif .annotations["authorization.k8s.io/decision"] == "forbid" then "RBAC"
    else null end;

# application/x-www-form-urlencoded, UTF-8.
def digit: if . >= 97 then . - 87 elif . >= 65 then . - 55 else . - 48 end;
def bytes: if length == 0 then [] elif .[0] == 37 then [(.[1] | digit) * 16 + (.[2] | digit)] + (.[3:] | bytes) else [if .[0] == 43 then 32 else .[0] end] + (.[1:] | bytes) end;
def characters:
  if length == 0 then []
  else (if .[0] < 128 then [1, .[0]] elif .[0] < 224 then [2, .[0] - 192] elif .[0] < 240 then [3, .[0] - 224] else [4, .[0] - 240] end) as [$n, $first]
  | [reduce .[1:$n][] as $byte ($first; . * 64 + $byte - 128)] + (.[$n:] | characters) end;
def decoded: explode | bytes | characters | implode;

# A patch's kind isn't logged: it's told from its body.
def kind:
  if .verb != "patch" then {update: "replace"}[.verb] // .verb
  elif logs_request | not then "patch of unknown kind"
  elif .requestObject | type == "array" then "JSON patch"
  elif (.requestObject | has("apiVersion") and has("kind")) and (.requestURI | test("[?&]fieldManager=")) then "apply"
  elif [.requestObject | .. | objects | keys[] | select(startswith("$"))] != [] then "strategic merge patch"
  else "merge patch, strategic or not" end;

# The object after a request, where the level tells, or follows from $before; else null.
def merged($patch):
  if ($patch | type) != "object" then $patch
  elif $patch["$patch"] == "replace" then $patch | del(.["$patch"])
  else reduce ($patch | to_entries[]) as $one (if type == "object" then . else {} end;
    if $one.value == null then del(.[$one.key]) else .[$one.key] = (.[$one.key] | merged($one.value)) end) end;
def pointer: split("/")[1:] | map(gsub("~1"; "/") | gsub("~0"; "~") | if test("^[0-9]+$") then tonumber else . end);
def patched($operations):
  reduce $operations[] as $one (.; ($one.path | pointer) as $path
    | if $one.op == "remove" then delpaths([$path])
      elif $path[-1] == "-" then setpath($path[:-1]; (getpath($path[:-1]) // []) + [$one.value])
      else setpath($path; $one.value) end);
def after($before):
  if logs_response then .responseObject
  elif logs_request | not then null
  elif .verb | IN("create", "update") then .requestObject
  elif $before == null then null
  elif .requestObject | type == "array" then .requestObject as $operations | $before | patched($operations)
  else .requestObject as $patch | $before | merged($patch) end;

def cite($answer): {answer: $answer, line, auditID, stage, at: .requestReceivedTimestamp[:19], user: .user.username}
  + (if .impersonatedUser then {as: .impersonatedUser.username} else {} end) + {verb, uri: .requestURI, code: code};
def answer($answer): select($answer != "no") | cite($answer);

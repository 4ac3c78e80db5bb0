# Who gave rights to themselves, by a binding or by a role that they already had?
include "story";
def at: "\(.objectRef.resource) \(.objectRef.namespace)/\(.objectRef.name)";
def mine($user): (.kind == "User" and .name == $user.username) or (.kind == "Group" and (.name | IN($user.groups[] | select(startswith("system:") | not))));
# What a binding refers to, as `at` says it.
def role($namespace): (.roleRef.kind | ascii_downcase) + "s \(if .roleRef.kind == "Role" then $namespace else null end)/\(.roleRef.name)";
def holds($role; $user; $objects): any($objects | to_entries[] | select(.key | test("^(cluster)?rolebindings ")) | .value;
  role(.metadata.namespace) == $role and any(.subjects[]?; mine($user)));
foreach (requests[] | select(.objectRef.apiGroup == "rbac.authorization.k8s.io" and .objectRef.subresource == null and writes and succeeded and dry_run != "yes")) as $one ({};
  ($one | at) as $at | .before = .objects[$at] | .before as $before | .now = ($one | after($before)) | .one = $one
  | if .now then .objects[$at] = .now else . end;
  .before as $before | .now as $now | .objects as $objects | .one | .user as $user | at as $at
  | (if .verb | IN("delete", "deletecollection") then "no"
     elif $now == null then "unknown"
     elif .objectRef.resource | endswith("bindings") then ($now.subjects // []) - ($before.subjects // []) | any(.[]; mine($user)) | known
     else ($now.rules // []) - ($before.rules // []) | length > 0 and holds($at; $user; $objects) | known end) as $it
  | answer($it) + {how: kind, what: $at})

# Who wrote to the Ingress web in shop, and what did it change?
include "story";
def leaves: [paths(scalars) as $path | {key: ($path | map(tostring) | join(".")), value: getpath($path)}] | from_entries;
def changes($old; $new):
  ($old | leaves) as $old | ($new | leaves) as $new
  | [($old + $new | keys)[] | select($old[.] != $new[.]) | "\(.): \($old[.] | tojson) -> \($new[.] | tojson)"];
foreach (requests[] | select(is("ingresses"; "shop"; "web") and writes and succeeded and dry_run != "yes")) as $one ({};
  .before = .now | .now as $before | .now = ($one | after($before)) | .one = $one;
  .now.spec as $new | .before.spec as $old
  | (if $new == null or $old == null then "unknown" else changes($old; $new) end) as $what
  | .one | answer(dry_run | not3) + {how: kind, what: (if .verb == "create" then "created" else $what end)})

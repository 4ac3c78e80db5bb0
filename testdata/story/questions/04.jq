# Who loosened the NetworkPolicy web in shop, and how?
include "story";
def types: .policyTypes // (["Ingress"] + if .egress then ["Egress"] else [] end);
def port: [.protocol // "TCP", .port // "any", .endPort // .port // "any"];
def allows: [(. // [])[] | ((.from // .to // []) | if . == [] then ["anyone"] else . end)[] as $peer | ((.ports // []) | if . == [] then ["any port"] else map(port) end)[] as $port | [$peer, $port]];
# What one spec lets through and the other didn't: rule by rule, and not by what the rules come to. Who is to find that out needs more than jq.
def loosened($old; $new):
  [if $new.podSelector.matchExpressions == $old.podSelector.matchExpressions and ($old.podSelector.matchLabels // {} | contains($new.podSelector.matchLabels // {})) then empty
   else "is about \($new.podSelector | tojson), not \($old.podSelector | tojson)" end,
   ("Ingress", "Egress") as $way | select($old | types | index($way))
   | if $new | types | index($way) | not then "\($way) isn't filtered any more"
     elif $old[$way | ascii_downcase] | allows | index([["anyone", "any port"]]) then empty
     else ($new[$way | ascii_downcase] | allows) - ($old[$way | ascii_downcase] | allows) | .[] | "\($way): \(.[0] | tojson) on \(.[1] | tojson)" end];
foreach (requests[] | select(is("networkpolicies"; "shop"; "web") and writes and succeeded and dry_run != "yes")) as $one ({};
  .before = .now | .now as $before | .now = ($one | after($before)) | .one = $one;
  .now.spec as $new | .before.spec as $old
  | if .one.verb == "create" then empty
    elif $new == null or $old == null then .one | answer("unknown") + {how: kind}
    else loosened($old; $new) as $how | .one | answer($how != [] | known) + {how: kind, what: $how} end)

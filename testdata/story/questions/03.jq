# What was denied, and then done by the same user in another way?
include "story";
def same($other): .verb == $other.verb and .user.username == $other.user.username and .objectRef.apiGroup == $other.objectRef.apiGroup
  and .objectRef.resource == $other.objectRef.resource and .objectRef.subresource == $other.objectRef.subresource
  # Of a create that wasn't authorized the log has no name.
  and ($other.objectRef.name == null or .objectRef.name == $other.objectRef.name);
requests as $all
| [$all[] | select(denied_by) as $denied | first($all[] | select(.line > $denied.line and succeeded and dry_run != "yes" and same($denied)))
   | answer(dry_run | not3) + {denied: $denied.auditID, by: ($denied | denied_by)}]
| unique_by(.line)[]

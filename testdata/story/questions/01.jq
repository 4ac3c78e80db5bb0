# Who deleted the NetworkPolicy db in payments?
include "story";
def of_a_collection($name):
  if .requestURI | test("fieldSelector=metadata\\.name%3D") then .requestURI | test("metadata\\.name%3D" + $name + "(&|$)") | known
  elif logs_response then [.responseObject.items[]?.metadata.name] | index($name) != null | known
  else "unknown" end;
requests[] | select(.objectRef.resource == "networkpolicies" and .objectRef.namespace == "payments" and succeeded)
| (if is("networkpolicies"; "payments"; "db") and .verb == "delete" then "yes"
   elif .verb == "deletecollection" then of_a_collection("db")
   else "no" end) as $it
| answer([$it, (dry_run | not3)] | all3)

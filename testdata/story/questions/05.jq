# Who read Secrets?
include "story";
requests[] | select(.objectRef.resource == "secrets" and (.verb | IN("get", "list", "watch")) and succeeded) | answer("yes")

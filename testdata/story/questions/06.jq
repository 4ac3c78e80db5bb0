# Which commands were run in which pods, and which were only tried?
include "story";
requests[] | select(.objectRef.resource == "pods" and .objectRef.subresource == "exec")
| answer("yes") + {pod: "\(.objectRef.namespace)/\(.objectRef.name)", command: [.requestURI | scan("[?&]command=([^&]*)") | .[0] | decoded]}

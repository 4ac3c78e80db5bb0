# What did the token do that Mallory had made for the service account shop/deployer?
include "story";
requests
| [.[] | select(.user.username == "mallory" and .objectRef.subresource == "token" and .objectRef.namespace == "shop" and .objectRef.name == "deployer" and succeeded)
   | .annotations["authentication.kubernetes.io/issued-credential-id"]] as $issued
| .[] | select(.user.extra["authentication.kubernetes.io/credential-id"] // [] | any(IN($issued[])))
| answer("yes") + {credential: .user.extra["authentication.kubernetes.io/credential-id"][0], from: .sourceIPs[-1], agent: .userAgent}

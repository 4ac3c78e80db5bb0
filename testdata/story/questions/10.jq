# What was done from 127.0.0.66, and by whom?
include "story";
# Only the last address is the apiserver's own knowledge: what stands before it is what a client said.
requests[] | select(.sourceIPs[-1] == "127.0.0.66") | answer("yes") + {agent: .userAgent}

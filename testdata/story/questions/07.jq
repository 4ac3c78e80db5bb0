# Who acted as whom?
include "story";
requests[] | select(.impersonatedUser) | answer("yes")

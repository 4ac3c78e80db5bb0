# What was denied, and by which policy?
include "story";
requests[] | denied_by as $by | select($by) | answer("yes") + {by: $by, message: .responseStatus.message}

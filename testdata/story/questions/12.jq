# What was a dry run only?
include "story";
requests[] | answer(dry_run)

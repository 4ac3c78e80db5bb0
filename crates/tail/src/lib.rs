//! Follows a rotated audit log: pure Follower, notify Watcher

//! A node and a server that stands in for a store, driven through the program alone.
#![allow(clippy::unwrap_used, reason = "a test's helper fails the test")]
#![allow(dead_code, reason = "shared by several test files, each using a part")]

use std::process::Command;

use auditseal_standin::{Bucket, Dialect, Fault, Keys, Retention, Server, World, time};

use crate::node::{Done, Node, events, finish, program};

/// A node, and a server with one bucket that locks for a day.
pub(crate) struct Lab {
    pub(crate) node: Node,
    pub(crate) server: Server,
}

pub(crate) const ORIGIN: &str = "prod/cp-1/audit";

impl Lab {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self::with(dialect, Self::locking(true))
    }

    /// A bucket that locks for a day whatever is put.
    pub(crate) fn locking(firm: bool) -> Bucket {
        let rule = Some(Retention { firm, until: time::DAY });
        Bucket { versioned: true, lockable: true, default: rule, ..Bucket::default() }
    }

    pub(crate) fn with(dialect: Dialect, bucket: Bucket) -> Self {
        let world = World::new(dialect, Keys::fresh().unwrap()).with("bucket", bucket);
        Self { node: Node::with(&events(0, 40)), server: Server::start(world).unwrap() }
    }

    /// From now on the server is like that, and in nothing else bad.
    pub(crate) fn becomes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.server.world().faults = faults.into_iter().collect();
    }

    pub(crate) fn at(&self, command: &mut Command, args: &[&str]) -> Done {
        finish(self.aimed(command).args(args))
    }

    /// The command, with this store.
    pub(crate) fn aimed<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let scheme = match self.server.world().dialect() {
            Dialect::Google => "gs",
            Dialect::Azure => "az",
            _ => "s3",
        };
        let store = format!("{scheme}://bucket/k8s");
        command.args(["--store", &store, "--endpoint", &self.server.endpoint()]);
        command.env("NO_PROXY", "127.0.0.1").envs(self.server.environment())
    }

    /// One object for each seq, in one version, all at their plain keys; how many.
    #[track_caller]
    pub(crate) fn count_once(&self) -> usize {
        let objects = self.server.world().buckets["bucket"].objects.clone();
        let seals = objects.iter().filter(|(key, _)| key.ends_with(".jsonl.zst"));
        let mut seqs = Vec::new();
        for (key, versions) in seals {
            let name = key.rsplit('/').next().unwrap().strip_suffix(".jsonl.zst").unwrap();
            seqs.push(name.parse::<usize>().unwrap_or_else(|_| panic!("another key: {key}")));
            assert_eq!(versions.len(), 1, "{key} was put twice");
        }
        seqs.sort_unstable();
        assert!(seqs.iter().copied().eq(0..seqs.len()), "{seqs:?}");
        seqs.len()
    }

    pub(crate) fn backfill(&self, args: &[&str]) -> Done {
        let mut command = self.node.bare("backfill");
        command.args(["--source", &format!("audit={}", self.node.shown("logs/audit.log"))]);
        self.at(&mut command, args)
    }

    pub(crate) fn read(&self, command: &str, args: &[&str]) -> Done {
        let mut program = program();
        program.args([command, "--origin", ORIGIN, "--vkey", &self.node.vkey]);
        self.at(&mut program, args)
    }

    pub(crate) fn ask(&self, command: &str, args: &[&str]) -> Done {
        self.at(program().arg(command), args)
    }

    /// What verify says, and that cat gives the log back all the same.
    pub(crate) fn verdict(&self) -> Done {
        assert!(self.read("cat", &[]).out == self.node.source(), "cat gives the log back");
        self.read("verify", &[])
    }
}

//! What stands below the flags in `--help`. Lines have at most 80 columns.

pub(crate) const PROGRAM: &str = "\
Examples:
  Make a key; keep the line it prints, auditors need it:
    auditseal keygen --name prod/cp-1 --out /etc/auditseal/key
  Archive what is there, once, into a directory:
    auditseal backfill --cluster prod --node cp-1 \\
      --source audit=/var/log/kubernetes/audit/audit.log \\
      --store file:///srv/archive --key /etc/auditseal/key \\
      --state /var/lib/auditseal
  Follow the log into a locked bucket:
    auditseal run --cluster prod --node cp-1 \\
      --source audit=/var/log/kubernetes/audit/audit.log \\
      --store s3://audit-archive/k8s --key /etc/auditseal/key \\
      --state /var/lib/auditseal
  Check the archive, and get the log back:
    auditseal verify --store s3://audit-archive/k8s \\
      --origin prod/cp-1/audit --vkey 'prod/cp-1+…'
    auditseal cat --store s3://audit-archive/k8s \\
      --origin prod/cp-1/audit --vkey 'prod/cp-1+…' > audit.log

  Prove one event of it to somebody who has no archive:
    auditseal prove --store s3://audit-archive/k8s \\
      --origin prod/cp-1/audit --vkey 'prod/cp-1+…' \\
      --line 4411:17 --out proof.txt
    auditseal check proof.txt --origin prod/cp-1/audit \\
      --vkey 'prod/cp-1+…'

  See whether bucket and node are fit for that:
    auditseal doctor --store s3://audit-archive/k8s \\
      --source audit=/var/log/kubernetes/audit/audit.log
    auditseal worm-test --store s3://audit-archive/worm-test

Exit codes:
  0  done; for verify: complete, nothing found
  1  verify, inspect and doctor: something was found;
     prove, check: not proved;
     status: not ready;
     cat: the archive can't give the log back;
     worm-test: the bytes could be changed or destroyed;
     query, history: something is wrong, or a chain has fallen silent;
     backfill, retire: a lock falls short of --require-retention
  2  couldn't be done or checked
  3  run, backfill, retire: another writer has this chain (a fork);
     restarting can't help;
     verify --trust, trust merge, query, history: two histories of a
     chain are known
  4  query --fail-if-none: there is none;
     history --compare: something differs that no request explains";

pub(crate) const KEYGEN: &str = "\
Example:
  auditseal keygen --name prod/cp-1 --out /etc/auditseal/key \\
    > auditseal.vkey

A key signs what its name says, and nothing else: make one for each node, with
the --cluster and --node that `run` has there. Keep the printed vkey apart from
the node: it is what `verify` and `cat` trust, for that node's chains.";

pub(crate) const PROVE_USAGE: &str = "\
auditseal prove [OPTIONS] --store <URL> --origin <C/N/SOURCE>
                       <--line <SEQ:LINE>|--audit-id <ID>> --out <FILE>";

pub(crate) const PROVE: &str = "\
Example:
  auditseal prove --store s3://audit-archive/k8s --trust trust.txt \\
    --origin prod/cp-1/audit --line 4411:17 --out proof.txt

The file has the event's bytes, where they stand, and the signed statement of
their seal. It tells nothing of other events but what docs/proofs.md says.
Hand it over with no key: whoever checks it has that from somebody they trust.

Exit codes:
  0  written, and checked
  1  the archive is at fault, so nothing was written
  2  couldn't be done: no such line, no such store, no trusted key";

pub(crate) const CHECK: &str = "\
Examples:
  auditseal check proof.txt --trust trust.txt
  auditseal check proof.txt --origin prod/cp-1/audit --vkey cp-1.vkey
  auditseal check proof.txt --trust trust.txt -o html > proof.html

Reads the proof and what it is held against, and nothing else: no archive, no
network. It says what is proved, and what isn't.

Exit codes:
  0  proved
  1  not proved: the file isn't what its signer signed, or isn't trusted
  2  couldn't be checked: nothing that was given is for its chain";

pub(crate) const PACK: &str = "\
Example:
  auditseal pack --store s3://audit-archive/k8s --trust trust.txt \\
    --auditor-key auditor.key --pack-state /var/lib/auditseal-pack

Verifies what isn't packed yet, puts the same signed text into large objects
below --packs, and signs for each what was found. What is done is what is
attested there: run it again whenever you like. It needs to read the archive
and to put packs, and neither trusts nor forgets anything: trust file and heads
file stay as they are.

Make the key with `keygen --name CLUSTER/auditor`, and add a line
'auditor CLUSTER VKEY' to the trust file: verify and cat read packs that such a
key attests, beside the objects or in their place.

Exit codes: 0 done; 1 something was found, and what is proved is packed all the
same; 2 something couldn't be done.";

pub(crate) const FORWARD: &str = "\
Examples:
  auditseal forward --store s3://audit-archive/k8s --trust trust.txt \\
    --sink 'opensearch+https://logs.example:9200/k8s-audit?ca=/etc/ca.pem' \\
    --sink 'loki+http://loki:3100?max-event=250kB' \\
    --forward-state /var/lib/auditseal-forward
  auditseal forward --store s3://audit-archive/k8s --trust trust.txt \\
    --sink file:///srv/audit.jsonl --forward-state state --once

Runs beside the cluster, and needs to read the archive alone. Each seal is
proved before its events are handed over; what isn't proved stops its chain,
and no other. OpenSearch and files have each event exactly once, whatever
happens to this process; other sinks at least once. What a sink refuses is in
NAME.refused.jsonl in --forward-state, with its reason and where it stands in
the archive. docs/forward.md says what each sink needs.

  auditseal forward check --store s3://audit-archive/k8s --trust trust.txt \\
    --sink 'opensearch+https://logs.example:9200/k8s-audit' --since 7d

Exit codes of --once, and of check:
  0  all of it was handed over; the sink has as many
  1  a sink refused events, or what comes next in a chain isn't proved; the
     sink has more or fewer
  2  couldn't be done";

pub(crate) const PUBKEY: &str = "\
Example:
  auditseal pubkey --key /etc/auditseal/key > auditseal.vkey";

pub(crate) const RUN_USAGE: &str = "\
auditseal run --cluster <NAME> --node <NAME> --source <NAME=PATH>...
       --store <URL> --key <FILE> --state <DIR> [OPTIONS]";

pub(crate) const RUN: &str = "\
Example:
  auditseal run --cluster prod --node cp-1 \\
    --source audit=/var/log/kubernetes/audit/audit.log \\
    --store s3://audit-archive/k8s --key /etc/auditseal/key \\
    --state /var/lib/auditseal

--listen serves metrics and health; `auditseal status` shows them.

On SIGTERM or SIGINT it seals what is there, uploads it and exits, within ten
seconds: what isn't uploaded by then is in the state directory, and goes out
after the next start. On SIGHUP it reads certificates, credentials and the log
level again (--environment), and says what changed and what needs a restart.

Before the chain's first object of this start is followed by another, the store
must refuse to put over one: else it ends with exit code 2, unless
--allow-overwrite-store is given. A lock that falls short of
--require-retention is an error in the log, and no reason to stop.

Several sources, each a chain of its own: repeat --source, or separate them by
spaces in the environment:
  AUDITSEAL_SOURCE='audit=/var/log/a/audit.log aggregated=/var/log/b/audit.log'";

pub(crate) const BACKFILL_USAGE: &str = "\
auditseal backfill --cluster <NAME> --node <NAME> --source <NAME=PATH>...
       --store <URL> --key <FILE> --state <DIR> [OPTIONS]";

pub(crate) const BACKFILL: &str = "\
Example:
  auditseal backfill --cluster prod --node cp-1 \\
    --source audit=/var/log/kubernetes/audit \\
    --store file:///srv/archive --key /etc/auditseal/key \\
    --state /var/lib/auditseal

Prints one line per source: what was sealed, and the head for `verify --head`.

It runs at nice 10 and with idle I/O priority, and has the kernel drop what it
read from the page cache. --rate-limit and --jobs 1 spare the machine more.

With --require-retention the exit code is 1 when a lock falls short of it, 2
when one couldn't be checked; everything is stored all the same.";

pub(crate) const STATUS: &str = "\
Examples: on the node, then from elsewhere, for a script:
  auditseal status
  auditseal status --url http://cp-1.example:9478 -o json | jq .reasons

Exit code 0 when the agent is ready, 1 when it isn't, 2 when it couldn't be
asked. On a terminal it goes on until Ctrl-C; --once for the exit code.";

pub(crate) const RETIRE_USAGE: &str = "\
auditseal retire --cluster <NAME> --node <NAME> --source <NAME=PATH>...
       --store <URL> --key <FILE> --state <DIR> [OPTIONS]";

pub(crate) const RETIRE: &str = "\
Example: stop the agent, then, on the node:
  auditseal retire --cluster prod --node cp-1 \\
    --source audit=/var/log/kubernetes/audit/audit.log \\
    --store s3://audit-archive/k8s --key /etc/auditseal/key \\
    --state /var/lib/auditseal

Archives what is left of the log and seals `final`: `verify` then expects
nothing more of the chain. The log's directory must exist, the log needn't:
files that were not read to their end are sealed as gaps. With an empty state
directory it goes on from the store, and says so in a reanchor. A chain that
isn't there is an error. An agent that is started again goes on behind it.";

pub(crate) const VERIFY: &str = "\
Examples:
  auditseal verify --store s3://audit-archive/k8s \\
    --origin prod/cp-1/audit --vkey auditseal.vkey
  Demand too that the store keeps every object locked for a year:
    auditseal verify --store s3://audit-archive/k8s \\
      --origin prod/cp-1/audit --vkey auditseal.vkey --require-retention 365d
  From a seal that is known on, after what lies before it has expired:
    auditseal verify --store s3://audit-archive/k8s \\
      --origin prod/cp-1/audit --vkey auditseal.vkey --from SEQ:HASH

  All chains that a trust file names, and remember how far they were verified:
    auditseal verify --store s3://audit-archive/k8s \\
      --trust audit.trust --heads audit.heads

Looks at every version of every object: what a delete marker covers (HIDDEN)
or a newer version (SHADOWED) is found, and `cat` gives its true bytes back.

Exit code 0 only when everything is there and nothing was found, 1 with
findings, 2 when it couldn't be checked; with --trust, 3 when two histories of
a chain are known.";

pub(crate) const TRUST: &str = "\
Examples: a first trust file, and then, each day:
  auditseal trust init … --origin prod/cp-1/audit --vkey cp-1.vkey > audit.trust
  auditseal verify … --trust audit.trust --heads audit.heads

The trust file is policy: people write it, and keep it under version control.
The heads file is memory: `verify` moves it on. Keep both away from the bucket
and the nodes: whoever may write to them can make a false history COMPLETE.";

pub(crate) const TRUST_INIT_USAGE: &str = "\
auditseal trust init --store <URL> --origin <C/N/SOURCE>...
       --vkey <VKEY|FILE>... [OPTIONS]";

pub(crate) const TRUST_INIT: &str = "\
Example:
  auditseal trust init --store s3://audit-archive/k8s \\
    --origin prod/cp-1/audit --origin prod/cp-2/audit \\
    --vkey cp-1.vkey --vkey cp-2.vkey --require-retention 400d > audit.trust

Nothing that the store says is trusted: keys come from --vkey. Which key is
trusted for which chain, and its SHA-256, stands on standard error, and so do
chains that the store has and nobody named. Nothing is written if a chain has no
key, or several.";

pub(crate) const TRUST_SHOW: &str = "\
Example:
  auditseal trust show --trust audit.trust --heads audit.heads";

pub(crate) const TRUST_ACCEPT_USAGE: &str = "\
auditseal trust accept --trust <FILE> --origin <C/N/SOURCE>
       (<VERDICT> <SEQ:HASH> <REASON> | --begin <SEQ:HASH>)
       auditseal trust accept --trust <FILE> --heads <FILE>
       --attestation <FILE>...";

pub(crate) const TRUST_ACCEPT: &str = "\
Examples: hashes are those of `ls -o json`:
  auditseal trust accept --trust audit.trust --origin prod/cp-1/audit \\
    SOURCE_GAP SEQ:HASH 'disk replaced, ticket 7' > new.trust
  auditseal trust accept --trust audit.trust --origin prod/cp-1/audit \\
    --begin SEQ:HASH > new.trust
  auditseal trust diff audit.trust new.trust

The trust file itself isn't changed, and its remarks stay.

With --attestation the heads file moves on as if this run had verified what the
auditor did, if the trust file names them, and if the head that is known is the
seal right before what is attested:
  auditseal trust accept --trust audit.trust --heads audit.heads \\
    --attestation 000000000001-000000017280-9b1c….note

Exit code 1 where a head stays because it can't be joined or something was
found, 3 for a fork.";

pub(crate) const TRUST_DIFF: &str = "\
Example:
  auditseal trust diff audit.trust new.trust

Exit code 0 when both say the same, 1 when they don't.";

pub(crate) const TRUST_MERGE: &str = "\
Examples:
  auditseal trust merge heads.0 heads.1 heads.2 > audit.heads
  auditseal trust merge --into audit.heads heads.0 heads.1 heads.2

Of each chain the head that is further on is kept, and all forks. Exit code 3
when two files know different seals of one seq.";

pub(crate) const CAT: &str = "\
Examples:
  auditseal cat --store s3://audit-archive/k8s --origin prod/cp-1/audit \\
    --vkey auditseal.vkey > audit.log
  auditseal cat --store s3://audit-archive/k8s --origin prod/cp-1/audit \\
    --vkey auditseal.vkey --since 2026-11-21 --until 2026-11-21T12:00:00Z
  What can be proved of an archive that was damaged:
    auditseal cat --store s3://audit-archive/k8s --origin prod/cp-1/audit \\
      --vkey auditseal.vkey --salvage --report unproved.txt > audit.log

Every byte is verified before it is written; what a delete marker or a newer
version covers is read by its version id. A file without a last line break is
given back so: the next file's first line goes on in the same line, and a
warning says how many there are. Exit code 1 when the archive can't give the
log back, 2 when it couldn't be read.";

pub(crate) const QUERY: &str = "\
Examples:
  Who deleted this NetworkPolicy?
    auditseal query networkpolicies/web -n prod --verb delete \\
      --store s3://audit-archive/k8s --trust trust.txt
  What did this token do in the last week, by verb?
    auditseal query --user 'system:serviceaccount:ci:*' --since 7d \\
      --top verb --store s3://audit-archive/k8s --trust trust.txt
  What was denied to whom, as JSON?
    auditseal query --code 403 --since 2026-11-21 -o json \\
      --store s3://audit-archive/k8s --trust trust.txt
  Anything else, in CEL:
    auditseal query secrets --filter 'user.username != \"admin\"' \\
      --store s3://audit-archive/k8s --trust trust.txt

Types have the names that kubectl knows; one that isn't built in is given with
its group, widgets.example.com. Without -n all namespaces are searched. Of a
request the line of its last stage counts. Each event is told with the batch
and the line where it is sealed, ORIGIN SEQ:LINE.

Events come in the order of time, as far as they were sealed within a minute
of it; requests that were under way at the end come last. Below the answer
stands what it rests on: what was searched, what is altered and left out, and
of how many events it can't be told, for their level was too low.

Exit codes:
  0  answered, and all that was searched is proved
  1  something is wrong: it is named, and what isn't proved is left out; or a
     chain ends before the time that was asked for is over (SILENT), as in
     verify: with --until before its end that isn't asked
  2  couldn't be answered, or not to the end; with --fail-if-none, none was
     found, and of some events it can't be told, gaps are known, or packs
     aren't read
  3  two histories of a chain are known
  4  with --fail-if-none: answered and proved, and there is none";

pub(crate) const QUERY_FLOWS: &str = "\
Examples:
  What was kept from the database in the last day?
    auditseal query flows --to 'shop/db-*' --verdict denied --since 1d \\
      --store s3://audit-archive/k8s --trust trust.txt
  Which pods of a namespace went out to the world, and where to?
    auditseal query flows --from 'shop/*' --direction egress --port 443 \\
      --store s3://audit-archive/k8s --origin prod/w-1/flows --trust trust.txt

A flow is a line of a log that `run --source-format` archived. Its format is told
by the line and by how its chain is dated. What a line doesn't tell (most logs
know addresses and no pods) is unknown, and never no: such lines are counted
below the answer, and --unknown lists them. docs/flows.md says what each log
tells.

Exit codes: as `query`.";

pub(crate) const HISTORY: &str = "\
Examples:
  Who changed this NetworkPolicy, and what did that open?
    auditseal history networkpolicies/web -n prod \\
      --store s3://audit-archive/k8s --trust trust.txt
  From what to what, since Monday?
    auditseal history deploy/api -n shop --since 2026-11-30 --diff \\
      --store s3://audit-archive/k8s --trust trust.txt
  What was it on Sunday at noon?
    auditseal history ingress/web -n shop --at 2026-11-29T12:00 \\
      --store s3://audit-archive/k8s --trust trust.txt
  Was anything changed past the API server?
    kubectl get netpol -A -o yaml | auditseal history netpol --compare - \\
      --store s3://audit-archive/k8s --trust trust.txt
  What did the network block after each change?
    auditseal history netpol/web -n prod --with-flows \\
      --store s3://audit-archive/k8s --trust trust.txt
  A page to read in a browser, and to print:
    auditseal history netpol/web -n prod -o html > web.html \\
      --store s3://audit-archive/k8s --trust trust.txt

Each change says how well it is known. exact: the log holds the object before
and after, and proves that this request made the one of the other. inferred:
it follows from what the log holds, and what is missing for a proof is said.
unknown: it can't be told, and why: most often the level of the audit policy.

Each entry names the chain, the batch and the line where it is sealed. Below
stands what the answer rests on, as with query.

Exit codes:
  0  answered, and all that was searched is proved
  1  something is wrong: it is named, and what isn't proved is left out; or a
     chain ends before the time that was asked for is over (SILENT)
  2  couldn't be answered, or not to the end; with --at, what it was isn't
     known; with --compare, nothing differs, and not all of that is proved
  3  two histories of a chain are known
  4  with --compare: answered and proved, and something differs that no request
     in the trail explains";

pub(crate) const NETPOL: &str = "\
Example:
  auditseal netpol suggest -n shop --since 7d \\
    --store s3://audit-archive/k8s --trust trust.txt > shop.yaml
  auditseal netpol replay shop.yaml --since 1d \\
    --store s3://audit-archive/k8s --trust trust.txt

docs/flows.md says what each log tells, and what it doesn't.";

pub(crate) const NETPOL_REPLAY: &str = "\
Examples:
  What would these policies have stopped in the last week?
    auditseal netpol replay policies/*.yaml --since 7d \\
      --store s3://audit-archive/k8s --trust trust.txt
  Fail a pipeline where they would stop anything:
    kubectl kustomize . | auditseal netpol replay - --fail-if-blocked \\
      --store s3://audit-archive/k8s --trust trust.txt
  The log has no labels (Antrea, OVN-Kubernetes): take those that pods have now?
    kubectl get pods,namespaces -A -o yaml > objects.yaml
    auditseal netpol replay shop.yaml --objects objects.yaml --objects-at 0s \\
      --store s3://audit-archive/k8s --trust trust.txt

All policies are taken together, as if there were no others: what another policy
lets through passes all the same. Of each peer and port it says what would become
of it, how many lines there are, and where the first is sealed, ORIGIN SEQ:LINE.
What the log doesn't tell (labels, whose an address is, which way a connection
began) is unknown, with the reason. What was stopped already stands apart: of it
nobody knows what would have followed.

What --objects tell in its place has the file behind it. A pod counts from a
minute after it was created until a minute before the file was written.

Exit codes: as `query`; with --fail-if-blocked 4 where they would stop
something, or might, and 2 where that can't be told: no line is for them, or
there are lines that are no flows.";

pub(crate) const NETPOL_SUGGEST: &str = "\
Example:
  auditseal netpol suggest -n shop --since 7d \\
    --store s3://audit-archive/k8s --trust trust.txt > shop.yaml
  kubectl apply --dry-run=server -f shop.yaml
The log has no labels: take those that pods have now.
  kubectl get pods,namespaces -A -o yaml > objects.yaml
  auditseal netpol suggest -n shop --objects objects.yaml --objects-at 0s \\
    --store s3://audit-archive/k8s --trust trust.txt > shop.yaml

Pods are told apart by their labels, without those that controllers give to each.
Above each rule stands how many lines ask for it, and where the first are sealed.
What asks for no rule is said at the top and below; MISSING is what the policies
would stop, for the log doesn't tell whom to let in. A policy isolates its pods
only in directions in which they were seen.

Exit codes: as `query`; 4 where no rule can be made.";

pub(crate) const LS: &str = "\
Examples:
  auditseal ls --store s3://audit-archive/k8s --origin prod/cp-1/audit
The keys that an engine reads, each seq's true object once:
  auditseal ls --store s3://audit-archive/k8s --origin prod/cp-1/audit \\
    --vkey auditseal.vkey -o paths
  auditseal ls --store s3://audit-archive/k8s --trust trust.txt -o paths

Shows what the seals say; `verify` is what checks them.";

pub(crate) const INSPECT: &str = "\
Example: the keys are those of `ls -o json`:
  auditseal ls --store file:///srv/archive -o json | jq -r .key
  auditseal inspect --store file:///srv/archive \\
    cluster=prod/node=cp-1/source=audit/date=2026-11-21/000000000000.jsonl.zst

Exit code 1 when something in the object doesn't hold.";

pub(crate) const DOCTOR_USAGE: &str = "\
auditseal doctor [--store <URL>]... [--source <NAME=PATH>]... [OPTIONS]";

pub(crate) const DOCTOR: &str = "\
Example:
  auditseal doctor --store s3://audit-archive/k8s --require-retention 365d \\
    --source audit=/var/log/kubernetes/audit/audit.log \\
    --policy /etc/kubernetes/audit-policy.yaml
  An audit policy for this cluster, and what it would cost and leave out:
    auditseal doctor --suggest-policy \\
      --on /var/log/kubernetes/audit/audit.log > audit-policy.yaml

One line for each check, pass, warn, fail or ???? (couldn't be checked), and
below it why it matters, what would help, and the command for it.

It changes nothing. Where there is a chain it puts its first object once more,
with the same bytes and on condition that it isn't there, as the agent does at
each start: a store that honours the condition refuses.

Exit code 0 when all pass or warn, 1 when any fails, 2 when something without
which nothing can be said couldn't be checked. With --suggest-policy the policy
is written all the same: 1 when values of Secrets or tokens lie in the log now,
2 when a part of it couldn't be read; without any event there is none.";

pub(crate) const WORM_TEST: &str = "\
Examples: with the agent's credentials, then with an administrator's:
  auditseal worm-test --store s3://audit-archive/worm-test
  eval \"$(aws configure export-credentials --profile admin --format env)\"
  auditseal worm-test --require-retention 365d \\
    --store s3://audit-archive/worm-test

It puts one object under a random key, auditseal-worm-test/…/canary, and tries
to overwrite, hide and destroy it with all that the credentials allow. After
each attempt its bytes are read back by version. No other object is touched.
A canary that is locked stays until its lock ends, under a legal hold until
somebody lifts it. Where the agent locks or encrypts each object by --retention,
--legal-hold, --sse and the like, give the same here: the canary is put as a
batch is. A day is enough as --retention.

AWS_PROFILE isn't read: it alone would leave the agent's credentials in use.

Exit code 0 when its bytes are safe, 1 when they could be changed or destroyed
or its lock is less than required, 2 when that couldn't be tried or told.";

pub(crate) const COMPLETIONS: &str = "\
Examples: for all users of bash, and for oneself in zsh and fish:
  auditseal completions bash > /usr/share/bash-completion/completions/auditseal
  auditseal completions zsh > \"${fpath[1]}/_auditseal\"
  auditseal completions fish > ~/.config/fish/completions/auditseal.fish

The packages bring those of bash, zsh and fish with them.";

pub(crate) const MAN: &str = "\
Example:
  auditseal man --out target/man && man -l target/man/auditseal-verify.1";

# What there is to run. `make help` lists it.
SHELL := /bin/bash
CARGO ?= cargo
# Prints where cargo builds: the user's own configuration may say.
TARGET_DIR := CARGO="$(CARGO)" crates/e2e/target-dir.sh

.PHONY: help demo test check limits bench bench-check e2e e2e-node torture sim soak vectors deploy-check deb rpm image reproduce deny
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## build, archive the sample logs into a local archive, verify, restore, tamper
	$(CARGO) build --release --locked -p auditseal-cli
	crates/e2e/demo.sh "$$($(TARGET_DIR))/release/auditseal"

test: ## all tests that need no server; with verify.py's Python packages, also its times against the program's, and the vectors of indexes by another program
	$(CARGO) test --workspace --locked --no-fail-fast
	$(CARGO) test --workspace --locked --features auditseal-cli/failpoints --test sigkill --test failpoints --test service
	! python3 -c 'import blake3, cryptography, zstandard' 2>/dev/null || crates/e2e/times.sh 3
	! python3 -c 'import blake3' 2>/dev/null || python3 crates/index/index.py testdata/index testdata/rollups

check: ## formatting, lints, documentation, licences and origins of crates, and, with Python, lists of sabotages: all warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	$(CARGO) metadata --locked --format-version 1 --manifest-path crates/e2e/fuzz/Cargo.toml >/dev/null
	$(CARGO) test --locked -q -p auditseal-tidy supply::
	! command -v python3 >/dev/null || { crates/tail/tests/mutants.sh --check && crates/agent/tests/mutants.sh --check; }

limits: ## docs/limits.md: every bound, from the sources and crates/tidy/bounds.toml
	AUDITSEAL_PAGE=write $(CARGO) test --locked -q -p auditseal-tidy bounds::

deb: ## the Debian package, in target/package
	deploy/package/build.sh deb target/package

rpm: ## the RPM package, in target/package
	deploy/package/build.sh rpm target/package

image: ## the container image as a tar, in target/image; needs no engine: make image IMAGE=registry.example.internal/auditseal:0.1.0
	@mkdir -p target/image
	deploy/image/build.sh target/image/auditseal.tar $(IMAGE)

reproduce: ## packages and image twice, from folders that have nothing in common, and compared: make reproduce KINDS="deb image"
	deploy/release/reproduce.sh $(KINDS)

deny: ## cargo-deny: licences, bans, sources and advisories, by deny.toml; builds it once
	deploy/release/deny.sh

bench: ## the whole program beside zstd, one table; then each stage by itself. about 17 minutes, 8 GB of disk; needs zstd and Python
	benches/run.py $(BENCH)
	$(CARGO) bench --locked -p auditseal-bench

bench-check: ## instruction counts of fixed small inputs against benches/instructions.txt; needs valgrind
	benches/check.sh

deploy-check: ## Terraform modules, policies, chart, guardrails and manifests, without a cloud; needs Go, Node, npm and Python; builds gator and Kyverno's CLI
	deploy/check.sh
	deploy/check/helm.sh
	deploy/check/release.sh
	deploy/check/guardrails.sh

e2e: ## real servers: kube-apiserver, S3, Azure, GCS, Prometheus; needs Go, Node, Java and Python (it checks)
	crates/e2e/run.sh all

e2e-node: ## a real node (kubelet, containerd, Helm) and a real systemd; needs root
	crates/e2e/node.sh

torture: ## a log at 20,000 events/s while auditseal is killed, refused and out of disk; about 4 minutes
	crates/e2e/run.sh torture

sim: ## the whole agent under a seeded scheduler: make sim SEED=7 RUNS=1 TRACE=1
	AUDITSEAL_SEED=$(or $(SEED),1) AUDITSEAL_RUNS=$(or $(RUNS),200) $(if $(TRACE),AUDITSEAL_TRACE=1) $(CARGO) test --locked -q -p auditseal-agent --lib -- sim::every sim::hostil --nocapture

soak: ## what takes longer than a test may, some hours; each part to its end, and a table of them: make soak SOAK="followers fuzz"
	crates/e2e/soak.sh $(SOAK)

vectors: ## make the test vectors and the worked example in FORMAT.md again
	$(CARGO) run --locked -q -p auditseal-vectors --bin vectors -- testdata/vectors testdata/proofs testdata/rollups

# make demo   simulated panels, a month of history played in fast, and whmeter on SQLite
# make test   the gate: format, clippy, dependencies, every test; installs what the tests need
# make test-real  the backends against servers that are too heavy for the gate: a whole OpenStack of Debian's packages
# make deny   licences, bans and sources of every dependency (deny.toml); advisories too with ADVISORIES=yes
# make bench  the figures of docs/benchmarks.md
# make sim    SEEDS=n YEARS=n SEED=first: whole worlds made of seeds, against an oracle (docs/simulation.md)
# make bless  rewrites the golden files and docs/configuration.md, after a look at the difference
# make release  the optimised binary, target/release/whmeter
# make deb    a package for Debian and Ubuntu, dist/whmeter_*.deb
# make image  a container image whmeter:latest, by docker or buildah
# make dist   all that is handed out, in dist/: the package, the static program, and their checksums
# make test-packages  the package on a Debian of its own, the image in a root of its own; needs root and half an hour

CARGO ?= cargo
export WHMETER_REVISION ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

.PHONY: demo help test prepared test-real test-packages fmt lint deny tools bench sim bless release deb static image dist

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

demo:
	$(CARGO) build --locked --workspace --bins
	target/debug/demo --whmeter target/debug/whmeter

release:
	$(CARGO) build --locked --release --bin whmeter

# REVISION is Debian's, for packages of one version that differ.
REVISION ?= 1
deb: release .tools/bin/cargo-deb
	packaging/generate.sh target/release/whmeter dist/generated
	PATH="$(CURDIR)/.tools/bin:$$PATH" $(CARGO) deb --no-build --locked --deb-revision $(REVISION) --output dist/

.tools/bin/cargo-deb:
	$(CARGO) install --quiet --locked --debug --root .tools cargo-deb@3.8.0

static:
	packaging/static.sh

image: static
	packaging/container/rootfs.sh
	packaging/container/build.sh

dist: deb static
	cd dist && sha256sum whmeter_*.deb static/whmeter > SHA256SUMS

test-packages: dist
	tests/tools.sh packages
	packaging/lint-deb.sh dist/whmeter_*-1_*.deb
	$(CARGO) build --locked -p whmeter-simulators --bin simulate
	$(MAKE) deb REVISION=2
	packaging/try-deb.sh dist/whmeter_*-1_*.deb dist/whmeter_*-2_*.deb target/debug/simulate
	packaging/container/rootfs.sh
	packaging/container/try.sh target/debug/simulate

# The two months of the truth test are mostly waiting: they are played beside everything else.
test: fmt prepared deny
	. .tools/env && $(CARGO) test --locked --workspace --no-run && \
	{ $(CARGO) test --locked --test truth & truth=$$!; \
	  $(CARGO) test --locked --workspace -- --skip two_months_of_kills_and_faults; others=$$?; \
	  wait $$truth && exit $$others; }

# Needs Debian and root once, for the packages. It listens on loopback alone and stops what it started.
test-real:
	tests/tools.sh real
	. .tools/env && WHMETER_OPENSTACK_REAL=1 $(CARGO) test --locked --test openstack_real -- --nocapture

# Packages are waited for while clippy computes.
prepared:
	@$(MAKE) -j4 lint tools

fmt:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

# The list of advisories is a repository on GitHub, which is not reachable from everywhere.
deny: tools
	@. .tools/env && if [ -x .tools/bin/cargo-deny ]; \
	then $(CARGO) deny --locked check licenses bans sources $(if $(ADVISORIES),advisories); fi

# Real servers and clients: MinIO, mc, promtool, Prometheus, Alertmanager, amtool. A tool that cannot be
# had is named, and its tests skip; under CI that is an error.
tools:
	tests/tools.sh

bench:
	$(CARGO) bench --locked

SEEDS ?= 20
YEARS ?= 1
SEED ?= 1
sim:
	@$(CARGO) build --locked --quiet --workspace --profile sim --example sim
	@SEEDS=$(SEEDS) YEARS=$(YEARS) SEED=$(SEED) DAYS=$(DAYS) FEATURES=$(FEATURES) STORY=$(STORY) PLAYS=$(PLAYS) \
		$${CARGO_TARGET_DIR:-target}/sim/examples/sim

bless:
	BLESS=1 $(CARGO) test --locked --test exposition
	BLESS=1 $(CARGO) test --locked --test documents reference

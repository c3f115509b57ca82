# The two commands of a newcomer are `make demo` and `make test`.
# `make check` and `make unit` are the inner loop.

GO       ?= go
DEMO     := ./internal/lab/demo
# The second module: tests on real engines, and what they need beside us.
E2E      := e2e
FUZZTIME ?= 20s
SOAK     ?= 30m
# What of the benchmark; `go run ./bench/stream -h` tells.
BENCH    ?=
# For example E2EFLAGS='-v -run TestRun/6.8'; E2EFLAGS=-race for the journeys' own
# goroutines.
E2EFLAGS ?=
# How many journeys run at once: each takes 1.5 GB.
JOURNEYS ?= 4

# Tools are pinned here and run from the module cache: none is in go.mod.
GOLANGCI    := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.8.0
# Builds with the Go of go.mod; releases are made by goreleaser's own binary of
# the same or a later version, which reads the same file.
GORELEASER  := $(GO) run github.com/goreleaser/goreleaser/v2@v2.16.0

.DEFAULT_GOAL := help
.PHONY: help
help: ## show these targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  %-12s %s\n", $$1, $$2 }'

.PHONY: build
build: ## build bin/esferry
	$(GO) build -trimpath -ldflags '-s -w' -o bin/esferry ./cmd/esferry

.PHONY: demo
demo: ## move live indices between two real clusters and compare both sides (needs a JDK and Maven)
	$(GO) run $(DEMO)

.PHONY: stage
stage: ## the demo's two clusters and its live writer, for you to ferry: docs/tutorial.md
	$(GO) run $(DEMO) -stay

.PHONY: test
test: ## everything, real engines included: what CI runs
	$(MAKE) -j 2 unit search
	$(MAKE) e2e

.PHONY: unit
unit: ## tests without engines, under a minute
	$(GO) test -race ./...
	$(GO) test -count=1 -run 'Million|TenThousand' ./internal/reconcile ./internal/ferry

.PHONY: search
search: ## search every history of the protocol's model: half a minute
	$(GO) test ./internal/model

.PHONY: model
model: ## search the protocol's model to larger bounds: ten minutes, one core, three GB
	MODEL=deep $(GO) test -count=1 -timeout 60m -v ./internal/model

.PHONY: e2e
e2e: ## tests on real engines (needs a JDK and Maven)
	$(MAKE) -j 2 e2e-rooms e2e-journey

# What runs in the tests' own processes.
.PHONY: e2e-rooms
e2e-rooms:
	cd $(E2E) && $(GO) test -race -count=1 -timeout 80m -p 1 $(E2EFLAGS) $$($(GO) list ./... | grep -v /journey$$)

# The journeys' subject is a process of its own, which they build with the race
# detector in it; in the tests beside it, which compare and count, the detector
# would take a fifth of the time. An engine waits as much as it computes.
.PHONY: e2e-journey
e2e-journey:
	cd $(E2E) && $(GO) test -count=1 -timeout 80m -parallel $(JOURNEYS) $(E2EFLAGS) ./journey

.PHONY: soak
soak: ## follow a source for long under faults, and watch memory, goroutines, handles and scrolls (SOAK=30m)
	cd $(E2E) && SOAK=$(SOAK) $(GO) test -count=1 -timeout 24h -v -run TestSoak ./journey

.PHONY: chaos
chaos: ## show how each fault of the list is survived, and write docs/reliability.md (about as long as make e2e)
	$(GO) run ./internal/lab/chaos -page docs/reliability.md

.PHONY: mutants
mutants: ## plant bugs into the code, one at a time: a test has to find each (five minutes)
	$(GO) run ./internal/lab/chaos -only ^mutants/

.PHONY: bench
bench: ## measure esferry beside its peers and the engines' own limit (BENCH='-part logs -only esferry,limit,scroll' is short)
	$(GO) run ./bench/stream $(BENCH)

.PHONY: golden
golden: ## write help texts and messages as they are now into e2e/golden, to be read in the diff
	cd $(E2E) && $(GO) test -count=1 -run TestScripts ./golden -update

.PHONY: bench-copy
bench-copy: ## measure repo copy beside rclone, between two S3 gateways (two minutes)
	$(GO) run ./bench/copy

.PHONY: bench-verify
bench-verify: ## measure verify beside bare scrolls of both sides (needs a JDK and Maven)
	$(GO) run ./bench/verify

.PHONY: fuzz
fuzz: ## run each fuzz target for a while (FUZZTIME=20s)
	@grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . \
		| sed -E 's,^(\./.*)/[^/]+:func (.*),\1 \2,' | sort \
		| while read -r dir target; do \
			echo "$$dir $$target"; \
			(cd "$$dir" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) . </dev/null) || exit 1; \
		done

.PHONY: check
check: tidy-check fmt-check lint archtest vuln ## all that needs no engine and no test run

.PHONY: tidy-check
tidy-check: ## fail when go.mod or go.sum is not what the code needs
	$(GO) mod tidy -diff
	cd $(E2E) && $(GO) mod tidy -diff

.PHONY: fmt
fmt: ## format both modules
	$(GOLANGCI) fmt

.PHONY: fmt-check
fmt-check: ## fail when a file is not formatted
	$(GOLANGCI) fmt --diff

.PHONY: lint
lint: ## run the linters over both modules
	$(GOLANGCI) run ./...
	cd $(E2E) && $(GOLANGCI) run ./...

.PHONY: archtest
archtest: ## check imports, goroutines and sizes
	$(GO) test ./internal/archtest

.PHONY: vuln
vuln: ## look both modules up in the Go vulnerability database (needs the network)
	$(GOVULNCHECK) ./...
	cd $(E2E) && $(GOVULNCHECK) -test ./...

# What packages carry beside the binary. The pages are of the commit's date.
.PHONY: dist/share
dist/share: build
	rm -rf $@ && mkdir -p $@/completions
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) bin/esferry man $@/man
	for shell in bash zsh fish; do bin/esferry completion $$shell >$@/completions/esferry.$$shell || exit 1; done

.PHONY: package
package: ## make archives, deb and rpm in dist/release, publish nothing (the first time builds goreleaser: ten minutes)
	$(GORELEASER) release --snapshot --clean --skip=ko,sbom

.PHONY: changelog
changelog: ## move .changes/unreleased into CHANGELOG.md (VERSION=v0.1.0)
	$(GO) run ./internal/changelog release $(VERSION)

.PHONY: clean
clean: ## remove what was built; cached engines stay
	rm -rf bin dist

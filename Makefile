GO      ?= go
BIN     ?= bin
TIMEOUT ?= 40m
# The linters have a go.mod of their own, so that relay's names what relay uses.
TOOL    := $(GO) tool -modfile=tools/go.mod
# The race detector needs a C compiler, and Go turns cgo off where there is none.
RACE    := $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)
# Property tests that run far more random histories without the race detector,
# which makes each several times slower.
LAWS    := ./app/...
# What misspell reads; testdata holds texts of others.
TEXTS   := '*.go' '*.md' '*.sql' '*.html' '*.yml' Makefile .ci/run ':!:**/testdata/**'

# Where lines are held to 140 characters. Tests stay out: tables of cases are read
# by their columns.
WRAPPED := '*.go' ':!:*_test.go'

# rowserrcheck wants rows checked where they are queried. This file passes them on
# to Watermill, which checks them.
PASSED_ON := /logstore/transaction.go:

.DEFAULT_GOAL := help

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## one static binary, bin/relay
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/relay ./cmd/relay

run: build ## serve, with an embedded Postgres unless RELAY_DATABASE_URL names another
	exec $(BIN)/relay serve

test: ## all tests, on real Postgres: under the race detector, then the laws on more histories without it
	$(GO) test $(RACE) -timeout $(TIMEOUT) ./...
ifneq ($(RACE),)
	$(GO) test -timeout $(TIMEOUT) $(LAWS)
endif

quick: ## all tests without the race detector
	$(GO) test -timeout $(TIMEOUT) ./...

clients: ## Segment's own libraries for JavaScript, which the tests send with, and axe (needs npm)
	npm ci --prefix cmd/relay/testdata/clients

docs: ## docs/cli.md and docs/sql.md, from the help texts and the comments in the database
	$(GO) test ./cmd/relay -run 'Document$$' -update

fuzz: ## each fuzz target for FUZZTIME (default 30s)
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs grep -oHE '^func Fuzz[A-Za-z]+' | sed 's/:func /:/'); do \
		$(GO) test -run '^$$' -fuzz "^$${target##*:}$$" -fuzztime $${FUZZTIME:-30s} ./$$(dirname $${target%%:*}) || exit 1; \
	done

bench: build ## relay and its peers side by side (CALLS=1000000,10000000 MEASURES=ingest,overload,soak SOAK=10m)
	$(GO) run ./cmd/bench

screenshots: build ## a picture of each page of the console, into docs/screenshots (needs Chromium)
	$(GO) run ./cmd/screenshots

lint: ## gofmt, vet and the linters of tools/go.mod
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	@git ls-files -- $(WRAPPED) | xargs awk 'length > 140 { print FILENAME ":" FNR ": longer than 140 characters"; long = 1 } END { exit long }'
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) go-errorlint ./...
	$(TOOL) sqlclosecheck ./...
	@out=$$($(TOOL) rowserrcheck ./... 2>&1); status=$$?; \
	if [ $$status = 3 ]; then out=$$(echo "$$out" | grep -v -e '^go: ' -e '$(PASSED_ON)'); [ -n "$$out" ] || status=0; fi; \
	[ -z "$$out" ] || echo "$$out"; exit $$status
	$(TOOL) unparam ./...
	@git ls-files -- $(TEXTS) | xargs $(TOOL) misspell -error

vulns: ## known vulnerabilities in what is used
	$(TOOL) govulncheck ./...

clean: ## remove what make made (not the data in .relay)
	rm -rf $(BIN) cmd/relay/testdata/clients/node_modules

.PHONY: help build run test quick clients docs fuzz bench screenshots lint vulns clean

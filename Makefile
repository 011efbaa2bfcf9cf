GO      ?= go
BIN     ?= bin
TIMEOUT ?= 40m
TOOLS   := $(BIN)/tools

.DEFAULT_GOAL := help

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## one static binary, bin/relay
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/relay ./cmd/relay

run: build ## serve, with an embedded Postgres unless RELAY_DATABASE_URL names another
	exec $(BIN)/relay serve

test: ## all tests, on real Postgres
	$(GO) test -timeout $(TIMEOUT) ./...

race: ## all tests under the race detector
	$(GO) test -race -timeout $(TIMEOUT) ./...

clients: ## Segment's own libraries for JavaScript, which the tests send with, and axe (needs npm)
	npm ci --prefix cmd/relay/testdata/clients

fuzz: ## each fuzz target for FUZZTIME (default 30s)
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs grep -oHE '^func Fuzz[A-Za-z]+' | sed 's/:func /:/'); do \
		$(GO) test -run '^$$' -fuzz "^$${target##*:}$$" -fuzztime $${FUZZTIME:-30s} ./$$(dirname $${target%%:*}) || exit 1; \
	done

bench: build ## relay and its peers side by side (CALLS=1000000,10000000 MEASURES=ingest,overload,soak SOAK=10m)
	$(GO) run ./cmd/bench

screenshots: build ## a picture of each page of the console, into docs/screenshots (needs Chromium)
	$(GO) run ./cmd/screenshots

lint: ## vet, staticcheck, gofmt
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

vulns: ## known vulnerabilities in what is used
	$(GO) tool govulncheck ./...

clean: ## remove what make made (not the data in .relay)
	rm -rf $(BIN) cmd/relay/testdata/clients/node_modules

.PHONY: help build run test race clients fuzz bench screenshots lint vulns clean

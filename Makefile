# kgo's targets. `make demo` and `make test` need only Go and make; the rest say what they need.
GO            ?= go
GOLANGCI_LINT ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BIN           := bin/kgo
VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS       := -s -w -X github.com/kgo-project/kgo/commands.version=$(VERSION)
PLATFORMS     := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
export CGO_ENABLED ?= 0

.PHONY: build test race sim sim-replica soak faults clocks lint tidy cross interop demo demo-acks walkthrough bench bench-tools man tidy clean

build: ## one static binary: bin/kgo
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/kgo

test: ## every test that needs nothing but Go, with the invariants' assertions on
	$(GO) test -timeout 20m -tags invariants ./...

race: ## the same under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -timeout 20m -race -tags invariants ./...

sim: ## simulate the metadata quorum: SEED=n replays one history with a trace, RUNS=n tries that many
	$(GO) test -tags invariants -count=1 -v -run TestSeeds ./broker/quorum/quorumsim -seed=$(or $(SEED),0) -runs=$(or $(RUNS),1000)

sim-replica: ## simulate replication: SEED=n replays one history with a trace, RUNS=n tries that many
	$(GO) test -tags invariants -count=1 -timeout 2h -v -run 'TestSimulation$$' ./broker/replica -sim.seed=$(or $(SEED),0) -sim.runs=$(or $(RUNS),3000)

soak: ## kill a node and damage its files, over and over: KGO_SOAK_ROUNDS=100 kills, KGO_FAULT_SEED repeats the choices
	$(GO) test -tags invariants,slow -count=1 -timeout 1h -v -run TestSoak ./broker/brokertest

faults: ## the fault tests of a cluster of real processes, RUNS (20) times; KGO_FAULT_SEED repeats the choices of one run
	$(GO) test -tags invariants -count=$(or $(RUNS),20) -timeout 2h -v -run 'TestClusterFaults|TestZombieLeader|TestRollingRestart|TestEnsembleLosesNothing' ./broker/brokertest

clocks: ## wall clocks that jump, in a cluster of processes whose clocks can be set (builds Go's library anew: minutes the first time)
	$(GO) test -tags invariants,slow -count=1 -timeout 20m -v -run TestWallClockJumps ./broker/brokertest

lint: ## golangci-lint
	$(GOLANGCI_LINT) run ./...

cross: ## every platform kgo is released for
	@for p in $(PLATFORMS); do echo "build $$p"; GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -trimpath -o /dev/null ./cmd/kgo || exit 1; done

INTEROP_FILES := $(shell grep -rl --include='*_test.go' '^//go:build interop' .)
INTEROP_TESTS := $(shell grep -ho '^func Test[A-Za-z0-9_]*' $(INTEROP_FILES) /dev/null | sed 's/func //' | sort -u | paste -sd'|' -)

interop: build ## real clients and tools beside kgo: KGO_PYTHON names a python with confluent-kafka and kafka-python, KAFKA_LAB_CMD a launcher of Apache Kafka
	$(GO) test -tags interop -count=1 -timeout 30m -v -run '^($(INTEROP_TESTS))$$' $(sort $(dir $(INTEROP_FILES)))

demo: build ## starts a cluster, creates a topic, produces, consumes, shows LAG, stops
	@./testdata/demo.sh $(BIN)

demo-acks: build ## what acks 0, 1 and all risk: kills leaders under a producer and counts what was acknowledged and is lost
	@./testdata/demo-acks.sh $(BIN)

walkthrough: ## run every command of docs/walkthrough.md and of testdata/seeds, and compare what it prints; UPDATE=-update writes it instead
	$(GO) test -tags slow -count=1 -timeout 15m -run 'TestWalkthrough|TestSeeds' ./docs $(UPDATE)

bench: build ## kgo beside Apache Kafka (KAFKA_LAB_CMD), writes docs/performance.md
	$(GO) run ./cmd/kgo-bench -kgo $(BIN) -o docs/performance.md

bench-tools: build ## kgo's tools on a cluster of three with 10,000 topics, 50,000 partitions and 5,000 groups: time, processor time, memory
	$(GO) run ./cmd/kgo-bench -kgo $(BIN) -lab '' -only tools -rounds 1 $(BENCH_FLAGS)

man: ## the manual pages of all commands, in man/
	$(GO) run ./cmd/kgo man-pages man

bench-controller: ## three coordinators with simulated brokers: KGO_SCALE_TOPICS (1000) topics of 100 partitions, failover, loading, memory
	$(GO) test -tags slow -count=1 -timeout 20m -v -run TestControllerAtScale ./broker/brokertest

tidy:
	$(GO) mod tidy
	$(GO) fix ./...

clean:
	rm -rf bin dist man

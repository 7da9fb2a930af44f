# kgo's targets. `make demo` and `make test` need only Go and make; the rest say what they need.
GO      ?= go
BIN     := bin/kgo
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/kgo-project/kgo/commands.version=$(VERSION)
export CGO_ENABLED ?= 0

.PHONY: build test race lint tidy cross demo clean

build: ## one static binary in bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/kgo

test: ## all tests that need nothing but Go
	$(GO) test -tags invariants ./...

race: ## the same under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -tags invariants ./...

tidy:
	$(GO) mod tidy
	$(GO) fix ./...

clean:
	rm -rf bin dist

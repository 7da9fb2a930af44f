package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	coordinatorTimeout = 5 * time.Second // for one coordinator's answer
	maxDump            = 1 << 20
)

// brokersBehind asks coordinators for the brokers' addresses, as clients of old asked ZooKeeper: by the four-letter word dump, which lists the ephemeral
// nodes. An address where something else listens is taken for a broker's own.
func brokersBehind(ctx context.Context, coordinators []string) ([]string, error) {
	var failed error
	for _, addr := range coordinators {
		dump, err := fourLetterWord(ctx, addr, "dump")
		if err != nil {
			failed = errors.Join(failed, &UnreachableError{Address: addr, Step: stepConnect, Coordinator: true, Err: err})
			continue
		}
		if !strings.Contains(dump, "Sessions with Ephemerals") {
			return coordinators, nil
		}
		var brokers []string
		for line := range strings.Lines(dump) {
			if node, broker, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && strings.HasPrefix(node, "/brokers/ids/") {
				brokers = append(brokers, broker)
			}
		}
		if len(brokers) == 0 {
			return nil, fmt.Errorf("the coordinator at %s knows of no broker that is alive: start one with zookeeper.connect=%s", addr, addr)
		}
		return brokers, nil
	}
	if joined, ok := failed.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) == 1 {
		return nil, joined.Unwrap()[0]
	}
	return nil, failed
}

// fourLetterWord asks what ZooKeeper's monitoring asks. A peer that hangs up at it is no coordinator: its answer is empty.
func fourLetterWord(ctx context.Context, addr, word string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, coordinatorTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, word); err != nil {
		return "", err
	}
	answer, _ := io.ReadAll(io.LimitReader(conn, maxDump)) // what came before an error is the answer
	return string(answer), nil
}

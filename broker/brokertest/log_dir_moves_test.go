package brokertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Partitions move between log directories while they are written, and the node is killed in the middle: nothing that was acknowledged is lost,
// the moves end, and each partition is in one place.
func TestKilledWhilePartitionsMoveBetweenDirectories(t *testing.T) {
	rnd := seeded(t)
	dirs := []string{t.TempDir(), t.TempDir()}
	p := startProcess(t, dirs)
	w := startWorkload(t, p, 2, 1)
	admin := kadm.NewClient(p.client())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seenFuture := false
	for round := range 3 {
		to := dirs[round%2]
		moved := describedDirs(ctx, t, admin)
		for left := moved.topics; len(left) > 0; {
			var req kadm.AlterReplicaLogDirsReq
			req.Add(to, left)
			answers, err := admin.AlterAllReplicaLogDirs(ctx, req)
			if err != nil {
				t.Fatal(err)
			}
			left = nil
			answers.Each(func(r kadm.AlterReplicaLogDirsResponse) {
				switch {
				case errors.Is(r.Err, kerr.UnknownTopicOrPartition) || errors.Is(r.Err, kerr.ReplicaNotAvailable): // the broker has just started
					left.Add(r.Topic, r.Partition)
				case r.Err != nil:
					t.Errorf("moving %s-%d to %s: %v", r.Topic, r.Partition, r.Dir, r.Err)
				}
			})
		}
		seenFuture = describedDirs(ctx, t, admin).futures > 0 || seenFuture
		<-time.After(time.Duration(rnd.IntN(100)) * time.Millisecond) // when is what the seed decides
		p.kill()
		before := w.h.acknowledged()
		p.start()
		w.verifyCommits(t.Context(), before)
	}
	t.Logf("a future replica was seen: %v", seenFuture)
	for end := time.Now().Add(time.Minute); describedDirs(ctx, t, admin).futures > 0; {
		if time.Now().After(end) {
			t.Fatal("the moves do not end")
		}
		<-time.After(50 * time.Millisecond)
	}
	at := describedDirs(ctx, t, admin)
	for tp, where := range at.where {
		if len(where) != 1 || where[0] != dirs[0] {
			t.Errorf("%s is in %v, not in %s alone", tp, where, dirs[0])
		}
	}
	w.finish()
	p.terminate()
	checkDirs(t, dirs)
	for _, dir := range dirs {
		futures, err := filepath.Glob(filepath.Join(dir, "*-future"))
		if err != nil || len(futures) > 0 {
			t.Errorf("left behind: %v, %v", futures, err)
		}
	}
	if left, err := os.ReadDir(dirs[1]); err != nil {
		t.Error(err)
	} else {
		for _, e := range left {
			if e.IsDir() && !strings.HasSuffix(e.Name(), "-delete") && !strings.HasPrefix(e.Name(), "__cluster_metadata") {
				t.Errorf("%s has %s still", dirs[1], e.Name())
			}
		}
	}
}

// dirContents is what DescribeLogDirs says.
type dirContents struct {
	topics  kadm.TopicsSet
	where   map[string][]string // by topic-partition: directories, futures aside
	futures int
}

func describedDirs(ctx context.Context, t *testing.T, admin *kadm.Client) dirContents {
	t.Helper()
	all, err := admin.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := dirContents{where: make(map[string][]string)}
	all.Each(func(d kadm.DescribedLogDir) {
		if d.Err != nil {
			t.Errorf("%s: %v", d.Dir, d.Err)
		}
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if p.IsFuture {
				c.futures++
				return
			}
			key := fmt.Sprintf("%s-%d", p.Topic, p.Partition)
			c.where[key] = append(c.where[key], p.Dir)
			c.topics.Add(p.Topic, p.Partition)
		})
	})
	return c
}

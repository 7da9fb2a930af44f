package storage

import (
	"fmt"
	"sync"
	"testing"

	"github.com/kgo-project/kgo/broker/ident"
)

// TestLogsAreMadeAtTheSameTime: whoever asks for a partition gets the one log that it has, and directories get equally many.
func TestLogsAreMadeAtTheSameTime(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	m, err := OpenManager(t.Context(), ManagerConfig{Dirs: dirs, NodeID: 1, ClusterID: "c", Defaults: DefaultLogConfig(), RecoveryThreads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	const partitions, askers = 60, 4
	id := NewUUID()
	got := make([][askers]*Log, partitions)
	var wg sync.WaitGroup
	for p := range partitions {
		for a := range askers {
			wg.Go(func() {
				l, err := m.GetOrCreate(ident.TopicPartition{Topic: "t", Partition: int32(p)}, id, DefaultLogConfig(), "")
				if err != nil {
					t.Error(err)
				}
				got[p][a] = l
			})
		}
	}
	wg.Wait()
	in := make(map[string]int)
	for p := range got {
		for _, l := range got[p] {
			if l != got[p][0] {
				t.Fatalf("partition %d has two logs", p)
			}
		}
		in[got[p][0].ParentDir()]++
	}
	if fmt.Sprint(in[dirs[0]], in[dirs[1]]) != "30 30" {
		t.Errorf("%v", in)
	}
}

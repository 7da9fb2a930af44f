package brokertest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kgo-project/kgo/broker/storage/check"
	"github.com/kgo-project/kgo/broker/vfs"
)

// seeded is the test's source of random moments: KGO_FAULT_SEED repeats the same choices, though not the same scheduling.
func seeded(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("KGO_FAULT_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("KGO_FAULT_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestKilledAgainAndAgain kills a node at random moments under load. Whatever it acknowledged has to be there in the end.
func TestKilledAgainAndAgain(t *testing.T) {
	killRounds(t, 6, 3, 2)
}

// killRounds is TestKilledAgainAndAgain for any number of rounds.
func killRounds(t *testing.T, kills, producers, groups int) {
	rnd := seeded(t)
	dirs := []string{t.TempDir(), t.TempDir()}
	p := startProcess(t, dirs)
	w := startWorkload(t, p, producers, groups)
	for range kills {
		time.Sleep(time.Duration(rnd.IntN(300)) * time.Millisecond) // when is what the seed decides; nothing is awaited
		p.kill()
		before := w.h.acknowledged()
		p.start()
		w.verifyCommits(t.Context(), before)
	}
	w.finish()
	t.Logf("kills %d, records acknowledged %d, sent by each producer %v, commits %v", kills, len(w.h.acked), w.h.sent, w.h.commits)
	if len(w.h.acked) == 0 {
		t.Error("nothing was acknowledged: nothing was tested")
	}
	p.terminate()
	checkDirs(t, dirs)
}

// checkDirs looks for contradictions in what a node that was stopped cleanly left behind.
func checkDirs(t *testing.T, dirs []string) {
	t.Helper()
	for _, dir := range dirs {
		problems, err := check.Check(vfs.OS(), dir)
		if err != nil {
			t.Error(err)
		}
		for _, problem := range problems {
			t.Errorf("after a clean shutdown: %v", problem)
		}
	}
}

// TestStoppedUnderLoad stops a node with SIGTERM while clients work: they notice nothing but a pause.
func TestStoppedUnderLoad(t *testing.T) {
	dirs := []string{t.TempDir()}
	p := startProcess(t, dirs)
	w := startWorkload(t, p, 2, 1)
	for range 2 {
		w.awaitAcked(100)
		p.terminate()
		checkDirs(t, dirs)
		before := w.h.acknowledged()
		p.start()
		if strings.Contains(p.output.String(), "clean=false") {
			t.Errorf("the directory was not closed cleanly:\n%s", p.output)
		}
		w.verifyCommits(t.Context(), before)
	}
	w.finish()
}

// awaitAcked waits until that many more records are acknowledged.
func (w *workload) awaitAcked(more int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	count := func() int {
		w.h.mu.Lock()
		defer w.h.mu.Unlock()
		return len(w.h.acked)
	}
	for want := count() + more; count() < want; pause(ctx, time.Millisecond) {
		if ctx.Err() != nil {
			w.t.Fatalf("%d records acknowledged, want %d", count(), want)
		}
	}
}

// TestSecondNodeOnTheSameDirectory is refused, by name of the first.
func TestSecondNodeOnTheSameDirectory(t *testing.T) {
	dirs := []string{t.TempDir()}
	first := startProcess(t, dirs)
	second := &process{t: t, dirs: dirs, addr: freeAddr(t)}
	t.Cleanup(second.kill)
	second.launch()
	second.awaitEnd()
	if second.cmd.ProcessState.Success() {
		t.Fatal("the second node ended with success")
	}
	for _, want := range []string{fmt.Sprintf("pid %d", first.cmd.Process.Pid), dirs[0]} {
		if out := second.output.String(); !strings.Contains(out, want) {
			t.Errorf("the second node does not name %q:\n%s", want, out)
		}
	}
	if err := first.awaitServing(); err != nil {
		t.Error(err)
	}
}

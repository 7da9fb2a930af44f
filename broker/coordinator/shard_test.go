package coordinator

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/coordinator/internal/memlog"
	"github.com/kgo-project/kgo/broker/ident"
)

// words is a state machine that remembers the values it was given, and refuses "bad".
type words struct {
	all      []string
	loaded   bool
	unloaded *error
	wake     time.Time
	ticks    int
}

func (w *words) Replay(r Replayed) error {
	if string(r.Value) == "bad" {
		return errors.New("a bad word")
	}
	w.all = append(w.all, fmt.Sprintf("%d:%s", r.Offset, r.Value))
	return nil
}

func (w *words) ReplayEndTxn(id int64, _ int16, commit bool) error {
	w.all = append(w.all, fmt.Sprintf("end %d %v", id, commit))
	return nil
}
func (w *words) Loaded(time.Time) Outcome           { w.loaded = true; return Outcome{} }
func (w *words) Unloaded(err error)                 { w.unloaded = &err }
func (w *words) NextDeadline() (time.Time, bool)    { return w.wake, !w.wake.IsZero() }
func (w *words) Tick(time.Time) Outcome             { w.ticks++; w.wake = time.Time{}; return say("tick") }
func (w *words) String() string                     { return strings.Join(w.all, " ") }
func say(word string) Outcome                       { return Outcome{Records: []Record{{Value: []byte(word)}}} }
func sayThen(word string, done func(error)) Outcome { o := say(word); o.Done = done; return o }

type fixture struct {
	*Runtime[*words]
	log memlog.Log
}

func start(t *testing.T, change func(*Options[*words])) *fixture {
	t.Helper()
	f := &fixture{}
	opts := Options[*words]{
		Topic: "log", Writer: &f.log, Loader: &f.log, NewState: func(int32) *words { return &words{} },
		AppendLinger: -1, WriteTimeout: 5 * time.Second,
	}
	if change != nil {
		change(&opts)
	}
	f.Runtime = NewRuntime(opts)
	return f
}

// ask runs an operation and returns how it was answered, after everything has come to rest.
func (f *fixture) ask(run func(*words) Outcome) (result string) {
	result = "waits"
	f.Submit(0, Op[*words]{
		Fail: func(err error) { result = "refused: " + code(err) },
		Run: func(w *words, _ time.Time) Outcome {
			o := run(w)
			inner := o.Done
			o.Done = func(err error) {
				result = code(err)
				if inner != nil {
					inner(err)
				}
			}
			return o
		},
	})
	synctest.Wait()
	return result
}

func (f *fixture) say(word string) string { return f.ask(func(*words) Outcome { return say(word) }) }

func (f *fixture) read() (state string) {
	result := f.ask(func(w *words) Outcome { state = w.String(); return Outcome{} })
	if result != "ok" {
		return result
	}
	return state
}

func code(err error) string {
	if err == nil {
		return "ok"
	}
	if k, ok := errors.AsType[*kerr.Error](err); ok {
		return k.Message
	}
	return err.Error()
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestShardServesItsTermAndReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		expect(t, "before the election", f.say("a"), "refused: NOT_COORDINATOR")
		f.Elected(0, 1)
		synctest.Wait()
		expect(t, "first word", f.say("a"), "ok")
		expect(t, "second word", f.say("b"), "ok")
		expect(t, "state", f.read(), "0:a 1:b")
		f.Resigned(0, 1)
		expect(t, "after resigning", f.say("c"), "refused: NOT_COORDINATOR")
		f.Elected(0, 2)
		synctest.Wait()
		expect(t, "state after reload", f.read(), "0:a 1:b")
	})
}

func TestElectionsOfOldEpochsAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.Elected(0, 5)
		f.Resigned(0, 4)
		synctest.Wait()
		expect(t, "resigning an old term", f.say("a"), "ok")
		f.Resigned(0, 7)
		f.Elected(0, 6)
		expect(t, "elected before resigning later", f.say("a"), "refused: NOT_COORDINATOR")
	})
}

func TestAnswersWaitForTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		f.log.Hold()
		var order []string
		var mu sync.Mutex
		note := func(what string) func(error) {
			return func(err error) { mu.Lock(); order = append(order, what+" "+code(err)); mu.Unlock() }
		}
		submit := func(o Outcome) {
			f.Submit(0, Op[*words]{Run: func(*words, time.Time) Outcome { return o }, Fail: note("refused")})
			synctest.Wait()
		}
		submit(sayThen("a", note("a")))
		submit(Outcome{Done: note("read")})
		submit(sayThen("b", note("b")))
		if len(order) != 0 {
			t.Fatalf("answered before the commit: %v", order)
		}
		f.log.Release()
		synctest.Wait()
		expect(t, "order", strings.Join(order, ", "), "a ok, read ok, b ok")
	})
}

func TestWriteTimeoutAnswersButKeepsTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		f.log.Hold()
		got := make(chan error, 1)
		f.Submit(0, Op[*words]{Run: func(*words, time.Time) Outcome { return sayThen("a", func(err error) { got <- err }) }})
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("answered early")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, "answer", code(<-got), "REQUEST_TIMED_OUT")
		f.log.Release()
		expect(t, "state", f.read(), "0:a")
	})
}

func TestFailedAppendReloadsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		expect(t, "good", f.say("a"), "ok")
		f.log.Fail(kerr.NotEnoughReplicas)
		expect(t, "failed", f.say("lost"), "NOT_ENOUGH_REPLICAS")
		expect(t, "while it pauses", f.say("b"), "refused: COORDINATOR_LOAD_IN_PROGRESS")
		f.log.Fail(nil)
		time.Sleep(reloadPauseMin)
		synctest.Wait()
		expect(t, "state", f.read(), "0:a")
		expect(t, "goes on", f.say("c"), "ok")
		expect(t, "state", f.read(), "0:a 1:c")
	})
}

func TestFailedLoadIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.log.FailLoad(errors.New("unreadable"))
		f.Elected(0, 1)
		expect(t, "failed", f.say("a"), "refused: COORDINATOR_LOAD_IN_PROGRESS")
		f.log.FailLoad(nil)
		time.Sleep(time.Second)
		expect(t, "tried again", f.say("a"), "ok")
	})
}

func TestResigningFailsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		f.log.Hold()
		var got, unloaded error
		f.Submit(0, Op[*words]{Run: func(w *words, _ time.Time) Outcome {
			w.unloaded = &unloaded
			return sayThen("a", func(err error) { got = err })
		}})
		synctest.Wait()
		f.Resigned(0, -1)
		synctest.Wait()
		expect(t, "answer", code(got), "NOT_COORDINATOR")
		f.log.Release()
		f.Elected(0, 2)
		synctest.Wait()
		expect(t, "what was appended is there", f.read(), "0:a")
	})
}

func TestOversizedOperationIsRefusedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.log.MaxBatch = 1000
		f.Elected(0, 1)
		synctest.Wait()
		expect(t, "too large", f.say(strings.Repeat("x", 2000)), "MESSAGE_TOO_LARGE")
		expect(t, "small", f.say("a"), "ok")
		expect(t, "state", f.read(), "0:a")
	})
}

func TestReplayErrorReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		expect(t, "bad", f.say("bad"), "replay at offset 0: a bad word")
		time.Sleep(time.Second)
		synctest.Wait()
		expect(t, "nothing was written", f.read(), "")
	})
}

func TestOperationsShareAnAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, func(o *Options[*words]) { o.AppendLinger = 10 * time.Millisecond })
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		before, answered := f.log.Appends(), 0
		for range 100 {
			f.Submit(0, Op[*words]{Run: func(*words, time.Time) Outcome { return sayThen("a", func(error) { answered++ }) }})
		}
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if n := f.log.Appends() - before; answered != 100 || n != 1 {
			t.Errorf("%d answered by %d appends", answered, n)
		}
	})
}

func TestTransactionalRecordsHaveTheirOwnBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		before := f.log.Appends()
		f.Submit(0, Op[*words]{Run: func(*words, time.Time) Outcome { return say("plain") }})
		f.Submit(0, Op[*words]{Run: func(*words, time.Time) Outcome {
			o := say("in txn")
			o.Producer = &Producer{ID: 7, Epoch: 1, Sequence: -1}
			return o
		}})
		f.Submit(0, Op[*words]{Run: func(*words, time.Time) Outcome { return say("plain") }})
		synctest.Wait()
		if n := f.log.Appends() - before; n != 3 {
			t.Errorf("%d appends", n)
		}
	})
}

func TestTransactionMarkersAreAppliedAndReloaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		expect(t, "a word", f.say("a"), "ok")
		marker := func(*words) Outcome { return Outcome{EndTxn: &EndTxn{ProducerID: 7, ProducerEpoch: 1, Commit: true}} }
		expect(t, "marker", f.ask(marker), "ok")
		expect(t, "another", f.say("b"), "ok")
		expect(t, "state", f.read(), "0:a end 7 true 2:b")
		f.Resigned(0, 1)
		f.Elected(0, 2)
		synctest.Wait()
		expect(t, "state after reload", f.read(), "0:a end 7 true 2:b")
	})
}

func TestTimersTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		f.ask(func(w *words) Outcome { w.wake = time.Now().Add(time.Minute); return Outcome{} })
		time.Sleep(time.Minute - time.Nanosecond)
		expect(t, "just before", f.read(), "")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		expect(t, "ticked", f.read(), "0:tick")
	})
}

func TestTooManyOperationsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, func(o *Options[*words]) { o.MaxPending = 3 })
		defer f.Close()
		f.Elected(0, 1)
		synctest.Wait()
		f.log.Hold()
		for range 3 {
			expect(t, "within the limit", f.say("a"), "waits")
		}
		expect(t, "beyond it", f.say("a"), "refused: COORDINATOR_NOT_AVAILABLE")
		f.log.Release()
		synctest.Wait()
		expect(t, "room again", f.say("a"), "ok")
	})
}

func TestCloseFailsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, nil)
		f.Elected(0, 1)
		synctest.Wait()
		f.log.Hold()
		var got error
		f.Submit(0, Op[*words]{Run: func(*words, time.Time) Outcome { return sayThen("a", func(err error) { got = err }) }})
		f.Close()
		expect(t, "answer", code(got), "NOT_COORDINATOR")
		f.log.Release()
		expect(t, "afterwards", f.say("b"), "refused: NOT_COORDINATOR")
	})
}

func TestManyWritersKeepTheirOrder(t *testing.T) {
	f := start(t, nil)
	defer f.Close()
	f.Elected(0, 1)
	for active := make(chan bool, 1); ; {
		f.Submit(0, Op[*words]{
			Run:  func(*words, time.Time) Outcome { return Outcome{Done: func(error) { active <- true }} },
			Fail: func(error) { active <- false },
		})
		if <-active {
			break
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				wg.Add(1)
				op := Op[*words]{Fail: func(error) { wg.Done() }}
				op.Run = func(*words, time.Time) Outcome { return sayThen("a", func(error) { wg.Done() }) }
				f.Submit(0, op)
			}
		})
	}
	wg.Wait()
	done := make(chan string)
	f.Submit(0, Op[*words]{Run: func(w *words, _ time.Time) Outcome {
		return Outcome{Done: func(error) { done <- w.String() }}
	}})
	live := <-done
	loaded := &words{}
	_, err := f.log.Load(t.Context(), ident.TopicPartition{Topic: "log"}, 1, func(raw []byte) error { return replayBatch(loaded, raw) })
	if err != nil || loaded.String() != live {
		t.Errorf("state read from the log (%v) differs from the live one", err)
	}
}

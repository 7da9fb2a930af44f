package errorfs_test

import (
	"errors"
	"testing"

	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/broker/vfs/errorfs"
)

func TestEveryStepOfAnAtomicReplacementCanFail(t *testing.T) {
	failures := 0
	for i := 0; ; i++ {
		mem := vfs.NewMem()
		if err := vfs.WriteFileAtomic(mem, "", "f", []byte("old")); err != nil {
			t.Fatal(err)
		}
		inject := errorfs.FailAt(i, errorfs.Writes)
		err := vfs.WriteFileAtomic(errorfs.Wrap(mem, inject), "", "f", []byte("new"))
		if !inject.Happened() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		failures++
		if !errors.Is(err, errorfs.ErrInjected) {
			t.Fatalf("operation %d: %v", i, err)
		}
		for percent := 0; percent <= 100; percent += 50 {
			got, err := vfs.ReadFile(mem.CrashClone(percent, 7), "f", 10)
			if err != nil || (string(got) != "old" && string(got) != "new") {
				t.Fatalf("operation %d: the file holds %q, %v", i, got, err)
			}
		}
	}
	if failures != 5 { // create, write, sync, rename, sync of the directory
		t.Fatalf("%d operations failed", failures)
	}
}

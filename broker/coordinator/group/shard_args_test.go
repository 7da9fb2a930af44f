package group

import (
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// args reads a command's arguments.
type args struct {
	t *testing.T
	d *datadriven.TestData
}

func (a args) has(key string) bool { return a.d.HasArg(key) }

func (a args) str(key, otherwise string) string {
	if !a.d.HasArg(key) {
		return otherwise
	}
	var v string
	a.d.ScanArgs(a.t, key, &v)
	return v
}

func (a args) list(key string) (vals []string) {
	for _, arg := range a.d.CmdArgs {
		if arg.Key == key {
			vals = arg.Vals
		}
	}
	return vals
}

func (a args) num(key string, otherwise int64) int64 {
	v, err := strconv.ParseInt(a.str(key, strconv.FormatInt(otherwise, 10)), 10, 64)
	if err != nil {
		a.d.Fatalf(a.t, "%s: %v", key, err)
	}
	return v
}

func (a args) dur(key string, otherwise time.Duration) time.Duration {
	v, err := time.ParseDuration(a.str(key, otherwise.String()))
	if err != nil {
		a.d.Fatalf(a.t, "%s: %v", key, err)
	}
	return v
}

func (a args) optional(key string) *string {
	if !a.has(key) {
		return nil
	}
	return new(a.str(key, ""))
}

// label is the name of the request: the first argument without a value.
func (a args) label() string { return a.d.CmdArgs[0].Key }

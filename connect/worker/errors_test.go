package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/connect"
)

func handler(settings connect.Config) (*errorHandler, *bytes.Buffer) {
	var log bytes.Buffer
	return newErrorHandler(&Task{ID: ID{"c", 3}, settings: settings, log: slog.New(slog.NewTextHandler(&log, nil))}), &log
}

// TestRetriesEnd has operations that fail for a while, or for ever, or in a way that does not pass.
func TestRetriesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passing := fmt.Errorf("busy: %w", connect.ErrRetriable)
		for _, c := range []struct {
			name     string
			settings connect.Config
			failures int // then it succeeds
			err      error
			tries    func(n int) bool
			fails    bool
		}{
			{name: "not tried again by default", failures: 1, err: passing, tries: func(n int) bool { return n == 1 }, fails: true},
			{name: "until it succeeds", settings: connect.Config{"errors.retry.timeout": "60000"}, failures: 3, err: passing, tries: func(n int) bool { return n == 4 }},
			{name: "until the time is over", settings: connect.Config{"errors.retry.timeout": "10000", "errors.retry.delay.max.ms": "1000"}, failures: 1 << 30, err: passing, tries: func(n int) bool { return n > 8 && n < 30 }, fails: true},
			{name: "for ever", settings: connect.Config{"errors.retry.timeout": "-1", "errors.retry.delay.max.ms": "100"}, failures: 1000, err: passing, tries: func(n int) bool { return n == 1001 }},
			{name: "what does not pass", settings: connect.Config{"errors.retry.timeout": "-1"}, failures: 1, err: errors.New("broken"), tries: func(n int) bool { return n == 1 }, fails: true},
		} {
			h, _ := handler(c.settings)
			n := 0
			err := h.retry(t.Context(), func() error {
				if n++; n > c.failures {
					return nil
				}
				return c.err
			})
			if (err != nil) != c.fails || !c.tries(n) {
				t.Errorf("%s: %d tries, %v", c.name, n, err)
			}
		}
		h, _ := handler(connect.Config{"errors.retry.timeout": "-1"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := h.retry(ctx, func() error { return passing }); err == nil {
			t.Error("a stopped task goes on trying")
		}
	})
}

func TestWhatBecomesOfABadRecord(t *testing.T) {
	record := &kgo.Record{Topic: "t", Partition: 2, Offset: 17, Timestamp: time.UnixMilli(99)}
	bad := connect.DataErrorf(errors.New("because"), "no good")
	for _, c := range []struct {
		settings connect.Config
		passes   bool
		logged   string
	}{
		{settings: nil, logged: "Error encountered in task c-3. Executing stage 'VALUE_CONVERTER' with class 'x.Converter'."},
		{settings: connect.Config{"errors.tolerance": "all"}, passes: true},
		{settings: connect.Config{"errors.tolerance": "all", "errors.log.enable": "true"}, passes: true, logged: "with class 'x.Converter'."},
		{settings: connect.Config{"errors.tolerance": "all", "errors.log.enable": "true", "errors.log.include.messages": "true"}, passes: true, logged: "where consumed record is {topic='t', partition=2, offset=17, timestamp=99}."},
	} {
		h, log := handler(c.settings)
		err := h.failed(t.Context(), stageValue, "x.Converter", record, bad)
		if (err == nil) != c.passes {
			t.Errorf("%v: %v", c.settings, err)
		}
		if !strings.Contains(log.String(), c.logged) || c.logged == "" && log.Len() > 0 {
			t.Errorf("%v: the log has %q", c.settings, log)
		}
		if err == nil {
			continue
		}
		want := "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\nCaused by: org.apache.kafka.connect.errors.DataException: no good\nCaused by: org.apache.kafka.connect.errors.ConnectException: because\n"
		if got := Trace(err); got != want {
			t.Errorf("trace:\n%s\nwant:\n%s", got, want)
		}
	}
}

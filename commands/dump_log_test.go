package commands

import (
	"slices"
	"strings"
	"testing"
)

func TestDumpLogFlags(t *testing.T) {
	for _, c := range []struct {
		args string
		want func(o *dumpLogOptions) bool
		fail string
	}{
		{args: "--files a.log,b.index", want: func(o *dumpLogOptions) bool {
			return slices.Equal(o.Files, []string{"a.log", "b.index"}) && !o.PrintDataLog && !o.DeepIteration && o.MaxBytes == 1<<31-1 && o.MaxMessageSize == 5<<20
		}},
		{args: "--files a.log, --print-data-log", want: func(o *dumpLogOptions) bool { return len(o.Files) == 1 && o.PrintDataLog }},
		{args: "--files a.log --deep-iteration --max-bytes 7 --max-message-size 8 --skip-record-metadata", want: func(o *dumpLogOptions) bool {
			return o.DeepIteration && o.MaxBytes == 7 && o.MaxMessageSize == 8 && o.SkipRecordMetadata
		}},
		{args: "--files a.index --verify-index-only --index-sanity-check", want: func(o *dumpLogOptions) bool { return o.VerifyIndexOnly && o.IndexSanityCheck }},
		{args: "--files a.log --offsets-decoder", want: func(o *dumpLogOptions) bool { return o.PrintDataLog && o.Decoder != nil }},
		{args: "--files a.log --share-group-state-decoder", want: func(o *dumpLogOptions) bool { return o.PrintDataLog }},
		{args: "--files a.log --value-decoder-class", want: func(o *dumpLogOptions) bool { return o.PrintDataLog }},
		{args: "--files a.log --key-decoder-class org.apache.kafka.tools.api.LongDecoder", want: func(o *dumpLogOptions) bool { return o.PrintDataLog }},
		{args: "--files a.log --key-decoder-class com.example.Mine", fail: "kgo has no JVM"},
		{args: "--print-data-log", fail: "[files]"},
		{args: "--files a.log --max-bytes many", fail: "many"},
	} {
		streams, _, errOut := TestIO("")
		var got *dumpLogOptions
		cmd := newDumpLogCmd(NewFactory(streams), func(o *dumpLogOptions) error { got = o; return nil })
		cmd.SetArgs(strings.Fields(c.args))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		err := cmd.Execute()
		switch {
		case c.fail != "":
			if text := errOut.String(); err == nil || !strings.Contains(text+err.Error(), c.fail) {
				t.Errorf("%s: %v, %q", c.args, err, text)
			}
		case err != nil || got == nil || !c.want(got):
			t.Errorf("%s: %+v, %v, %s", c.args, got, err, errOut)
		}
	}
}

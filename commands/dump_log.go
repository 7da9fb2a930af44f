package commands

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/broker/storage/check"
	"github.com/kgo-project/kgo/broker/vfs"
	"github.com/kgo-project/kgo/commands/opt"
)

// dumpLogOptions is a parsed command line of kgo dump-log.
type dumpLogOptions struct {
	IO *IOStreams
	check.DumpOptions
}

func newDumpLogCmd(f *Factory, runF func(*dumpLogOptions) error) *cobra.Command {
	t := &tool{spec: dumpLogSpec, short: "Print the contents of log segments, indexes and snapshots", long: dumpLogLong, example: dumpLogExample, unlimited: true, plainErrors: true}
	return f.tableTool(t, func(_ context.Context, set *opt.Set) error {
		o := &dumpLogOptions{IO: f.IO, DumpOptions: check.DefaultDumpOptions()}
		if err := o.parse(set); err != nil {
			return err
		}
		if runF != nil {
			return runF(o)
		}
		return check.Dump(vfs.OS(), o.IO.Out, o.IO.ErrOut, o.DumpOptions)
	})
}

// dumpLogDecoders are the options that name a topic's records, strongest first.
var dumpLogDecoders = []struct {
	option  string
	decoder check.Decoder
}{
	{"offsets-decoder", check.OffsetsDecoder},
	{"transaction-log-decoder", check.TransactionLogDecoder},
	{"cluster-metadata-decoder", check.ClusterMetadataDecoder},
	{"remote-log-metadata-decoder", check.RemoteLogMetadataDecoder},
	{"share-group-state-decoder", check.ShareGroupStateDecoder},
}

func (o *dumpLogOptions) parse(set *opt.Set) error {
	if err := required(set, "files"); err != nil {
		return err
	}
	files, err := set.Value("files")
	if err != nil {
		return err
	}
	o.Files = splitFiles(files)
	o.PrintDataLog = set.Has("print-data-log") || set.Has("key-decoder-class") || set.Has("value-decoder-class")
	o.DeepIteration = set.Has("deep-iteration")
	o.VerifyIndexOnly, o.IndexSanityCheck, o.SkipRecordMetadata = set.Has("verify-index-only"), set.Has("index-sanity-check"), set.Has("skip-record-metadata")
	for option, target := range map[string]*int{"max-message-size": &o.MaxMessageSize, "max-bytes": &o.MaxBytes} {
		n, ok, err := set.Int(option)
		if err != nil {
			return err
		}
		if ok {
			*target = int(n)
		}
	}
	for _, d := range dumpLogDecoders {
		if set.Has(d.option) {
			o.PrintDataLog = true
			if o.Decoder == nil {
				o.Decoder = d.decoder
			}
		}
	}
	if o.Decoder != nil {
		return nil
	}
	var decoders [2]check.BytesDecoder
	for i, option := range []string{"key-decoder-class", "value-decoder-class"} {
		class := set.String(option)
		decoder, ok := check.BytesDecoders[class]
		if !ok {
			names := slices.Sorted(maps.Keys(check.BytesDecoders))
			return opt.Usagef("--%s %s: kgo has no JVM to load a class with; it knows %s", option, class, strings.Join(names, ", "))
		}
		decoders[i] = decoder
	}
	o.Decoder = check.DecodeWith(decoders[0], decoders[1])
	return nil
}

// splitFiles splits at commas; empty names at the end don't count.
func splitFiles(list string) []string {
	files := strings.Split(list, ",")
	for len(files) > 1 && files[len(files)-1] == "" {
		files = files[:len(files)-1]
	}
	return files
}

const dumpLogLong = `Print what is in the files of a log directory, without a broker. Stop the broker first, or expect a torn end.

A file is printed by its suffix:
  .log          a segment: one line for each batch; with --deep-iteration one for each record, with --print-data-log its key and value too
  .index        offset -> position in the segment, compared with the segment
  .timeindex    timestamp -> offset, compared with the segment
  .txnindex     aborted transactions
  .snapshot     the producers that the broker knew at that offset
  .checkpoint   a snapshot of the cluster's metadata; see --cluster-metadata-decoder

In a batch's line, isvalid tells whether its checksum is right, and position is where in the file it begins. Contradictions between an index
and its segment, and gaps in the offsets, are listed on stderr at the end. Compaction leaves gaps: they are no damage there.

The decoders print the records of Kafka's own topics as JSON.`

const dumpLogExample = `  kgo dump-log --files /tmp/kgo/orders-0/00000000000000000000.log --print-data-log
  kgo dump-log --files /tmp/kgo/orders-0/00000000000000000000.index --index-sanity-check
  kgo dump-log --files /tmp/kgo/__consumer_offsets-13/00000000000000000000.log --offsets-decoder
  kgo dump-log --files /tmp/kgo/__cluster_metadata-0/00000000000000000000.log --cluster-metadata-decoder --skip-record-metadata`

package check

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/vfs"
)

// dumpWords reads the words of a command line of testdata/commands.txt.
func dumpWords(t *testing.T, words []string) DumpOptions {
	t.Helper()
	o := DefaultDumpOptions()
	decoders := map[string]Decoder{
		"--offsets-decoder": OffsetsDecoder, "--transaction-log-decoder": TransactionLogDecoder,
		"--share-group-state-decoder": ShareGroupStateDecoder, "--cluster-metadata-decoder": ClusterMetadataDecoder,
		"--remote-log-metadata-decoder": RemoteLogMetadataDecoder,
	}
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "--files":
			i++
			o.Files = strings.Split(words[i], ",")
		case "--max-bytes":
			i++
			o.MaxBytes, _ = strconv.Atoi(words[i])
		case "--print-data-log":
			o.PrintDataLog = true
		case "--deep-iteration":
			o.DeepIteration = true
		case "--skip-record-metadata":
			o.SkipRecordMetadata = true
		case "--index-sanity-check":
			o.IndexSanityCheck = true
		case "--verify-index-only":
			o.VerifyIndexOnly = true
		default:
			decoder, ok := decoders[words[i]]
			if !ok {
				t.Fatalf("option %s", words[i])
			}
			o.Decoder, o.PrintDataLog = decoder, true
		}
	}
	return o
}

// Files that Apache Kafka wrote are printed as its own tool prints them (testdata/dump.golden).
func TestDumpPrintsWhatKafkaPrints(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "dump.golden"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join("testdata", "logs"))
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for run := range strings.SplitSeq(string(golden), "$ ") {
		args, want, ok := strings.Cut(run, "\n")
		if !ok {
			continue
		}
		var out, errOut bytes.Buffer
		if err := Dump(vfs.OS(), &out, &errOut, dumpWords(t, strings.Fields(args))); err != nil {
			t.Errorf("%s: %v", args, err)
		}
		for line := range strings.Lines(errOut.String()) {
			out.WriteString("e|" + strings.Replace(line, here+string(filepath.Separator), "", 1))
		}
		if got := filepath.ToSlash(out.String()); got != want {
			t.Errorf("%s:\n%s", args, firstDifference(got, want))
		}
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "line " + strconv.Itoa(i) + ":\n" + a[i] + "\nApache Kafka's:\n" + b[i]
		}
	}
	return strconv.Itoa(len(a)) + " lines, Apache Kafka's has " + strconv.Itoa(len(b))
}

// Any bytes in any of the files are an error at most.
func FuzzDump(f *testing.F) {
	for _, name := range []string{"txn-0/00000000000000000000.log", "legacy-0/00000000000000000041.log", "offsets-1/00000000000000000000.log", "compacted-0/00000000000000000000.index"} {
		data, err := os.ReadFile(filepath.Join("testdata", "logs", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 1000)], data[:min(len(data), 300)])
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, log, index []byte) {
		o := DefaultDumpOptions()
		o.PrintDataLog, o.Limit = true, 1<<20
		for suffix, data := range map[string][]byte{".log": log, ".index": index, ".timeindex": index, ".txnindex": index, ".snapshot": index} {
			name := filepath.Join(dir, "00000000000000000000"+suffix)
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
			o.Files = append(o.Files, name)
		}
		for _, name := range o.Files {
			one := o
			one.Files = []string{name}
			for _, decoder := range []Decoder{nil, OffsetsDecoder, ClusterMetadataDecoder, RemoteLogMetadataDecoder} {
				one.Decoder = decoder
				var out, errOut bytes.Buffer
				_ = Dump(vfs.OS(), &out, &errOut, one) // must return
			}
		}
	})
}

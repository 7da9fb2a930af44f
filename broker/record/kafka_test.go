package record

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kgo-project/kgo/broker/batch"
)

const kafkaLogs = "../../testdata/log/kafka-4.3.1"

// TestReadsAndPrintsWhatApacheKafkaWrote goes through logs that Apache Kafka 4.3.1 wrote, and compares what is in them with what
// Apache's kafka-dump-log printed for them. Each record has to encode to its own bytes again.
func TestReadsAndPrintsWhatApacheKafkaWrote(t *testing.T) {
	for name, printRecord := range map[string]func(key, value []byte) (string, error){
		"metadata":    printMetadata,
		"group-a":     Group.print,
		"group-b":     Group.print,
		"share-group": Group.print,
		"share-state": Share.print,
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(kafkaLogs, name+".log"))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(kafkaLogs, name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for len(raw) > 0 {
				b, rest, err := batch.Next(raw)
				if err != nil {
					t.Fatal(err)
				}
				raw = rest
				if b.IsControl() {
					continue
				}
				for r, err := range b.Records(1 << 20) {
					if err != nil {
						t.Fatal(err)
					}
					line, err := printRecord(r.Key, r.Value)
					if err != nil {
						t.Fatalf("offset %d: %v", r.Offset, err)
					}
					fmt.Fprintf(&got, "%d\t%s\n", r.Offset, line)
				}
			}
			gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
			for i := range min(len(gotLines), len(wantLines)) {
				// dump-log goes on to decode what classic members' consumers keep in two fields that are plain bytes here.
				if strings.Contains(wantLines[i], `"subscription":{`) {
					continue
				}
				if gotLines[i] != wantLines[i] {
					t.Fatalf("line %d:\ngot  %s\nwant %s", i+1, gotLines[i], wantLines[i])
				}
			}
			if len(gotLines) != len(wantLines) {
				t.Errorf("%d lines, want %d", len(gotLines), len(wantLines))
			}
		})
	}
}

func printMetadata(_, value []byte) (string, error) {
	m, version, err := ReadMetadata(value)
	if err != nil {
		return "", err
	}
	again, err := AppendMetadata(nil, m, version)
	if err != nil || !bytes.Equal(again, value) {
		return "", fmt.Errorf("%s: %x became %x (%w)", m.MessageName(), value, again, err)
	}
	return fmt.Sprintf("-\t{\"type\":%q,\"version\":%d,\"data\":%s}", typeName(m.MessageName()), version, m.AppendJSON(nil, version)), nil
}

// typeName is Kafka's constant for a metadata record's type: TOPIC_RECORD for TopicRecord.
func typeName(name string) string {
	var out strings.Builder
	for i, c := range name {
		if i > 0 && c >= 'A' && c <= 'Z' {
			out.WriteByte('_')
		}
		out.WriteRune(c)
	}
	return strings.ToUpper(out.String())
}

func (f Family) print(key, value []byte) (string, error) {
	k, err := f.ReadKey(key)
	if err != nil {
		return "", err
	}
	if again, err := AppendKey(nil, k); err != nil || !bytes.Equal(again, key) {
		return "", fmt.Errorf("%s: %x became %x (%w)", k.MessageName(), key, again, err)
	}
	line := fmt.Sprintf("{\"type\":\"%d\",\"data\":%s}\t", k.APIKey(), k.AppendJSON(nil, 0))
	if value == nil {
		return line + "<DELETE>", nil
	}
	v, version, err := f.ReadValue(k.APIKey(), value)
	if err != nil {
		return "", err
	}
	if again, err := AppendValue(nil, v, version); err != nil || !bytes.Equal(again, value) {
		return "", fmt.Errorf("%s: %x became %x (%w)", v.MessageName(), value, again, err)
	}
	return line + fmt.Sprintf("{\"version\":\"%d\",\"data\":%s}", version, v.AppendJSON(nil, version)), nil
}

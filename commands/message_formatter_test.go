package commands

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestRecordIsPrintedAsTheOriginalDoes(t *testing.T) {
	r := &kgo.Record{
		Key: []byte("k"), Value: []byte("v"), Partition: 3, Offset: 42, Timestamp: time.UnixMilli(1500000000000),
		Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}, {Key: "n"}},
	}
	for props, want := range map[string]string{
		"":                                    "v\n",
		"print.key=true print.timestamp=true": "CreateTime:1500000000000\tk\tv\n",
		"print.partition=true print.offset=true print.headers=true": "Partition:3\tOffset:42\th:x,n:null\tv\n",
		"print.value=false print.key=true":                          "k\n",
		"print.value=false print.offset=true":                       "Offset:42\n",
		"print.key=true key.separator=; line.separator=!":           "k;v!",
		"print.headers=true headers.separator=; null.literal=nil":   "h:x;n:nil\tv\n",
		"print.delivery=true print.epoch=true":                      "Delivery:NOT_PRESENT\tEpoch:NOT_PRESENT\tv\n",
		"print.value=false":                                         "",
	} {
		settings := make(map[string]string)
		for kv := range strings.FieldsSeq(props) {
			key, value, _ := strings.Cut(kv, "=")
			settings[key] = value
		}
		f, err := newFormatter("org.apache.kafka.tools.consumer.DefaultMessageFormatter", settings)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := f.write(&b, r); err != nil || b.String() != want {
			t.Errorf("%s: %q, %v", props, b.String(), err)
		}
	}
}

func TestUnknownFormatterIsRefused(t *testing.T) {
	for _, class := range []string{"DefaultMessageFormatter", "org.apache.kafka.tools.consumer.Nope"} {
		if _, err := newFormatter(class, nil); err == nil {
			t.Errorf("%s was taken", class)
		}
	}
}

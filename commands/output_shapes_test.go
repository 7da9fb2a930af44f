package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/kgo-project/kgo/broker/brokertest"
)

const shapesPage = "../docs/output.md"

const shapesHead = `# What --output json and yaml print

Written by ` + "`go test ./commands -run TestOutputShapes -update`" + `. Each block is the schema of a command's JSON, and of its YAML, which has the same
names in the same order: a line for each value that can occur, with its type. ` + "`[]`" + ` stands for each item of a list; null is a value that is not known or does not apply.
A name keeps its meaning and its type for good; new ones may be added.
`

// shapeCommands are run against one broker in this order.
var shapeCommands = []string{
	"topics --list", "topics --describe --topic sh-t", "configs --describe --topic sh-t", "configs --describe --entity-type users",
	"consumer-groups --list", "consumer-groups --list --state", "consumer-groups --describe --group sh-g",
	"consumer-groups --describe --group sh-g --members", "consumer-groups --describe --group sh-g --state",
	"consumer-groups --reset-offsets --group sh-g --topic sh-t --to-earliest --dry-run", "groups --list", "get-offsets --topic sh-t",
	"log-dirs --describe --topic-list sh-t", "cluster cluster-id", "cluster list-endpoints", "features describe", "broker-api-versions",
	"metadata-quorum describe --status", "metadata-quorum describe --replication", "client-metrics --list", "client-metrics --describe --name sh-m",
	"reassign-partitions --list",
}

// TestOutputShapes holds what the tools print as JSON against the documented schema, and YAML against JSON.
func TestOutputShapes(t *testing.T) {
	node := brokertest.Start(t)
	run := func(line string) string {
		words := append(strings.Fields(line), "--bootstrap-server", node.Addr)
		if tool := words[0]; slices.Contains([]string{"features", "metadata-quorum"}, tool) { // theirs stands before the sub-command
			words = append([]string{tool, "--bootstrap-server", node.Addr}, words[1:len(words)-2]...)
		}
		out, errOut, code := runKgo(words)
		if code != 0 {
			t.Fatalf("kgo %s: exit code %d: %s%s", line, code, out, errOut)
		}
		return out
	}
	run("topics --create --topic sh-t --partitions 2 --config retention.ms=60000")
	run("producer-perf-test --topic sh-t --num-records 10 --record-size 10 --throughput -1")
	run("console-consumer --topic sh-t --group sh-g --from-beginning --max-messages 10")
	run("configs --alter --entity-type users --entity-name sh-u --add-config producer_byte_rate=1024")
	run("client-metrics --alter --name sh-m --metrics org.apache.kafka.")
	member := newKgoTools()
	done := make(chan struct{})
	go func() {
		defer close(done)
		member.run([]string{"console-consumer", "--bootstrap-server", node.Addr, "--topic", "sh-t", "--group", "sh-live", "--timeout-ms", "60000", "--max-messages", "1"}, "")
	}()
	live := "consumer-groups --describe --group sh-live --members"
	for deadline := time.Now().Add(time.Minute); !strings.Contains(run("consumer-groups --list --state"), "Stable"); {
		if time.Now().After(deadline) {
			t.Fatal("no member within a minute")
		}
	}
	var page strings.Builder
	page.WriteString(shapesHead)
	for _, line := range append([]string{live}, shapeCommands...) {
		fmt.Fprintf(&page, "\n## kgo %s\n\n```\n%s```\n", line, outputShape(t, line, run(line+" --output json"), run(line+" --output yaml")))
	}
	run("producer-perf-test --topic sh-t --num-records 10 --record-size 10 --throughput -1") // lets the member end
	<-done
	if *update {
		if err := os.WriteFile(shapesPage, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want, err := os.ReadFile(shapesPage); err != nil || string(want) != page.String() {
		t.Errorf("%s is not what the tools print (%v): a name that is gone or has another type breaks scripts; what is new is added by -update\n%s", shapesPage, err, page.String())
	}
}

// outputShape lists the values of a document with their types.
func outputShape(t *testing.T, line, asJSON, asYAML string) string {
	t.Helper()
	var doc, same any
	dec := json.NewDecoder(strings.NewReader(asJSON))
	if err := dec.Decode(&doc); err != nil || dec.More() {
		t.Fatalf("kgo %s: no single JSON document (%v): %s", line, err, asJSON)
	}
	if err := yaml.Unmarshal([]byte(asYAML), &same); err != nil {
		t.Fatalf("kgo %s: %v: %s", line, err, asYAML)
	}
	again, err := json.Marshal(same)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(bytes.NewReader(again)).Decode(&same); err != nil {
		t.Fatal(err)
	}
	shapes := make(map[string][]string)
	addShape(shapes, "", doc)
	yamlShapes := make(map[string][]string)
	addShape(yamlShapes, "", same)
	if !reflect.DeepEqual(shapes, yamlShapes) {
		t.Errorf("kgo %s: YAML is not JSON:\n%s%s", line, asJSON, asYAML)
	}
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(shapes)) {
		fmt.Fprintf(&b, "%s: %s\n", path, strings.Join(shapes[path], " or "))
	}
	return b.String()
}

func addShape(shapes map[string][]string, path string, v any) {
	kind := "null"
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			addShape(shapes, strings.TrimPrefix(path+"."+k, "."), item)
		}
		return
	case []any:
		kind = "list"
		for _, item := range v {
			addShape(shapes, path+"[]", item)
		}
		if path != "" && len(v) > 0 {
			if _, object := v[0].(map[string]any); object {
				return
			}
		}
	case string:
		kind = "string"
	case float64:
		kind = "number"
	case bool:
		kind = "true or false"
	}
	if path == "" {
		path = "the document"
	}
	if !slices.Contains(shapes[path], kind) {
		shapes[path] = append(shapes[path], kind)
		slices.Sort(shapes[path])
	}
}

//go:build interop

package brokertest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestInteropJavaConsumerReadsInItsRack has Java's consumer read from the follower in its rack, in both group protocols, and from the leader where no replica is in its rack (KIP-392).
func TestInteropJavaConsumerReadsInItsRack(t *testing.T) {
	lab := os.Getenv("KAFKA_LAB_CMD")
	if lab == "" {
		t.Skip("KAFKA_LAB_CMD is not set: no Java consumer to try")
	}
	classpath, err := exec.CommandContext(t.Context(), lab, "classpath").Output()
	if err != nil {
		t.Fatal(err)
	}
	racks := []string{"a", "a", "b"}
	c := startCluster(t, clusterSpec{
		coordinators: 1, brokers: 3, onBrokers: []string{"replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector"},
		perBroker: func(i int) []string { return []string{"broker.rack=" + racks[i]} },
	})
	c.assign(workTopic, [][]int32{{1, 3}})
	c.awaitInSync(kadm.NewClient(c.client()))
	const records, size = 200, 1000
	cl := c.client(kgo.DefaultProduceTopic(workTopic), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range records {
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord(strings.Repeat("x", size))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for _, protocol := range []string{"classic", "consumer"} {
		for rack, from := range map[string]int{"a": 1, "b": 3, "nowhere": 1} {
			t.Run(protocol+"/"+rack, func(t *testing.T) {
				out, err := exec.CommandContext(t.Context(), "java", "-cp", strings.TrimSpace(string(classpath)), "../../testdata/interop/RackConsumer.java", c.brokers[0].addr, workTopic, rack, protocol, strconv.Itoa(records)).CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				for line := range strings.SplitSeq(string(out), "\n") {
					var node, bytes int
					if n, err := fmt.Sscanf(line, "%d: %d", &node, &bytes); n < 2 || err != nil {
						continue
					}
					if read := bytes > records*size; read != (node == from) {
						t.Errorf("%d bytes came from broker %d, the records should have come from %d", bytes, node, from)
					}
				}
				if !strings.Contains(string(out), fmt.Sprintf("%d: ", from)) {
					t.Errorf("no bytes from broker %d:\n%s", from, out)
				}
			})
		}
	}
}

package brokertest_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// TestOrders is what the README shows: a test of somebody else's, with a broker of its own.
func TestOrders(t *testing.T) {
	node := brokertest.Start(t) // stopped, checked and removed when the test ends; node.Addr is for clients of any kind
	producer := node.Client(kgo.AllowAutoTopicCreation())
	if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("one")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	consumer := node.Client(kgo.ConsumeTopics("orders"))
	if got := consumer.PollFetches(t.Context()).Records(); len(got) != 1 || string(got[0].Value) != "one" {
		t.Errorf("read %v", got)
	}
}

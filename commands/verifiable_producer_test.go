package commands

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestVerifiableProducerGivesUpOnAnUnknownTopic: after its retries, and not after a minute for each record as the original.
func TestVerifiableProducerGivesUpOnAnUnknownTopic(t *testing.T) {
	t.Parallel()
	address := startKgo(t, []string{"auto.create.topics.enable=false"}).bootstrap
	streams, out, _ := TestIO("")
	f := NewFactory(streams)
	var captured *verifiableProducerOptions
	cmd := newVerifiableProducerCmd(f, func(o *verifiableProducerOptions) error { captured = o; return nil })
	cmd.SetArgs([]string{"--bootstrap-server", address, "--topic", "none", "--max-messages", "3"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if captured.TopicRetries != 100 {
		t.Errorf("%d retries", captured.TopicRetries)
	}
	captured.TopicRetries = 2
	err := verifiableProducerRun(context.Background(), captured)
	f.closeClients()
	if !errors.Is(err, ErrSilent) || strings.Count(out.String(), `"name":"producer_send_error"`) != 3 || !strings.Contains(out.String(), "UnknownTopicOrPartitionException") {
		t.Errorf("%v\n%s", err, out)
	}
}

package commands

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// TestOnlyTheApplicationsOwnTopicsAreDeleted: --delete-internal-topic with the name of an input topic, which the original deletes.
func TestOnlyTheApplicationsOwnTopicsAreDeleted(t *testing.T) {
	t.Parallel()
	address := startKgo(t, nil).bootstrap
	for _, topic := range []string{"input", "app-store-changelog", "app-agg-repartition", "other-store-changelog"} {
		if _, errOut, code := runKgo([]string{"topics", "--bootstrap-server", address, "--create", "--topic", topic}); code != 0 {
			t.Fatal(errOut)
		}
	}
	g := &streamsGroupView{Group: "app", topology: &kmsg.StreamsGroupDescribeResponseGroupTopology{
		Subtopologies: []kmsg.StreamsGroupDescribeResponseGroupTopologySubtopology{{
			SourceTopics:            []string{"input"},
			StateChangelogTopics:    []kmsg.TopicInfo{{Topic: "app-store-changelog"}, {Topic: "other-store-changelog"}}, // of another's, if the group's coordinator errs
			RepartitionSourceTopics: []kmsg.TopicInfo{{Topic: "app-agg-repartition"}},
		}},
	}}
	for _, c := range []struct {
		o       streamsGroupsOptions
		refused bool
		left    string
	}{
		{streamsGroupsOptions{DeleteInternal: []string{"input"}}, true, "app-agg-repartition app-store-changelog input other-store-changelog"},
		{streamsGroupsOptions{DeleteInternal: []string{"app-store-changelog", "other-store-changelog"}}, true, "app-agg-repartition app-store-changelog input other-store-changelog"},
		{streamsGroupsOptions{DeleteInternal: []string{"app-store-changelog"}}, false, "app-agg-repartition input other-store-changelog"},
		{streamsGroupsOptions{DeleteAllInternal: true}, false, "input other-store-changelog"},
	} {
		cl, err := client.New(t.Context(), client.Properties{"bootstrap.servers": address})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.o.deleteInternal(t.Context(), cl, g); (err != nil) != c.refused {
			t.Errorf("%v: %v", c.o.DeleteInternal, err)
		}
		cl.Close()
		out, errOut, _ := runKgo([]string{"topics", "--bootstrap-server", address, "--list"})
		if left := strings.Join(strings.Fields(out+errOut), " "); left != c.left {
			t.Errorf("%v: %s are left, want %s", c.o.DeleteInternal, left, c.left)
		}
	}
}

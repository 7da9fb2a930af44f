package brokertest_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/brokertest"
)

// What a broker without security answers to the requests that administer it: an error that says so, never a closed connection.
func TestSecurityRequestsWithoutSecurity(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl := brokertest.Start(t).Client()

	acls, err := kmsg.NewPtrDescribeACLsRequest().RequestWith(ctx, cl)
	if err != nil || acls.ErrorCode != kerr.SecurityDisabled.Code {
		t.Errorf("DescribeAcls: %v %v", acls, err)
	}
	create := kmsg.NewPtrCreateACLsRequest()
	create.Creations = make([]kmsg.CreateACLsRequestCreation, 2)
	created, err := create.RequestWith(ctx, cl)
	if err != nil || len(created.Results) != 2 || created.Results[1].ErrorCode != kerr.SecurityDisabled.Code {
		t.Errorf("CreateAcls: %v %v", created, err)
	}
	remove := kmsg.NewPtrDeleteACLsRequest()
	remove.Filters = make([]kmsg.DeleteACLsRequestFilter, 2)
	removed, err := remove.RequestWith(ctx, cl)
	if err != nil || len(removed.Results) != 2 || removed.Results[1].ErrorCode != kerr.SecurityDisabled.Code {
		t.Errorf("DeleteAcls: %v %v", removed, err)
	}
	tokens, err := kmsg.NewPtrDescribeDelegationTokenRequest().RequestWith(ctx, cl)
	if err != nil || tokens.ErrorCode != kerr.DelegationTokenRequestNotAllowed.Code {
		t.Errorf("DescribeDelegationToken: %v %v", tokens, err)
	}
	token, err := kmsg.NewPtrCreateDelegationTokenRequest().RequestWith(ctx, cl)
	if err != nil || token.ErrorCode != kerr.DelegationTokenRequestNotAllowed.Code || token.PrincipalName != "ANONYMOUS" {
		t.Errorf("CreateDelegationToken: %v %v", token, err)
	}
	hello, err := kmsg.NewPtrSASLHandshakeRequest().RequestWith(ctx, cl)
	if err != nil || hello.ErrorCode != kerr.IllegalSaslState.Code {
		t.Errorf("SaslHandshake: %v %v", hello, err)
	}

	quota := kmsg.NewPtrAlterClientQuotasRequest()
	quota.Entries = []kmsg.AlterClientQuotasRequestEntry{{
		Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: "user", Name: new("bob")}},
		Ops:    []kmsg.AlterClientQuotasRequestEntryOp{{Key: "producer_byte_rate", Value: 1000}},
	}}
	altered, err := quota.RequestWith(ctx, cl)
	if err != nil || len(altered.Entries) != 1 || altered.Entries[0].ErrorCode != 0 {
		t.Errorf("AlterClientQuotas: %v %v", altered, err)
	}
	quotas, err := kmsg.NewPtrDescribeClientQuotasRequest().RequestWith(ctx, cl)
	if err != nil || len(quotas.Entries) != 1 || quotas.Entries[0].Values[0].Value != 1000 {
		t.Errorf("DescribeClientQuotas: %v %v", quotas, err)
	}
	users, err := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest().RequestWith(ctx, cl)
	if err != nil || users.ErrorCode != 0 || len(users.Results) != 0 {
		t.Errorf("DescribeUserScramCredentials: %v %v", users, err)
	}
}

// Changes of configuration that a broker refuses by itself, with Apache Kafka's words.
func TestRefusedConfigChanges(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl := brokertest.Start(t).Client()
	type pair struct{ key, value string }
	row := func(kind kmsg.ConfigResourceType, name string, pairs ...pair) kmsg.IncrementalAlterConfigsRequestResource {
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kind, name
		for _, p := range pairs {
			c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			c.Name = p.key
			if p.value != "" {
				c.Value = &p.value
			}
			r.Configs = append(r.Configs, c)
		}
		return r
	}
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = []kmsg.IncrementalAlterConfigsRequestResource{
		row(kmsg.ConfigResourceTypeTopic, "keys", pair{"retention.ms", "1"}, pair{"retention.ms", "2"}),
		row(kmsg.ConfigResourceTypeTopic, "null", pair{"retention.ms", ""}, pair{"segment.ms", ""}),
		row(kmsg.ConfigResourceTypeTopic, "twice", pair{"retention.ms", "1"}),
		row(kmsg.ConfigResourceTypeTopic, "twice", pair{"retention.ms", "2"}),
		row(kmsg.ConfigResourceTypeBroker, "77", pair{"log.retention.ms", "1"}),
		row(kmsg.ConfigResourceTypeBroker, "abc", pair{"log.retention.ms", "1"}),
		row(kmsg.ConfigResourceTypeBrokerLogger, "77", pair{"root", "INFO"}),
		row(99, "x", pair{"a", "b"}),
		row(kmsg.ConfigResourceTypeClientMetrics, "", pair{"metrics", "a"}),
	}
	resp, err := req.RequestWith(ctx, cl.SeedBrokers()[0])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"keys: Error due to duplicate config keys",
		"null: Null value not supported for : retention.ms, segment.ms",
		"twice: Each resource must appear at most once.",
		"twice: Each resource must appear at most once.",
		"77: Unexpected broker id, expected 1, but received 77",
		"abc: Node id must be an integer, but it is: abc",
		"77: Unexpected node id. Expected 1, but received 77",
		"x: Unknown resource type 99",
		": Subscription name can't be empty",
	}
	if len(resp.Resources) != len(want) {
		t.Fatalf("%d rows, want %d", len(resp.Resources), len(want))
	}
	for i, r := range resp.Resources {
		if got := r.ResourceName + ": " + *r.ErrorMessage; got != want[i] || r.ErrorCode != kerr.InvalidRequest.Code {
			t.Errorf("row %d: %s (%d), want %s", i, got, r.ErrorCode, want[i])
		}
	}
}

// Groups live where the offsets topic has partitions, whatever offsets.topic.num.partitions says by now.
func TestGroupsWithAnOffsetsTopicOfAnotherSize(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	adm := kadm.NewClient(brokertest.Start(t).Client())
	if _, err := adm.CreateTopic(ctx, 2, 1, nil, "__consumer_offsets"); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.CreateTopic(ctx, 1, 1, nil, "topic"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		offsets := make(kadm.Offsets)
		offsets.AddOffset("topic", 0, 7, -1)
		if err := adm.CommitAllOffsets(ctx, name, offsets); err != nil {
			t.Errorf("group %s: %v", name, err)
		}
	}
}

package controller

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestClientQuotas(t *testing.T) {
	c := newCluster(t, testConfig(1))
	alter := func(typ string, name *string, ops ...kmsg.AlterClientQuotasRequestEntryOp) (int16, string, int) {
		req := kmsg.NewPtrAlterClientQuotasRequest()
		req.Entries = []kmsg.AlterClientQuotasRequestEntry{{Entity: []kmsg.AlterClientQuotasRequestEntryEntity{{Type: typ, Name: name}}, Ops: ops}}
		resp, records, err := c.handle(req)
		if err != nil {
			t.Fatal(err)
		}
		c.check()
		row := resp.(*kmsg.AlterClientQuotasResponse).Entries[0]
		message := ""
		if row.ErrorMessage != nil {
			message = *row.ErrorMessage
		}
		return row.ErrorCode, message, len(records)
	}
	set := func(key string, value float64) kmsg.AlterClientQuotasRequestEntryOp {
		return kmsg.AlterClientQuotasRequestEntryOp{Key: key, Value: value}
	}
	bob, ip, empty := new("bob"), new("10.0.0.1"), new("")
	for _, tc := range []struct {
		typ     string
		name    *string
		op      kmsg.AlterClientQuotasRequestEntryOp
		code    int16
		message string
		records int
	}{
		{"user", bob, set("producer_byte_rate", 1000), 0, "", 1},
		{"user", bob, set("producer_byte_rate", 1000), 0, "", 0},
		{"user", nil, set("request_percentage", 12.5), 0, "", 1},
		{"ip", ip, set("connection_creation_rate", 10), 0, "", 1},
		{"ip", ip, set("producer_byte_rate", 10), 42, "Invalid configuration key producer_byte_rate", 0},
		{"ip", new("1.2.3.4.5"), set("connection_creation_rate", 10), 42, "1.2.3.4.5 is not a valid IP or resolvable host.", 0},
		{"user", empty, set("producer_byte_rate", 10), 42, "Empty user not supported", 0},
		{"group", bob, set("producer_byte_rate", 10), 42, "Unhandled client quota entity type: group", 0},
		{"user", bob, set("producer_byte_rate", 1.5), 42, "producer_byte_rate cannot be a fractional value.", 0},
		{"user", bob, set("producer_byte_rate", 0), 42, "Quota producer_byte_rate must be greater than 0", 0},
		{"ip", ip, set("connection_creation_rate", 3e9), 42, "Proposed value for connection_creation_rate is too large for an INT.", 0},
		{"user", bob, kmsg.AlterClientQuotasRequestEntryOp{Key: "producer_byte_rate", Remove: true}, 0, "", 1},
		{"user", bob, kmsg.AlterClientQuotasRequestEntryOp{Key: "producer_byte_rate", Remove: true}, 0, "", 0},
	} {
		if code, message, records := alter(tc.typ, tc.name, tc.op); code != tc.code || message != tc.message || records != tc.records {
			t.Errorf("%s %v: code %d, %q, %d records; want %d, %q, %d", tc.typ, tc.op, code, message, records, tc.code, tc.message, tc.records)
		}
	}
	req := kmsg.NewPtrDescribeClientQuotasRequest()
	req.Components = []kmsg.DescribeClientQuotasRequestComponent{{EntityType: "user", MatchType: matchSpecified}}
	resp, _, err := c.handle(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(resp.(*kmsg.DescribeClientQuotasResponse).Entries); len(resp.(*kmsg.DescribeClientQuotasResponse).Entries) != 1 {
		t.Errorf("quotas of users: %s, want the default's only", got)
	}
}

func TestScramCredentials(t *testing.T) {
	c := newCluster(t, testConfig(1))
	req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	up := kmsg.AlterUserSCRAMCredentialsRequestUpsertion{Name: "alice", Mechanism: 1, Iterations: 4096, Salt: []byte("salt"), SaltedPassword: []byte("salted")}
	weak, twice := up, up
	weak.Name, weak.Iterations = "weak", 4095
	twice.Name = "twice"
	req.Upsertions = []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{up, weak, twice, twice}
	req.Deletions = []kmsg.AlterUserSCRAMCredentialsRequestDeletion{{Name: "nobody", Mechanism: 1}}
	resp, _, err := c.handle(req)
	if err != nil {
		t.Fatal(err)
	}
	c.check()
	want := map[string]*kerr.Error{"nobody": kerr.ResourceNotFound, "alice": nil, "weak": kerr.UnacceptableCredential, "twice": kerr.DuplicateResource}
	for _, row := range resp.(*kmsg.AlterUserSCRAMCredentialsResponse).Results {
		if got := kerr.TypedErrorForCode(row.ErrorCode); got != want[row.User] {
			t.Errorf("%s: %v, want %v", row.User, got, want[row.User])
		}
	}
	cred := c.core.Image().ScramCredential("alice", 1)
	if cred == nil || len(cred.StoredKey) != 32 || len(cred.ServerKey) != 32 {
		t.Fatalf("alice's credential is %+v", cred)
	}
	describe := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	shown := DescribeUserScramCredentials(c.core.Image(), describe)
	if len(shown.Results) != 1 || shown.Results[0].User != "alice" || shown.Results[0].CredentialInfos[0].Iterations != 4096 {
		t.Errorf("described: %+v", shown.Results)
	}
}

func TestACLs(t *testing.T) {
	c := newCluster(t, testConfig(1))
	entry := kmsg.CreateACLsRequestCreation{ResourceType: 2, ResourceName: "orders", ResourcePatternType: 3, Principal: "User:bob", Host: "*", Operation: 3, PermissionType: 3}
	prefix, anyType, noColon, odd := entry, entry, entry, entry
	prefix.ResourceName, prefix.ResourcePatternType = "ord", 4
	anyType.ResourceType = 1
	noColon.Principal = "bob"
	odd.ResourceType, odd.ResourceName = 4, "my-cluster"
	req := kmsg.NewPtrCreateACLsRequest()
	req.Version = 3
	req.Creations = []kmsg.CreateACLsRequestCreation{entry, entry, prefix, anyType, noColon, odd}
	resp, records, err := c.handle(req)
	if err != nil {
		t.Fatal(err)
	}
	c.check()
	var messages []string
	for _, row := range resp.(*kmsg.CreateACLsResponse).Results {
		if row.ErrorMessage != nil {
			messages = append(messages, *row.ErrorMessage)
		}
	}
	if len(records) != 2 || fmt.Sprint(messages) != "[Invalid resourceType ANY Could not parse principal from `bob` (no colon is present separating the principal type from the principal name) The only valid name for the CLUSTER resource is kafka-cluster]" {
		t.Errorf("%d records, messages %q", len(records), messages)
	}
	describe := kmsg.NewPtrDescribeACLsRequest()
	describe.Version, describe.ResourceType, describe.ResourcePatternType, describe.Operation, describe.PermissionType = 3, 2, patternMatch, 1, 1
	describe.ResourceName = new("orders")
	shown, err := DescribeACLs(c.core.Image(), describe)
	if err != nil || len(shown.Resources) != 2 {
		t.Fatalf("what applies to orders: %+v (%v)", shown, err)
	}
	del := kmsg.NewPtrDeleteACLsRequest()
	del.Version = 3
	all := kmsg.DeleteACLsRequestFilter{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1}
	del.Filters = []kmsg.DeleteACLsRequestFilter{all, all, {ResourceType: 0, ResourcePatternType: 1, Operation: 1, PermissionType: 1}}
	resp, records, err = c.handle(del)
	if err != nil {
		t.Fatal(err)
	}
	c.check()
	results := resp.(*kmsg.DeleteACLsResponse).Results
	if len(records) != 2 || len(results[0].MatchingACLs) != 2 || len(results[1].MatchingACLs) != 2 || results[2].ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("%d records, results %+v", len(records), results)
	}
}

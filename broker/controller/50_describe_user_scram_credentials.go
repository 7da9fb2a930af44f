package controller

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/metadata"
)

// DescribeUserScramCredentials (v0)
//
// Says which SCRAM mechanisms users have credentials for, and with how many iterations (KIP-554): of the users named, or of all (null or none). It
// needs nothing but an image, so that brokers answer it themselves.
func DescribeUserScramCredentials(image *metadata.Image, req *kmsg.DescribeUserSCRAMCredentialsRequest) *kmsg.DescribeUserSCRAMCredentialsResponse {
	infos := make(map[string][]kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo)
	for key, cred := range image.ScramCredentials() {
		infos[key.User] = append(infos[key.User], kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo{Mechanism: int8(key.Mechanism), Iterations: cred.Iterations})
	}
	requested := newNameSet(req.Users, func(u kmsg.DescribeUserSCRAMCredentialsRequestUser) string { return u.Name })
	var users []string
	for user := range requested.times {
		users = append(users, user)
	}
	if len(req.Users) == 0 {
		for user := range infos {
			users = append(users, user)
		}
	}
	slices.Sort(users)
	resp := responseTo[*kmsg.DescribeUserSCRAMCredentialsResponse](req)
	resp.ErrorMessage = new("") // as Apache Kafka has it: empty, not null
	for _, user := range users {
		row := kmsg.NewDescribeUserSCRAMCredentialsResponseResult()
		row.User = user
		switch known := infos[user]; {
		case requested.duplicate(user):
			row.ErrorCode = kerr.DuplicateResource.Code
			row.ErrorMessage = new("Cannot describe SCRAM credentials for the same user twice in a single request: " + user)
		case len(known) == 0:
			row.ErrorCode = kerr.ResourceNotFound.Code
			row.ErrorMessage = new("Attempt to describe a user credential that does not exist: " + user)
		default:
			slices.SortFunc(known, func(a, b kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo) int {
				return int(a.Mechanism) - int(b.Mechanism)
			})
			row.CredentialInfos, row.ErrorMessage = known, new("")
		}
		resp.Results = append(resp.Results, row)
	}
	return resp
}

func (c *call) describeUserScramCredentials(req *kmsg.DescribeUserSCRAMCredentialsRequest) (Result, error) {
	return Result{Response: DescribeUserScramCredentials(c.image, req)}, nil
}

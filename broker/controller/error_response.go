package controller

import "github.com/twmb/franz-go/pkg/kmsg"

// ErrorResponse is the response to a request that was refused as a whole, with the error wherever the response has room for one: at the top,
// or in the row of everything that was asked for. It returns nil for requests that the controller doesn't handle.
func ErrorResponse(req kmsg.Request, err error) kmsg.Response {
	code, message := errorCode(err), errorMessage(err)
	resp := req.ResponseKind()
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		for _, t := range req.(*kmsg.CreateTopicsRequest).Topics {
			row := kmsg.NewCreateTopicsResponseTopic()
			row.Topic, row.ErrorCode, row.ErrorMessage = t.Topic, code, message
			r.Topics = append(r.Topics, row)
		}
	case *kmsg.DeleteTopicsResponse:
		refuseDeletions(req.(*kmsg.DeleteTopicsRequest), r, code, message)
	case *kmsg.CreatePartitionsResponse:
		for _, t := range req.(*kmsg.CreatePartitionsRequest).Topics {
			row := kmsg.NewCreatePartitionsResponseTopic()
			row.Topic, row.ErrorCode, row.ErrorMessage = t.Topic, code, message
			r.Topics = append(r.Topics, row)
		}
	case *kmsg.AlterConfigsResponse:
		for _, res := range req.(*kmsg.AlterConfigsRequest).Resources {
			row := kmsg.NewAlterConfigsResponseResource()
			row.ResourceType, row.ResourceName, row.ErrorCode, row.ErrorMessage = res.ResourceType, res.ResourceName, code, message
			r.Resources = append(r.Resources, row)
		}
	case *kmsg.IncrementalAlterConfigsResponse:
		for _, res := range req.(*kmsg.IncrementalAlterConfigsRequest).Resources {
			row := kmsg.NewIncrementalAlterConfigsResponseResource()
			row.ResourceType, row.ResourceName, row.ErrorCode, row.ErrorMessage = res.ResourceType, res.ResourceName, code, message
			r.Resources = append(r.Resources, row)
		}
	default:
		return refuseAtTop(req, resp, code, message)
	}
	return resp
}

func refuseDeletions(req *kmsg.DeleteTopicsRequest, r *kmsg.DeleteTopicsResponse, code int16, message *string) {
	add := func(name *string, id [16]byte) {
		row := kmsg.NewDeleteTopicsResponseTopic()
		row.Topic, row.TopicID, row.ErrorCode, row.ErrorMessage = name, id, code, message
		r.Topics = append(r.Topics, row)
	}
	if req.Version >= 6 {
		for _, t := range req.Topics {
			add(t.Topic, t.TopicID)
		}
		return
	}
	for _, name := range req.TopicNames {
		add(&name, [16]byte{})
	}
}

func refuseAtTop(req kmsg.Request, resp kmsg.Response, code int16, message *string) kmsg.Response {
	switch r := resp.(type) {
	case *kmsg.BrokerRegistrationResponse:
		r.ErrorCode = code
	case *kmsg.BrokerHeartbeatResponse:
		r.ErrorCode = code
	case *kmsg.UnregisterBrokerResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.ControllerRegistrationResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.AllocateProducerIDsResponse:
		r.ErrorCode = code
	case *kmsg.AlterPartitionResponse:
		r.ErrorCode = code
	case *kmsg.AssignReplicasToDirsResponse:
		r.ErrorCode = code
	case *kmsg.AlterPartitionAssignmentsResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.ListPartitionReassignmentsResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.UpdateFeaturesResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.DescribeQuorumResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.DescribeClientQuotasResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.DescribeUserSCRAMCredentialsResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.DescribeACLsResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.AddRaftVoterResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.RemoveRaftVoterResponse:
		r.ErrorCode, r.ErrorMessage = code, message
	case *kmsg.UpdateRaftVoterResponse:
		r.ErrorCode = code
	default:
		return refuseRows(req, resp, code, message)
	}
	return resp
}

func refuseRows(req kmsg.Request, resp kmsg.Response, code int16, message *string) kmsg.Response {
	switch r := resp.(type) {
	case *kmsg.ElectLeadersResponse:
		r.ErrorCode = code
		for _, t := range req.(*kmsg.ElectLeadersRequest).Topics {
			topic := kmsg.NewElectLeadersResponseTopic()
			topic.Topic = t.Topic
			for _, p := range t.Partitions {
				row := kmsg.NewElectLeadersResponseTopicPartition()
				row.Partition, row.ErrorCode, row.ErrorMessage = p, code, message
				topic.Partitions = append(topic.Partitions, row)
			}
			r.Topics = append(r.Topics, topic)
		}
	case *kmsg.AlterClientQuotasResponse:
		for _, e := range req.(*kmsg.AlterClientQuotasRequest).Entries {
			row := kmsg.NewAlterClientQuotasResponseEntry()
			row.ErrorCode, row.ErrorMessage = code, message
			for _, part := range e.Entity {
				row.Entity = append(row.Entity, kmsg.AlterClientQuotasResponseEntryEntity{Type: part.Type, Name: part.Name})
			}
			r.Entries = append(r.Entries, row)
		}
	case *kmsg.AlterUserSCRAMCredentialsResponse:
		for _, user := range scramUsers(req.(*kmsg.AlterUserSCRAMCredentialsRequest)) {
			row := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
			row.User, row.ErrorCode, row.ErrorMessage = user, code, message
			r.Results = append(r.Results, row)
		}
	case *kmsg.CreateACLsResponse:
		for range req.(*kmsg.CreateACLsRequest).Creations {
			row := kmsg.NewCreateACLsResponseResult()
			row.ErrorCode, row.ErrorMessage = code, message
			r.Results = append(r.Results, row)
		}
	case *kmsg.DeleteACLsResponse:
		for range req.(*kmsg.DeleteACLsRequest).Filters {
			row := kmsg.NewDeleteACLsResponseResult()
			row.ErrorCode, row.ErrorMessage = code, message
			r.Results = append(r.Results, row)
		}
	default:
		return nil
	}
	return resp
}

// scramUsers returns the users that a request names, each once, in the order in which they first come.
func scramUsers(req *kmsg.AlterUserSCRAMCredentialsRequest) []string {
	var users []string
	seen := make(map[string]bool)
	add := func(user string) {
		if !seen[user] {
			seen[user] = true
			users = append(users, user)
		}
	}
	for _, d := range req.Deletions {
		add(d.Name)
	}
	for _, u := range req.Upsertions {
		add(u.Name)
	}
	return users
}

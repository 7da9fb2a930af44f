package controller

import "github.com/twmb/franz-go/pkg/kmsg"

// handlers is the table of what the controller answers, by API key.
var handlers = map[int16]handlerFunc{
	19: on[*kmsg.CreateTopicsRequest]((*call).createTopics),
	20: on[*kmsg.DeleteTopicsRequest]((*call).deleteTopics),
	29: on[*kmsg.DescribeACLsRequest]((*call).describeACLs),
	30: on[*kmsg.CreateACLsRequest]((*call).createACLs),
	31: on[*kmsg.DeleteACLsRequest]((*call).deleteACLs),
	33: on[*kmsg.AlterConfigsRequest]((*call).alterConfigs),
	37: on[*kmsg.CreatePartitionsRequest]((*call).createPartitions),
	43: on[*kmsg.ElectLeadersRequest]((*call).electLeaders),
	44: on[*kmsg.IncrementalAlterConfigsRequest]((*call).incrementalAlterConfigs),
	45: on[*kmsg.AlterPartitionAssignmentsRequest]((*call).alterPartitionReassignments),
	46: on[*kmsg.ListPartitionReassignmentsRequest]((*call).listPartitionReassignments),
	48: on[*kmsg.DescribeClientQuotasRequest]((*call).describeClientQuotas),
	49: on[*kmsg.AlterClientQuotasRequest]((*call).alterClientQuotas),
	50: on[*kmsg.DescribeUserSCRAMCredentialsRequest]((*call).describeUserScramCredentials),
	51: on[*kmsg.AlterUserSCRAMCredentialsRequest]((*call).alterUserScramCredentials),
	55: on[*kmsg.DescribeQuorumRequest]((*call).describeQuorum),
	56: on[*kmsg.AlterPartitionRequest]((*call).alterPartition),
	57: on[*kmsg.UpdateFeaturesRequest]((*call).updateFeatures),
	62: on[*kmsg.BrokerRegistrationRequest]((*call).brokerRegistration),
	63: on[*kmsg.BrokerHeartbeatRequest]((*call).brokerHeartbeat),
	64: on[*kmsg.UnregisterBrokerRequest]((*call).unregisterBroker),
	67: on[*kmsg.AllocateProducerIDsRequest]((*call).allocateProducerIDs),
	70: on[*kmsg.ControllerRegistrationRequest]((*call).controllerRegistration),
	73: on[*kmsg.AssignReplicasToDirsRequest]((*call).assignReplicasToDirs),
}

// Handles reports whether the controller answers requests of this API key.
func Handles(key int16) bool {
	_, ok := handlers[key]
	return ok
}

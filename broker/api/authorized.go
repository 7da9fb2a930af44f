package api

import "math"

// Operations of access rules, by the protocol's numbers.
const (
	opRead            = 3
	opWrite           = 4
	opCreate          = 5
	opDelete          = 6
	opAlter           = 7
	opDescribe        = 8
	opClusterAction   = 9
	opDescribeConfigs = 10
	opAlterConfigs    = 11
	opIdempotentWrite = 12
)

// What a client may do with a resource where nothing forbids it: every operation that the kind of resource knows (KIP-430).
const (
	topicOperations = 1<<opRead | 1<<opWrite | 1<<opCreate | 1<<opDelete | 1<<opAlter | 1<<opDescribe | 1<<opDescribeConfigs | 1<<opAlterConfigs
	groupOperations = 1<<opRead | 1<<opDelete | 1<<opDescribe | 1<<opDescribeConfigs | 1<<opAlterConfigs

	clusterOperations = 1<<opCreate | 1<<opAlter | 1<<opDescribe | 1<<opClusterAction | 1<<opDescribeConfigs | 1<<opAlterConfigs | 1<<opIdempotentWrite
)

// authorizedOperations is a response's bit field: the lowest int32 says that the client did not ask.
func authorizedOperations(asked bool, all int32) int32 {
	if !asked {
		return math.MinInt32
	}
	return all
}

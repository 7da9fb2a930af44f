package commands

import (
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// javaClasses are the names of exceptions that do not follow from the name of the error code.
var javaClasses = map[string]string{
	"UNKNOWN_SERVER_ERROR":                  "UnknownServerException",
	"CORRUPT_MESSAGE":                       "CorruptRecordException",
	"INVALID_TOPIC_EXCEPTION":               "InvalidTopicException",
	"MESSAGE_TOO_LARGE":                     "RecordTooLargeException",
	"RECORD_LIST_TOO_LARGE":                 "RecordBatchTooLargeException",
	"REQUEST_TIMED_OUT":                     "TimeoutException",
	"NETWORK_EXCEPTION":                     "NetworkException",
	"NOT_LEADER_FOR_PARTITION":              "NotLeaderOrFollowerException",
	"NON_EMPTY_GROUP":                       "GroupNotEmptyException",
	"INVALID_CONFIG":                        "InvalidConfigurationException",
	"TOPIC_ALREADY_EXISTS":                  "TopicExistsException",
	"TOPIC_AUTHORIZATION_FAILED":            "TopicAuthorizationException",
	"GROUP_AUTHORIZATION_FAILED":            "GroupAuthorizationException",
	"CLUSTER_AUTHORIZATION_FAILED":          "ClusterAuthorizationException",
	"TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "TransactionalIdAuthorizationException",
	"DELEGATION_TOKEN_AUTHORIZATION_FAILED": "DelegationTokenAuthorizationException",
	"SASL_AUTHENTICATION_FAILED":            "SaslAuthenticationException",
	"PREFERRED_LEADER_NOT_AVAILABLE":        "PreferredLeaderNotAvailableException",
	"DELEGATION_TOKEN_AUTH_DISABLED":        "DelegationTokenDisabledException",
	"KAFKA_STORAGE_ERROR":                   "KafkaStorageException",
	"FENCED_LEADER_EPOCH":                   "FencedLeaderEpochException",
	"ELECTION_NOT_NEEDED":                   "ElectionNotNeededException",
	"UNKNOWN_PRODUCER_ID":                   "UnknownProducerIdException",
	"INVALID_PRODUCER_ID_MAPPING":           "InvalidPidMappingException",
}

// javaClass is the name of the exception by which the originals show an error of the cluster.
func javaClass(kind *kerr.Error) string {
	const pkg = "org.apache.kafka.common.errors."
	if name, irregular := javaClasses[kind.Message]; irregular {
		return pkg + name
	}
	var name strings.Builder
	for part := range strings.SplitSeq(strings.ToLower(kind.Message), "_") {
		name.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return pkg + name.String() + "Exception"
}

// javaError prints an error as the originals do where they show the exception itself: its class, then its text.
func javaError(err error) string {
	var kind *kerr.Error
	if !errors.As(err, &kind) {
		return err.Error()
	}
	if own, ok := errors.AsType[*kafkaError](err); ok {
		return javaClass(kind) + ": " + own.text
	}
	return javaClass(kind) + ": " + kind.Description
}

package group

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/kgo-project/kgo/broker/wire"
)

// protocolError finds the error to answer with.
func protocolError(err error) *kerr.Error {
	if code, ok := errors.AsType[*kerr.Error](err); ok {
		return code
	}
	return kerr.UnknownServerError
}

func errorCode(err error) int16 {
	if err == nil {
		return 0
	}
	return protocolError(err).Code
}

func errorMessage(err error) *string {
	if refused, ok := errors.AsType[*wire.Refusal](err); ok {
		return &refused.Text
	}
	return nil
}

// writeError translates an error of the log into one that clients of the coordinator know, as Kafka does: their reaction to the
// log's own errors would be wrong, because they don't write to that log.
func writeError(err error) error {
	if err == nil {
		return nil
	}
	switch code := protocolError(err); code {
	case kerr.UnknownTopicOrPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut:
		return kerr.CoordinatorNotAvailable
	case kerr.NotLeaderForPartition, kerr.KafkaStorageError:
		return kerr.NotCoordinator
	case kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidFetchSize:
		return kerr.UnknownServerError
	default:
		return err
	}
}

// memberError is what a member that waits in a rebalance is told when its coordinator goes away.
func memberError(err error) error {
	if code := protocolError(err); code == kerr.CoordinatorLoadInProgress {
		return code
	}
	return kerr.NotCoordinator
}

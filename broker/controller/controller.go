package controller

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
)

// Quorum is what the controller needs of the metadata quorum.
type Quorum interface {
	// Propose appends the records as one atomic batch, provided that this node still leads in leaderEpoch. It returns once they are committed
	// and applied to the Store on this node. After an error they may or may not be in the log.
	Propose(ctx context.Context, leaderEpoch int32, records [][]byte) (baseOffset int64, err error)
	// Resign gives up leadership of leaderEpoch, if this node still has it.
	Resign(leaderEpoch int32)
}

// ConfigSchema is what the controller needs to know about config keys. Messages are Apache Kafka's.
type ConfigSchema interface {
	// Validate returns an error, fit for the client's eyes, where value can't be set for key on a resource of this type.
	Validate(typ metadata.ConfigResourceType, key, value string) error
	// IsList reports whether APPEND and SUBTRACT make sense for the key.
	IsList(typ metadata.ConfigResourceType, key string) bool
	// Default returns the value that holds for a resource which has none set; ok is false for an unknown key.
	Default(typ metadata.ConfigResourceType, key string) (value string, ok bool)
	// IsSensitive reports whether the value must not appear in messages and logs.
	IsSensitive(typ metadata.ConfigResourceType, key string) bool
}

// Context is who asks.
type Context struct {
	Principal string // "User:name", for the owner of what the request creates
	// CanDescribe and the like aren't here: authorization happened before the request reached the controller.
}

// ErrNotController says that this node isn't the active controller, or ceased to be before the request's records were committed.
var ErrNotController = errors.New("this node is not the active controller")

// ErrTimedOut says that the request waited in the queue longer than it was willing to.
var ErrTimedOut = errors.New("the request timed out before the controller got to it")

// Requester is the broker's side of the controller, in-process or over the network.
type Requester interface {
	Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error)
}

// ActiveController says who leads the quorum now: ident.NoBroker when nobody is known to.
type ActiveController struct {
	ID          ident.BrokerID
	LeaderEpoch int32
}

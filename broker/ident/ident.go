// Package ident holds the identifiers that every layer of the broker shares: who a broker is, which topic, which partition.
//
// They are types of their own so that an id can't be passed where a count or an offset is meant.
package ident

import (
	"encoding/base64"
	"fmt"
	"strconv"
)

// BrokerID is a node's id in the cluster (node.id, broker.id). NoBroker stands for "none", as in Kafka's protocol.
type BrokerID int32

// NoBroker is the id the protocol uses where there is no broker: a partition without a leader, a consumer that is not a replica.
const NoBroker BrokerID = -1

// UUID is Kafka's 128-bit id, in the byte order of the wire. The zero value means "none".
type UUID [16]byte

// TopicID identifies one incarnation of a topic: a topic deleted and created again under its name has a new one (KIP-516).
type TopicID = UUID

// IsZero reports whether u is the id that means "none".
func (u UUID) IsZero() bool { return u == UUID{} }

// String writes u as Kafka does: 22 characters of URL-safe base64 without padding.
func (u UUID) String() string { return base64.RawURLEncoding.EncodeToString(u[:]) }

// MarshalText is String, for files in JSON.
func (u UUID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText is ParseUUID; no text at all is the id that means "none".
func (u *UUID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = UUID{}
		return nil
	}
	id, err := ParseUUID(string(text))
	*u = id
	return err
}

// ParseUUID reads the form that String writes; padding ("==") is accepted, as Kafka accepts it.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	for len(s) > 0 && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return u, fmt.Errorf("id %q is not URL-safe base64: %w", s, err)
	}
	if len(raw) != len(u) {
		return u, fmt.Errorf("id %q holds %d bytes, not %d", s, len(raw), len(u))
	}
	copy(u[:], raw)
	return u, nil
}

// TopicPartition names one partition of a topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String is the form of Kafka's log lines and directory names: topic-partition.
func (tp TopicPartition) String() string {
	return tp.Topic + "-" + strconv.Itoa(int(tp.Partition))
}

// Principal is who a connection belongs to, as access rules name them: "User:alice".
type Principal struct{ Type, Name string }

// Anonymous is the principal of a connection that nobody has authenticated.
var Anonymous = Principal{Type: "User", Name: "ANONYMOUS"}

// String writes p as Kafka does: type:name.
func (p Principal) String() string { return p.Type + ":" + p.Name }

// Package record holds the messages that Kafka writes into its own logs, as Go structs with codecs generated from Kafka's schemas:
//
//   - the metadata log (__cluster_metadata): TopicRecord, PartitionRecord, ConfigRecord, ... see [AppendMetadata] and [ReadMetadata];
//   - the coordinators' topics: __consumer_offsets (group), __transaction_state (txn), __share_group_state (share), see [AppendKey], [AppendValue],
//     [Group], [Txn] and [Share];
//   - control records and snapshot frames: LeaderChangeMessage, VotersRecord, SnapshotHeaderRecord, EndTxnMarker, ...
//
// Read Message first. A metadata record in a log is framed:
//
//	+----------------------+-----------------+-----------------+---------+
//	| frame version = 1    | api key         | version         | message |
//	| unsigned varint      | unsigned varint | unsigned varint |         |
//	+----------------------+-----------------+-----------------+---------+
//
// A coordinator's key is an int16 type and the key's message, its value an int16 version and the value's message.
//
// The schemas are in schemas.txt, in a condensed form; `go generate` writes the *_gen.go files from it. What the package does not do:
// requests and responses, which are kmsg's; record batches, which are package batch's.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
)

//go:generate go run ./internal/gen

// Message is one of the generated messages.
type Message interface {
	// MessageName is Kafka's name of the message, PartitionRecord for example.
	MessageName() string
	// APIKey is the metadata record's api key or the coordinator record's type; -1 for messages that have neither.
	APIKey() int16
	// VersionRange is the lowest and the highest version that this package reads and writes.
	VersionRange() (lowest, highest int16)
	// AppendTo appends the message to dst. It fails on a version out of range and where the version can't carry what the message holds.
	AppendTo(dst []byte, version int16) ([]byte, error)
	// ReadFrom sets the message from the front of src and returns what follows it. Nothing in the message refers to src afterwards.
	ReadFrom(src []byte, version int16) (rest []byte, err error)
	// AppendJSON appends the message as Kafka's JSON converters write it, the form that kafka-dump-log prints.
	AppendJSON(dst []byte, version int16) []byte
}

// ErrCorrupt is wrapped by every error about bytes that are not a well-formed message.
var ErrCorrupt = errors.New("not a well-formed record")

// ErrUnknownType is wrapped where a record's api key or type is not one that this package knows. A reader of coordinator topics skips
// such records, as Kafka does: a newer release may have written them.
var ErrUnknownType = errors.New("unknown record type")

// UnknownTag is a tagged field that the schema does not name. It is kept and written back.
type UnknownTag struct {
	Tag  uint32
	Data []byte
}

const metadataFrameVersion = 1

// AppendMetadata appends a metadata record with its frame: the value of a record in the metadata log.
func AppendMetadata(dst []byte, m Message, version int16) ([]byte, error) {
	dst = binary.AppendUvarint(dst, metadataFrameVersion)
	dst = binary.AppendUvarint(dst, uint64(m.APIKey()))
	dst = binary.AppendUvarint(dst, uint64(version))
	return m.AppendTo(dst, version)
}

// ReadMetadata reads what AppendMetadata writes. src has to be exactly one record's value.
func ReadMetadata(src []byte) (Message, int16, error) { return readFramed(src, newMetadata) }

// ReadRemote reads the value of a record of __remote_log_metadata (tiered storage), which has the frame of a metadata record.
func ReadRemote(src []byte) (Message, int16, error) { return readFramed(src, newRemote) }

func readFramed(src []byte, newMessage func(key int16) Message) (Message, int16, error) {
	r := reader{src: src}
	if v := r.uvarint(); r.err == nil && v != metadataFrameVersion {
		return nil, 0, fmt.Errorf("%w: metadata frame version %d, not %d", ErrCorrupt, v, metadataFrameVersion)
	}
	key, version := r.uvarint(), r.uvarint()
	if r.err != nil {
		return nil, 0, r.err
	}
	if key > 1<<15-1 || version > 1<<15-1 {
		return nil, 0, fmt.Errorf("%w: api key %d, version %d", ErrCorrupt, key, version)
	}
	m := newMessage(int16(key))
	if m == nil {
		return nil, 0, fmt.Errorf("metadata api key %d: %w", key, ErrUnknownType)
	}
	rest, err := m.ReadFrom(r.src, int16(version))
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes after a %s", ErrCorrupt, len(rest), m.MessageName())
	}
	return m, int16(version), err
}

// NewMetadata returns a metadata record with default values, nil for an unknown api key.
func NewMetadata(apiKey int16) Message { return newMetadata(apiKey) }

// Family is the set of record types of one coordinator's topic.
type Family struct {
	name       string
	key, value func(recordType int16) Message
}

// The coordinators' families: the records of __consumer_offsets, __transaction_state and __share_group_state.
var (
	Group = Family{"group", newGroupKey, newGroupValue}
	Txn   = Family{"transaction", newTxnKey, newTxnValue}
	Share = Family{"share", newShareKey, newShareValue}
)

// AppendKey appends a coordinator record's key: its type, then the message. Keys have version 0 only.
func AppendKey(dst []byte, key Message) ([]byte, error) {
	return key.AppendTo(binary.BigEndian.AppendUint16(dst, uint16(key.APIKey())), 0)
}

// AppendValue appends a coordinator record's value: its version, then the message.
func AppendValue(dst []byte, value Message, version int16) ([]byte, error) {
	return value.AppendTo(binary.BigEndian.AppendUint16(dst, uint16(version)), version)
}

// ReadKey reads a key of the family. An unknown type is ErrUnknownType.
func (f Family) ReadKey(src []byte) (Message, error) {
	r := reader{src: src}
	recordType := r.int16()
	if r.err != nil {
		return nil, r.err
	}
	m := f.key(recordType)
	if m == nil {
		return nil, fmt.Errorf("%s record type %d: %w", f.name, recordType, ErrUnknownType)
	}
	_, err := m.ReadFrom(r.src, 0)
	return m, err
}

// ReadValue reads the value that belongs to a key of the type. src is not empty: a null value is a tombstone and has no message.
func (f Family) ReadValue(recordType int16, src []byte) (Message, int16, error) {
	r := reader{src: src}
	version := r.int16()
	if r.err != nil {
		return nil, 0, r.err
	}
	m := f.value(recordType)
	if m == nil {
		return nil, 0, fmt.Errorf("%s record type %d: %w", f.name, recordType, ErrUnknownType)
	}
	_, err := m.ReadFrom(r.src, version)
	return m, version, err
}

package quorum

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/kgo-project/kgo/broker/ident"
)

// The voters' protocol. A connection carries messages in one direction, from the node that dialed it. It begins with a greeting:
//
//	"KGOQ" | version uint8 | from node int32 | to node int32 | length uint16, cluster id
//
// which the other side answers with one byte: 0 welcome, 1 another cluster, 2 another version, 3 not me. Then frames follow:
//
//	length uint32 | a raftpb.Message in protobuf's encoding
const (
	protocolMagic   = "KGOQ"
	protocolVersion = 1
	maxClusterID    = 256

	// MaxFrameBytes bounds a frame: the largest batch, or a snapshot of the whole metadata.
	MaxFrameBytes = 512 << 20
	// frameStep is how much of a frame is read at a time, so that memory follows the bytes that have come, not those announced.
	frameStep = 1 << 20
)

// The answers to a greeting.
const (
	welcome       = 0
	otherCluster  = 1
	otherVersion  = 2
	otherReceiver = 3
)

// errRefused is wrapped where a peer did not welcome a greeting: trying again soon will not help.
var errRefused = errors.New("the peer refused the connection")

func answerError(answer byte) error {
	switch answer {
	case welcome:
		return nil
	case otherCluster:
		return fmt.Errorf("%w: it belongs to another cluster (check cluster.id in meta.properties)", errRefused)
	case otherVersion:
		return fmt.Errorf("%w: it speaks another version of the quorum's protocol", errRefused)
	case otherReceiver:
		return fmt.Errorf("%w: its node.id is not the one configured for this address", errRefused)
	}
	return fmt.Errorf("%w: it answered %d", errRefused, answer)
}

type greeting struct {
	version   byte
	from, to  ident.BrokerID
	clusterID string
}

func (g greeting) append(dst []byte) []byte {
	dst = append(dst, protocolMagic...)
	dst = append(dst, protocolVersion)
	dst = binary.BigEndian.AppendUint32(dst, uint32(g.from))
	dst = binary.BigEndian.AppendUint32(dst, uint32(g.to))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(g.clusterID)))
	return append(dst, g.clusterID...)
}

func readGreeting(r io.Reader) (g greeting, err error) {
	var fixed [len(protocolMagic) + 1 + 4 + 4 + 2]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return g, err
	}
	if string(fixed[:4]) != protocolMagic {
		return g, errors.New("what connected is not a quorum node")
	}
	size := binary.BigEndian.Uint16(fixed[13:])
	if size > maxClusterID {
		return g, fmt.Errorf("a cluster id of %d bytes", size)
	}
	id := make([]byte, size)
	_, err = io.ReadFull(r, id)
	return greeting{
		version: fixed[4], from: ident.BrokerID(binary.BigEndian.Uint32(fixed[5:])), to: ident.BrokerID(binary.BigEndian.Uint32(fixed[9:])), clusterID: string(id),
	}, err
}

// appendFrame appends a message with its length.
func appendFrame(dst []byte, m *raftpb.Message) ([]byte, error) {
	at := len(dst)
	dst, err := proto.MarshalOptions{}.MarshalAppend(append(dst, 0, 0, 0, 0), m)
	if err != nil {
		return dst[:at], err
	}
	size := len(dst) - at - 4
	if size > MaxFrameBytes {
		return dst[:at], fmt.Errorf("message of %d bytes: at most %d", size, MaxFrameBytes)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(size))
	return dst, nil
}

// readFrame reads a message. It takes memory as the bytes come.
func readFrame(r io.Reader) (*raftpb.Message, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(prefix[:]))
	if size > MaxFrameBytes {
		return nil, fmt.Errorf("message of %d bytes: at most %d", size, MaxFrameBytes)
	}
	var buf []byte
	for len(buf) < size {
		step := min(size-len(buf), max(frameStep, len(buf)))
		at := len(buf)
		buf = slices.Grow(buf, step)[:at+step]
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	m := new(raftpb.Message)
	if err := proto.Unmarshal(buf, m); err != nil {
		return nil, err
	}
	return m, nil
}

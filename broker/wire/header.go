package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// apiVersionsKey is the one request that is answered even in a version that is not served: the answer tells the client which are.
const apiVersionsKey = 18

// fetchKey is the one request whose responses are large among brokers.
const fetchKey = 1

// header is a request header of version 1 or 2. clientID aliases the frame.
type header struct {
	key, version  int16
	correlationID int32
	clientID      []byte
	nullClientID  bool
}

var errShortHeader = errors.New("the request is shorter than its header")

// parseFixed reads what every header version starts with; it says which row of the table and which header version follow.
func parseFixed(frame []byte) (h header, rest []byte, err error) {
	if len(frame) < 8 {
		return h, nil, errShortHeader
	}
	h.key = int16(binary.BigEndian.Uint16(frame))
	h.version = int16(binary.BigEndian.Uint16(frame[2:]))
	h.correlationID = int32(binary.BigEndian.Uint32(frame[4:]))
	return h, frame[8:], nil
}

// parseRest reads the client id and, in the header of flexible versions, the tagged fields, all of which are skipped.
func (h *header) parseRest(b []byte, flexible bool) (body []byte, err error) {
	if len(b) < 2 {
		return nil, errShortHeader
	}
	n := int(int16(binary.BigEndian.Uint16(b)))
	b = b[2:]
	switch {
	case n == -1:
		h.nullClientID = true
	case n < 0 || n > len(b):
		return nil, fmt.Errorf("the client id's length %d does not fit the request", n)
	default:
		h.clientID, b = b[:n], b[n:]
	}
	if !flexible {
		return b, nil
	}
	return skipTags(b)
}

// skipTags steps over a tagged-field section.
func skipTags(b []byte) ([]byte, error) {
	count, b, err := uvarint(b)
	if err != nil {
		return nil, err
	}
	for ; count > 0; count-- {
		var size uint32
		if _, b, err = uvarint(b); err != nil {
			return nil, err
		}
		if size, b, err = uvarint(b); err != nil {
			return nil, err
		}
		if uint64(size) > uint64(len(b)) {
			return nil, fmt.Errorf("a tagged field of %d bytes does not fit the request", size)
		}
		b = b[size:]
	}
	return b, nil
}

func uvarint(b []byte) (uint32, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 5 || v > 1<<32-1 {
		return 0, nil, errors.New("a tagged field's number is cut off or too large")
	}
	return uint32(v), b[n:], nil
}

// appendResponseHeader appends the size field (to be filled in by finishResponse) and the header. ApiVersions responses have the oldest
// header in all versions, as the client can't know yet which the server speaks.
func appendResponseHeader(dst []byte, key int16, correlationID int32, flexible bool) []byte {
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	if flexible && key != apiVersionsKey {
		dst = append(dst, 0)
	}
	return dst
}

// finishResponse fills in the size field of the response that starts at dst[0] and has extra bytes elsewhere.
func finishResponse(dst []byte, extra int) {
	binary.BigEndian.PutUint32(dst, uint32(len(dst)-4+extra))
}

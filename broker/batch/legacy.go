package batch

import (
	"errors"
	"iter"
)

// ErrLegacy is Next's answer to an entry of message format v0 or v1: read it with NextLegacy, or convert it with ConvertToV2.
var ErrLegacy = errors.New("entry of message format v0 or v1")

// LegacyEntry is one entry of a message set of format v0 or v1: a message, or a compressed wrapper around several.
//
//	offset size
//	     0    8  offset        of the message; of the last one inside, for a wrapper
//	     8    4  messageSize   bytes that follow
//	    12    4  crc           CRC-32 (IEEE) of everything that follows
//	    16    1  magic         0 or 1
//	    17    1  attributes    0-2 codec, 3 timestamp type (v1)
//	   [18    8  timestamp     v1 only]
//	     …    4  key length    -1: null, then the key
//	     …    4  value length  -1: null, then the value; in a wrapper, the compressed inner message set
type LegacyEntry []byte

// NextLegacy splits the first entry off buf; the errors are Next's.
func NextLegacy(buf []byte) (e LegacyEntry, rest []byte, err error) { return nil, buf, errIncomplete }

// Validate checks lengths and the CRC.
func (e LegacyEntry) Validate() error { return errIncomplete }

// Records yields the messages of the entry, those inside a wrapper with the offsets that they have in the log.
func (e LegacyEntry) Records(limit int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) { yield(Record{}, errIncomplete) }
}

// ConvertToV2 appends to dst the message set src (format v0 or v1) as one batch of format v2, with offsets from baseOffset on.
// Records of v0, which has no timestamps, get NoTimestamp.
func ConvertToV2(dst, src []byte, baseOffset int64, compression Compression, limit int) (Batch, error) {
	return nil, errIncomplete
}

// DownConvert appends to dst the batch as a message set of format magic (v0 or v1) for a fetcher that knows no newer one.
// Headers are dropped, and so are control batches, which give no bytes at all. Records before fromOffset are left out.
func DownConvert(dst []byte, b Batch, magic int8, fromOffset int64, limit int) ([]byte, error) {
	return dst, errIncomplete
}

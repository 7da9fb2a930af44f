package wire

import (
	"io"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// API is one row of the table of served requests.
type API struct {
	Key      int16
	Min, Max int16 // the versions that Handle understands

	// Handle answers a request: by Respond, RespondPayload or NoResponse, exactly once, at once or later from any goroutine.
	// It runs in the connection's reader, so a handler that waits for something else than this machine's CPU and page cache must return first.
	Handle func(*Request)

	// Borrow makes Body alias the connection's buffer: its byte slices and strings die when the request is answered, and whoever keeps one
	// must copy it. Right for requests that carry bulk (Produce) or come often (Fetch). Without it Body may be kept.
	Borrow bool

	// BeforeAuth lets a request be served before a SASL listener's client has authenticated.
	BeforeAuth bool

	// Unlisted keeps the row out of the ApiVersions answer.
	Unlisted bool
}

// Table holds the rows of one kind of listener: a broker's and a controller's serve different requests.
type Table struct{ byKey []*API }

// NewTable makes a table; a key given twice panics, as it is a mistake in the program.
func NewTable(rows []API) *Table {
	t := &Table{}
	for i := range rows {
		row := rows[i]
		for int(row.Key) >= len(t.byKey) {
			t.byKey = append(t.byKey, nil)
		}
		if t.byKey[row.Key] != nil {
			panic("wire: the API table has a key twice: " + kmsg.NameForKey(row.Key))
		}
		t.byKey[row.Key] = &row
	}
	return t
}

// Lookup returns the row of a key, nil if it is not served.
func (t *Table) Lookup(key int16) *API {
	if key < 0 || int(key) >= len(t.byKey) {
		return nil
	}
	return t.byKey[key]
}

// Versions lists the served keys and their versions, ascending, for the ApiVersions response.
func (t *Table) Versions() []kmsg.ApiVersionsResponseApiKey {
	keys := make([]kmsg.ApiVersionsResponseApiKey, 0, len(t.byKey))
	for _, row := range t.byKey {
		if row == nil || row.Unlisted {
			continue
		}
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = row.Key, row.Min, row.Max
		keys = append(keys, k)
	}
	return keys
}

// FileRange is a piece of a response that lies in a file: a fetch's record batches. storage.Records is one.
type FileRange interface {
	Size() int
	// WriteTo sends the range. Given a *net.TCPConn it uses the system's sendfile.
	io.WriterTo
	// ReadAt copies from the range; the server uses it for pieces too small for a system call of their own, and under TLS.
	io.ReaderAt
	// Release gives the files back; called once, after the last use.
	Release()
}

package commands

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
)

// payloadSource makes the values of producer-perf-test.
type payloadSource interface {
	// next returns the value of record i. It must not be changed.
	next(i int64) []byte
}

// countingPayload is the record's number.
type countingPayload struct{}

func (*countingPayload) next(i int64) []byte { return strconv.AppendInt(nil, i, 10) }

// randomPayload hands out pieces of a store of random capital letters, one after the other: no two records of a batch are alike, so
// that compression finds no more to save than in random letters, and no time goes into making them.
type randomPayload struct {
	store []byte
	size  int
	at    int
}

// payloadStore is the size of the store where the records are not bigger: much more than a batch holds.
const payloadStore = 16 << 20

func newRandomPayload(size int, records int64) *randomPayload {
	need := max(2*int64(size), payloadStore)
	if records < need/int64(size) {
		need = records * int64(size)
	}
	p := &randomPayload{store: make([]byte, need), size: size}
	fast := rand.NewPCG(0, 0) // as in the original, every run sends the same
	for i := 0; i < len(p.store); {
		bits := fast.Uint64()
		for j := 0; j < 4 && i < len(p.store); j++ {
			p.store[i] = 'A' + byte(uint32(bits&0xffff)*26>>16)
			bits >>= 16
			i++
		}
	}
	return p
}

func (p *randomPayload) next(int64) []byte {
	if p.at+p.size > len(p.store) {
		p.at = 0
	}
	b := p.store[p.at : p.at+p.size : p.at+p.size]
	p.at += p.size
	return b
}

// listPayload picks one of the given values at random.
type listPayload struct {
	values [][]byte
	random *rand.Rand
}

func (p *listPayload) next(int64) []byte { return p.values[p.random.IntN(len(p.values))] }

// readPayloads reads the values of a file, separated by a delimiter.
func readPayloads(out io.Writer, path, delimiter string) (payloadSource, error) {
	fmt.Fprintln(out, "Reading payloads from: "+path)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("File does not exist or empty file provided: %w", err)
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("File does not exist or empty file provided: %s", path)
	}
	delimiter = strings.ReplaceAll(delimiter, `\n`, "\n")
	pieces := strings.Split(strings.TrimSuffix(string(text), delimiter), delimiter)
	p := &listPayload{random: rand.New(rand.NewPCG(0, 0))}
	for _, piece := range pieces {
		p.values = append(p.values, []byte(piece))
	}
	fmt.Fprintf(out, "Number of records read: %d\n", len(p.values))
	return p, nil
}

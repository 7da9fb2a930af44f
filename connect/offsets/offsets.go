// Package offsets keeps how far source connectors have come.
//
// A [Store] maps a key, the JSON of [connector name, source partition], to a value, the JSON of a source offset. [OpenFile] is
// the standalone worker's: one file in the format of Apache's worker (a serialized Java HashMap), which either worker can
// continue from the other's. A distributed worker's store would be a compacted topic behind the same interface.
package offsets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Store keeps source offsets.
type Store interface {
	Get(key string) ([]byte, bool)
	// Set stores entries durably, all of them or, in a crash, none. A nil value removes the entry's offset.
	Set(map[string][]byte) error
	// Keys returns the keys that begin with prefix.
	Keys(prefix string) []string
}

// File is a Store in a file.
type File struct {
	path string

	mu      sync.Mutex // guards what follows; held while writing
	entries map[string][]byte
}

// OpenFile reads the file, which need not exist.
func OpenFile(path string) (*File, error) {
	f := &File{path: path, entries: make(map[string][]byte)}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("%s is not an offset file of Kafka Connect: %w; set offset.storage.file.filename to another file or remove it", path, err)
	}
	for _, e := range entries {
		if e.key != nil {
			f.entries[string(e.key)] = e.value
		}
	}
	return f, nil
}

// Get implements Store.
func (f *File) Get(key string) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.entries[key]
	return v, v != nil
}

// Keys implements Store.
func (f *File) Keys(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []string
	for k, v := range f.entries {
		if v != nil && strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// Set implements Store: the new file is written beside the old one, synced, and moved into its place.
func (f *File) Set(changes map[string][]byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.Copy(f.entries, changes)
	entries := make([]entry, 0, len(f.entries))
	for k, v := range f.entries {
		entries = append(entries, entry{[]byte(k), v})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	return WriteFile(f.path, encode(entries))
}

// WriteFile replaces a file as a whole: a crash leaves the old or the new one.
func WriteFile(path string, data []byte) error {
	temp := path + ".tmp"
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil { // where folders can be synced
		_ = dir.Sync()
		return dir.Close()
	}
	return nil
}

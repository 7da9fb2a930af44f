package storage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

const maxSmallFileBytes = 64 << 10

// readPartitionMetadata reads a log's partition.metadata; a missing one gives the zero id.
//
//	version: 0
//	topic_id: 8fEwhFOVRF6RuJZWvNvjOg
func readPartitionMetadata(fsys vfs.FS, dir string) (ident.TopicID, error) {
	path := vfs.Join(dir, partitionMetadataName)
	raw, err := vfs.ReadFile(fsys, path, maxSmallFileBytes)
	if isNotExist(err) {
		return ident.TopicID{}, nil
	}
	if err != nil {
		return ident.TopicID{}, err
	}
	if len(raw) == 0 {
		return ident.TopicID{}, nil // a crash came before the file was synced
	}
	id, err := parsePartitionMetadata(string(raw))
	if err != nil {
		return id, &CorruptionError{Path: path, BaseOffset: -1, Err: err}
	}
	return id, nil
}

func parsePartitionMetadata(text string) (ident.TopicID, error) {
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			fields[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	if v := fields["version"]; v != "0" {
		return ident.TopicID{}, fmt.Errorf("unknown version %q", v)
	}
	id, err := ident.ParseUUID(fields["topic_id"])
	if err == nil && id.IsZero() {
		err = errors.New("the topic id is zero")
	}
	return id, err
}

// writePartitionMetadata writes the file; the log's next flush makes it durable.
func writePartitionMetadata(fsys vfs.FS, dir string, id ident.TopicID) error {
	text := "version: 0\ntopic_id: " + id.String() // no newline at the end, as in Kafka
	f, err := fsys.Create(vfs.Join(dir, partitionMetadataName))
	if err == nil {
		_, err = f.Write([]byte(text))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", vfs.Join(dir, partitionMetadataName), err)
	}
	return nil
}

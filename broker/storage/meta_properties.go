package storage

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// MetaProperties is a log directory's meta.properties: whose directory it is. Version 1 is KRaft's, version 0 the one of the
// ZooKeeper days, with broker.id instead of node.id.
type MetaProperties struct {
	Version     int
	ClusterID   string
	NodeID      ident.BrokerID // NoBroker: the file has none
	DirectoryID ident.UUID     // zero: the file has none
}

// ReadMetaProperties reads the file of a directory; ok is false if there is none.
func ReadMetaProperties(fsys vfs.FS, dir string) (p MetaProperties, ok bool, err error) {
	path := vfs.Join(dir, metaPropertiesName)
	raw, err := vfs.ReadFile(fsys, path, maxSmallFileBytes)
	if isNotExist(err) {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	if p, err = parseMetaProperties(string(raw)); err != nil {
		return p, false, &CorruptionError{Path: path, BaseOffset: -1, Err: err}
	}
	return p, true, nil
}

func parseMetaProperties(text string) (MetaProperties, error) {
	values := make(map[string]string)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		at := strings.IndexAny(line, "=:")
		if at < 0 {
			return MetaProperties{}, fmt.Errorf("%q is not: key=value", line)
		}
		// The values are ids and numbers; of Java's escapes only the one of separators may turn up.
		values[strings.TrimSpace(line[:at])] = strings.ReplaceAll(strings.TrimSpace(line[at+1:]), `\`, "")
	}
	p := MetaProperties{ClusterID: values["cluster.id"], NodeID: ident.NoBroker}
	version, err := intValue(values, "version", 0)
	if err != nil {
		return p, err
	}
	if version != 0 && version != 1 {
		return p, fmt.Errorf("unknown version %d", version)
	}
	p.Version = version
	key := "node.id"
	if version == 0 {
		key = "broker.id"
	}
	id, err := intValue(values, key, int(ident.NoBroker))
	if err != nil {
		return p, err
	}
	p.NodeID = ident.BrokerID(id)
	if s := values["directory.id"]; s != "" {
		if p.DirectoryID, err = ident.ParseUUID(s); err != nil {
			return p, fmt.Errorf("directory.id: %w", err)
		}
	}
	return p, nil
}

func intValue(values map[string]string, key string, missing int) (int, error) {
	s, ok := values[key]
	if !ok {
		return missing, nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return int(n), nil
}

// WriteMetaProperties replaces the file.
func WriteMetaProperties(fsys vfs.FS, dir string, p MetaProperties) error {
	var b strings.Builder
	b.WriteString("#\n#" + time.Now().Format("Mon Jan 02 15:04:05 MST 2006") + "\n")
	key := "node.id"
	if p.Version == 0 {
		key = "broker.id"
	}
	if p.NodeID != ident.NoBroker {
		fmt.Fprintf(&b, "%s=%d\n", key, p.NodeID)
	}
	if !p.DirectoryID.IsZero() {
		fmt.Fprintf(&b, "directory.id=%s\n", p.DirectoryID)
	}
	fmt.Fprintf(&b, "version=%d\n", p.Version)
	if p.ClusterID != "" {
		fmt.Fprintf(&b, "cluster.id=%s\n", p.ClusterID)
	}
	if err := vfs.WriteFileAtomic(fsys, dir, metaPropertiesName, []byte(b.String())); err != nil {
		return fmt.Errorf("write %s: %w", vfs.Join(dir, metaPropertiesName), err)
	}
	return nil
}

// NewUUID makes a random id (version 4), as Kafka does: none that begins with a dash, which a command line would take for an option.
func NewUUID() ident.UUID {
	for {
		var u ident.UUID
		rand.Read(u[:]) // never fails
		u[6] = u[6]&0x0f | 0x40
		u[8] = u[8]&0x3f | 0x80
		if u.String()[0] != '-' {
			return u
		}
	}
}

package storage

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kgo-project/kgo/broker/ident"
)

// The suffixes of Kafka's files, and of directories on their way out or in.
const (
	logSuffix       = ".log"
	indexSuffix     = ".index"
	timeIndexSuffix = ".timeindex"
	txnIndexSuffix  = ".txnindex"
	snapshotSuffix  = ".snapshot"
	deletedSuffix   = ".deleted" // renamed, removed after file.delete.delay.ms
	cleanedSuffix   = ".cleaned" // being written by compaction
	swapSuffix      = ".swap"    // complete, about to replace its originals

	deleteDirSuffix = "-delete"
	futureDirSuffix = "-future"
	strayDirSuffix  = "-stray"

	epochCheckpointName     = "leader-epoch-checkpoint"
	partitionMetadataName   = "partition.metadata"
	metaPropertiesName      = "meta.properties"
	lockFileName            = ".lock"
	cleanShutdownMarkerName = ".kafka_cleanshutdown"
)

// offsetFileName is the 20-digit name of a file that belongs to an offset.
func offsetFileName(offset int64, suffix string) string {
	return fmt.Sprintf("%020d%s", offset, suffix)
}

// parseOffsetFileName is its inverse: the offset before the first dot.
func parseOffsetFileName(name string) (offset int64, suffix string, ok bool) {
	digits, rest, found := strings.Cut(name, ".")
	if !found || digits == "" {
		return 0, "", false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, "", false
		}
	}
	offset, err := strconv.ParseInt(digits, 10, 64)
	return offset, "." + rest, err == nil
}

// dirKind is what the name of a directory in a log dir says about it.
type dirKind int8

const (
	dirForeign dirKind = iota // not a log at all
	dirLog
	dirDelete
	dirFuture
	dirStray
)

// parseDirName reads a log's directory name: topic-partition, or topic-partition.<id>-delete and its siblings.
func parseDirName(name string) (tp ident.TopicPartition, kind dirKind) {
	kind = dirLog
	for suffix, k := range map[string]dirKind{deleteDirSuffix: dirDelete, futureDirSuffix: dirFuture, strayDirSuffix: dirStray} {
		if rest, ok := strings.CutSuffix(name, suffix); ok {
			dot := strings.LastIndexByte(rest, '.')
			if dot <= 0 {
				return tp, dirForeign
			}
			name, kind = rest[:dot], k
			break
		}
	}
	dash := strings.LastIndexByte(name, '-')
	if dash <= 0 {
		return tp, dirForeign
	}
	partition, err := strconv.ParseInt(name[dash+1:], 10, 32)
	if err != nil || partition < 0 || partition > math.MaxInt32 {
		return tp, dirForeign
	}
	return ident.TopicPartition{Topic: name[:dash], Partition: int32(partition)}, kind
}

// maxDirName is the longest name a file system takes; Kafka shortens the topic's part when the suffix makes it longer.
const maxDirName = 255

// suffixedDirName is the name of a log's directory while it is deleted, moved or set aside.
func suffixedDirName(tp ident.TopicPartition, uniqueID, suffix string) string {
	tail := "." + uniqueID + suffix
	name := tp.String()
	if suffix == deleteDirSuffix && len(name)+len(tail) > maxDirName {
		name = name[:maxDirName-len(tail)]
	}
	return name + tail
}

package quorum

import (
	"bytes"
	"testing"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/vfs"
)

// snapshotBytes is a snapshot with voters and two records.
func snapshotBytes(t testing.TB) []byte {
	t.Helper()
	fs := vfs.NewMem()
	job := &SnapshotJob{
		fs: fs, dir: "/", meta: snapshotMeta{id: SnapshotID{12, 3}, entries: 5, lastTimestamp: 99, voters: []Voter{{ID: 4, DirectoryID: ident.UUID{1}, Endpoints: []Endpoint{{"C", "h", 1}}}}},
		write: func(w *SnapshotWriter) error { return w.Append(topicRecord("a"), topicRecord("b")) },
	}
	if job.Run(); job.err != nil {
		t.Fatal(job.err)
	}
	raw, err := vfs.ReadFile(fs, "/00000000000000000012-0000000003.checkpoint", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func readAll(raw []byte) (names []string, meta snapshotMeta, err error) {
	r, err := NewSnapshotReader(bytes.NewReader(raw), int64(len(raw)), SnapshotID{12, 3})
	if err != nil {
		return nil, meta, err
	}
	for records, err := range r.Records() {
		if err != nil {
			return names, r.meta, err
		}
		for _, v := range records {
			names = append(names, nameIn(v))
		}
	}
	return names, r.meta, nil
}

func TestSnapshotReadsBack(t *testing.T) {
	names, meta, err := readAll(snapshotBytes(t))
	if err != nil || len(names) != 2 || names[0] != "a" || meta.entries != 5 || meta.lastTimestamp != 99 || len(meta.voters) != 1 || meta.voters[0].Endpoints[0].Host != "h" {
		t.Errorf("%v %+v: %v", names, meta, err)
	}
}

func TestDamagedSnapshotsAreRefused(t *testing.T) {
	raw := snapshotBytes(t)
	for n := range raw {
		if _, _, err := readAll(raw[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(raw))
		}
	}
	for i := range raw {
		if i < 16 { // offset, length and epoch of the first batch lie outside its CRC
			continue
		}
		damaged := bytes.Clone(raw)
		damaged[i] ^= 0x40
		if _, _, err := readAll(damaged); err == nil && !outsideCRC(raw, i) {
			t.Errorf("damage at %d of %d was accepted", i, len(raw))
		}
	}
}

// outsideCRC reports whether position i lies in the first 16 bytes of a batch, which the CRC does not cover.
func outsideCRC(raw []byte, i int) bool {
	for at := 0; at < len(raw); {
		size := 12 + int(raw[at+8])<<24 + int(raw[at+9])<<16 + int(raw[at+10])<<8 + int(raw[at+11])
		if i >= at && i < at+16 {
			return true
		}
		at += size
	}
	return false
}

func TestSnapshotNames(t *testing.T) {
	id := SnapshotID{4711, 3}
	if got, ok := parseSnapshotName(id.fileName()); !ok || got != id {
		t.Errorf("%v %v", got, ok)
	}
	for _, name := range []string{"", "1-2.checkpoint", id.fileName() + ".part", "00000000000000000001-000000000x.checkpoint"} {
		if _, ok := parseSnapshotName(name); ok {
			t.Errorf("%q was taken for a snapshot", name)
		}
	}
}

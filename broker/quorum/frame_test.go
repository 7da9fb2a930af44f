package quorum

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

func sampleMessage(t testing.TB) *raftpb.Message {
	b, err := buildBatch(1, [][]byte{topicRecord("a"), topicRecord("b")})
	if err != nil {
		t.Fatal(err)
	}
	return &raftpb.Message{
		Type: raftpb.MsgApp.Enum(), From: proto.Uint64(2), To: proto.Uint64(3), Term: proto.Uint64(7), Index: proto.Uint64(9),
		Entries: []*raftpb.Entry{{Index: proto.Uint64(10), Term: proto.Uint64(7), Data: b}},
	}
}

func TestFramesAndGreetingsReadBack(t *testing.T) {
	hello := greeting{from: 1, to: 2, clusterID: "c"}
	got, err := readGreeting(bytes.NewReader(hello.append(nil)))
	if hello.version = protocolVersion; err != nil || got != hello {
		t.Errorf("%+v: %v", got, err)
	}
	m := sampleMessage(t)
	raw, err := appendFrame([]byte("x"), m)
	if err != nil {
		t.Fatal(err)
	}
	back, err := readFrame(bytes.NewReader(raw[1:]))
	if err != nil || !proto.Equal(m, back) {
		t.Errorf("%v: %v", back, err)
	}
	for n := range len(raw) - 1 {
		if _, err := readFrame(bytes.NewReader(raw[1 : 1+n])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := readFrame(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff})); err == nil {
		t.Error("a frame of 4 GiB was accepted")
	}
}

func TestAnnouncedBytesTakeNoMemoryBeforeTheyCome(t *testing.T) {
	raw := append([]byte{0x1f, 0, 0, 0}, make([]byte, 10)...) // 520 MB announced
	if n := testing.AllocsPerRun(3, func() { _, _ = readFrame(bytes.NewReader(raw)) }); n > 20 {
		t.Errorf("%v allocations", n)
	}
}

func TestForeignEntriesAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*raftpb.Entry){
		"empty":        func(e *raftpb.Entry) { e.Data = nil },
		"wrong crc":    func(e *raftpb.Entry) { e.Data[len(e.Data)-1] ^= 1 },
		"cut":          func(e *raftpb.Entry) { e.Data = e.Data[:len(e.Data)-1] },
		"two batches":  func(e *raftpb.Entry) { e.Data = append(bytes.Clone(e.Data), e.Data...) },
		"joint change": func(e *raftpb.Entry) { e.Type = raftpb.EntryConfChangeV2.Enum() },
		"no change":    func(e *raftpb.Entry) { e.Type = raftpb.EntryConfChange.Enum() },
	} {
		e := sampleMessage(t).GetEntries()[0]
		if err := checkEntry(e); err != nil {
			t.Fatal(err)
		}
		spoil(e)
		if err := checkEntry(e); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzFrame feeds a peer's bytes to everything that looks at them before raft does.
func FuzzFrame(f *testing.F) {
	raw, _ := appendFrame(nil, sampleMessage(f))
	f.Add(raw)
	f.Add(greeting{from: 1, to: 2, clusterID: "c"}.append(nil))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		_, _ = readGreeting(bytes.NewReader(raw))
		m, err := readFrame(bytes.NewReader(raw))
		if err != nil {
			return
		}
		for _, e := range m.GetEntries() {
			_ = checkEntry(e)
		}
		if m.GetSnapshot() != nil {
			_ = checkSnapshot(m.GetSnapshot())
		}
	})
}

// FuzzSnapshot reads damaged snapshot files.
func FuzzSnapshot(f *testing.F) {
	f.Add(snapshotBytes(f))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		r, err := NewSnapshotReader(bytes.NewReader(raw), int64(len(raw)), SnapshotID{1, 1})
		if err != nil {
			return
		}
		for _, err := range r.Records() {
			if err != nil {
				return
			}
		}
	})
}

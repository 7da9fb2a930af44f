package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kgo-project/kgo/connect"
)

// all polls until nothing more comes and returns the values as text, with the last offset of each file.
func all(t *testing.T, s *source) (values []string, offsets map[string]map[string]any) {
	t.Helper()
	offsets = make(map[string]map[string]any)
	for {
		records, err := s.Poll(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if len(records) == 0 {
			return values, offsets
		}
		for _, r := range records {
			values = append(values, connect.Text(r.Value.Data))
			offsets[filepath.Base(r.SourcePartition["filename"].(string))] = r.SourceOffset
		}
	}
}

func expect(t *testing.T, s *source, want ...string) map[string]map[string]any {
	t.Helper()
	got, offsets := all(t, s)
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	return offsets
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Skip("an open file cannot be renamed here:", err)
	}
}

func TestFollowGoesOnAfterRotationAndTruncation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	put(t, path, "1\n2\n")
	s := start(t, nil, connect.Config{"file": path, "topic": "t", "file.follow": "true"})
	expect(t, s, "1", "2")
	appendTo(t, path, "3\n")
	rename(t, path, path+".1")
	appendTo(t, path+".1", "4\n")
	expect(t, s, "3", "4") // the renamed file is read to its end while there is no other
	put(t, path, "5\n")
	expect(t, s, "5")
	appendTo(t, path, "6 is longer\n")
	expect(t, s, "6 is longer")
	put(t, path, "7\n") // truncated
	expect(t, s, "7")
}

func TestWithoutFollowTheOpenFileIsReadOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	put(t, path, "1\n")
	s := start(t, nil, connect.Config{"file": path, "topic": "t"})
	expect(t, s, "1")
	rename(t, path, path+".1")
	put(t, path, "other\n")
	appendTo(t, path+".1", "2\n")
	expect(t, s, "2") // as Apache's does
}

func TestRenamedWhileStoppedIsReadToItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	config := connect.Config{"file": path, "topic": "t", "file.follow": "true"}
	put(t, path, "1\n2\n")
	offset := expect(t, start(t, nil, config), "1", "2")["app.log"]
	appendTo(t, path, "3\n")
	rename(t, path, path+".1")
	put(t, path, "new\n")
	expect(t, start(t, offset, config), "3", "new")
	if err := os.Remove(path + ".1"); err != nil {
		t.Skip(err)
	}
	expect(t, start(t, offset, config), "new") // the old file is gone
}

func TestPatternFindsFilesAsTheyCome(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.log"), "a1\n")
	put(t, filepath.Join(dir, "b.log"), "b1\n")
	put(t, filepath.Join(dir, "b.log.1"), "old\n")
	put(t, filepath.Join(dir, "c.txt"), "c1\n")
	s := start(t, nil, connect.Config{"file.pattern": filepath.Join(dir, "*.log*"), "topic": "t", "file.scan.interval.ms": "1", "file.follow": "true"})
	offsets := expect(t, s, "a1", "b1")
	if got := offsets["b.log"]["position"]; got != int64(3) {
		t.Errorf("position %v", got)
	}
	put(t, filepath.Join(dir, "d.log"), "d1\nd2\n")
	appendTo(t, filepath.Join(dir, "a.log"), "a2\n")
	if _, err := s.Poll(t.Context()); err != nil { // finds the new file
		t.Fatal(err)
	}
	got, _ := all(t, s)
	if slices.Sort(got); !slices.Contains(got, "d2") {
		t.Errorf("got %q", got)
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGzipIsReadAndResumed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.gz")
	whole := zipped(t, "1\n2\n3\nlast")
	put(t, path, whole[:len(whole)-12])
	config := connect.Config{"file": path, "topic": "t", "compression": "auto"}
	s := start(t, nil, config)
	got, _ := all(t, s) // what there is of it, or nothing: it is not complete
	put(t, path, whole)
	more, offsets := all(t, s)
	if got = append(got, more...); !slices.Equal(got, []string{"1", "2", "3", "last"}) {
		t.Fatalf("got %q", got)
	}
	if offsets["in.gz"]["position"] != int64(10) {
		t.Errorf("offsets %v", offsets)
	}
	expect(t, start(t, map[string]any{"position": int64(4)}, config), "3", "last")
}

func TestJSONLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.json")
	put(t, path, "{\"a\":1,\"b\":[true,null]}\n\n[1.5]\n{bad\n\"x\"\n")
	config := connect.Config{"file": path, "topic": "t", "format": "json"}
	s := start(t, nil, config)
	_, err := s.Poll(t.Context())
	if err == nil || connect.ErrorClass(err) != "org.apache.kafka.connect.errors.DataException" {
		t.Fatalf("a bad line: %v", err)
	}
	config["errors.tolerance"] = "all"
	expect(t, start(t, nil, config), "{a=1, b=[true, null]}", "[1.5]", "x")
}

func TestCSVRecords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.csv")
	put(t, path, "id;name\r\n1;\"a \"\"b\"\"\nc\"\n2;x;extra\n\n3\nhalf")
	config := connect.Config{"file": path, "topic": "t", "format": "csv", "csv.delimiter": ";"}
	offsets := expect(t, start(t, nil, config), "Struct{id=1,name=a \"b\"\nc}", "Struct{id=2,name=x,c3=extra}", "Struct{id=3}")
	appendTo(t, path, "way;y\n")
	expect(t, start(t, offsets["in.csv"], config), "Struct{id=halfway,name=y}") // with the header's names
	config["csv.header"], config["csv.columns"] = "false", "k"
	got, _ := all(t, start(t, nil, config))
	if len(got) != 5 || got[0] != "Struct{k=id,c2=name}" {
		t.Errorf("without a header: %q", got)
	}
}

// sinkContext collects what a sink reports.
type sinkContext struct {
	testContext
	reported []string
}

func (c *sinkContext) Report(_ *connect.Record, err error) error {
	c.reported = append(c.reported, err.Error())
	return nil
}

func TestSinkFormats(t *testing.T) {
	row := &connect.Schema{Type: connect.StructType, Fields: []connect.Field{{Name: "id", Schema: &connect.Schema{Type: connect.Int32}}, {Name: "name", Schema: connect.OptionalStringSchema}}}
	m := connect.NewMap()
	m.Set("name", "m, n")
	var records []*connect.Record
	for i, v := range []any{&connect.Struct{Schema: row, Values: []any{int32(1), "a"}}, m, "text"} {
		r := &connect.Record{Value: connect.Value{Data: v}, KafkaOffset: int64(i), Origin: connect.TopicPartition{Topic: "t"}}
		if i == 0 {
			r.Value.Schema = row
		}
		records = append(records, r)
	}
	for _, c := range []struct {
		format, want string
		reports      int
	}{
		{"line", "Struct{id=1,name=a}\n{name=m, n}\ntext\n", 0},
		{"json", "{\"id\":1,\"name\":\"a\"}\n{\"name\":\"m, n\"}\n\"text\"\n", 0},
		{"csv", "id,name\n1,a\n,\"m, n\"\n", 1},
	} {
		path := filepath.Join(t.TempDir(), "out")
		s, sc := &sink{}, &sinkContext{}
		if err := s.Start(sc, connect.Config{"file": path, "format": c.format}); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != c.want || len(sc.reported) != c.reports {
			t.Errorf("%s: %q, %v, reported %q; want %q", c.format, got, err, sc.reported, c.want)
		}
	}
}

func TestPartsAreMovedIntoPlaceWhole(t *testing.T) {
	dir := t.TempDir()
	config := connect.Config{"file": filepath.Join(dir, "out.txt"), "part.size.bytes": "4"}
	tp := connect.TopicPartition{Topic: "t", Partition: 3}
	s := &sink{}
	if err := s.Start(&sinkContext{}, config); err != nil {
		t.Fatal(err)
	}
	if at, err := s.Open([]connect.TopicPartition{tp}); err != nil || len(at) != 0 {
		t.Fatal(at, err)
	}
	var records []*connect.Record
	for i, v := range []string{"a", "b", "c"} {
		records = append(records, &connect.Record{Value: connect.Value{Data: v}, KafkaOffset: int64(10 + i), Origin: tp})
	}
	if err := s.Put(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	names := func() (list []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, e.Name())
		}
		return list
	}
	if want := []string{"out-t-3-10-11.txt", "out-t-3.txt.part", "out.txt.t-3.offsets"}; !slices.Equal(names(), want) {
		t.Errorf("files %q, want %q", names(), want)
	}
	got, err := s.PreCommit(t.Context(), map[connect.TopicPartition]int64{tp: 13})
	if err != nil || got[tp] != 12 {
		t.Errorf("may be committed: %v, %v; the record at 12 is in no complete part", got, err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"out-t-3-10-11.txt", "out.txt.t-3.offsets"}; !slices.Equal(names(), want) {
		t.Errorf("files after the stop %q, want %q", names(), want)
	}
	// Either of the part's name and the offsets beside it tells where to go on.
	for _, gone := range []string{"", "out.txt.t-3.offsets"} {
		if gone != "" {
			if err := os.Remove(filepath.Join(dir, gone)); err != nil {
				t.Fatal(err)
			}
		}
		again := &sink{}
		if err := again.Start(&sinkContext{}, config); err != nil {
			t.Fatal(err)
		}
		if at, err := again.Open([]connect.TopicPartition{tp}); err != nil || at[tp] != 12 {
			t.Errorf("without %q reading goes on at %v, %v", gone, at, err)
		}
	}
}

func TestFileShorterThanItsOffsetsIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	put(t, path, "1\n")
	put(t, path+".offsets", `{"size":4,"offsets":{"t-0":2}}`)
	if err := (&sink{}).Start(&sinkContext{}, connect.Config{"file": path, "file.offsets": "true"}); err == nil {
		t.Error("lines are missing, and nobody is told")
	}
	put(t, path, "1\n2\n3\n") // the third has not been accounted for
	s := &sink{}
	if err := s.Start(&sinkContext{}, connect.Config{"file": path, "file.offsets": "true"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "1\n2\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// FuzzRecords: whatever is in a file, reading it ends, and takes each byte once.
func FuzzRecords(f *testing.F) {
	f.Add("a,\"b\nc\"\r\nd\n", 2)
	f.Add("{\"a\":1}\n[\n", 1)
	f.Fuzz(func(t *testing.T, text string, format int) {
		p := []parser{lineParser{}, jsonParser{}, &csvParser{csvOptions: csvOptions{delimiter: ',', header: true}}}[uint(format)%3]
		one := &tail{buf: []byte(text), ended: true}
		for len(one.buf) > 0 {
			_, length, _, _ := p.next(one)
			if length <= 0 || length > len(one.buf) {
				t.Fatalf("%d bytes of %d at %d", length, len(one.buf), one.position)
			}
			one.take(length)
		}
	})
}

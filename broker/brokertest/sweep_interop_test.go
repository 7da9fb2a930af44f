//go:build interop

package brokertest_test

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"os"
	"path"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/brokertest"
)

var (
	sweepPeer = flag.String("sweep.peer", "", "the address of a running Apache Kafka for TestInteropSweep, started with parityConfig; empty starts one")
	sweepAll  = flag.Bool("sweep.all", false, "make fields wrong in the lowest versions too")
	sweepOnly = flag.String("sweep.only", "", "play the seeds of this request alone")
)

// TestInteropSweep asks kgo and Apache Kafka the same questions and compares their answers as the scripts of testdata/parity write them. Each seed is a
// well-formed request; it is asked in every version Apache Kafka serves, and then with one field after the other made wrong: empty, null, unknown,
// doubled, negative, huge (in the highest version; with -sweep.all in the lowest too). What may differ is in testdata/sweep_known, a line each: the question's name with * for any text,
// a tab, the reason; a reason that begins with "timing:" may not show.
func TestInteropSweep(t *testing.T) {
	addr := *sweepPeer
	if addr == "" {
		addr = startApache(t, "parity-sweep")
	}
	ours, theirs := newPeer(t, brokertest.Start(t, parityConfig...).Addr), newPeer(t, addr)
	ours.wait, theirs.wait = silence, silence
	s := &sweep{t: t, ours: ours, theirs: theirs, served: theirs.servedVersions(), known: readKnown(t)}
	for _, seed := range sweepSeeds {
		if *sweepOnly != "" && seed.name != *sweepOnly {
			continue
		}
		t.Run(seed.name, func(t *testing.T) {
			s.t, ours.t, theirs.t = t, t, t
			s.play(seed)
		})
	}
	s.t = t
	t.Logf("%d questions", s.asked)
	if *sweepOnly == "" {
		for name, seen := range s.known {
			if !seen {
				t.Errorf("%s does not differ any more: take it off testdata/sweep_known", name)
			}
		}
	}
}

// sweepSeed is a request to begin with.
type sweepSeed struct {
	name   string   // the request's
	label  string   // tells the seed from others of the same request
	topics string   // "a:2 b:1": topics with so many partitions, made anew for the seed
	once   []string // requests before the first question, "Name vN {fields}"
	before []string // requests before each question
	after  []string // requests after each question, whose answers are compared too
	fields string
	fixed  string // fields that keep their values, by name, between spaces
	unique bool   // nothing is doubled: the two would go on with states of their own
}

type sweep struct {
	t            *testing.T
	ours, theirs *peer
	served       map[int16][2]int16
	known        map[string]bool // by question: it did differ, or need not
	asked        int
	number       int
}

func (s *sweep) play(seed sweepSeed) {
	key := requestKey(s.t, seed.name)
	bounds, ok := s.served[key]
	if !ok {
		s.t.Fatalf("Apache Kafka does not serve %s", seed.name)
	}
	for _, p := range []*peer{s.ours, s.theirs} {
		p.reset()
		for topic := range strings.FieldsSeq(seed.topics) {
			name, partitions, _ := strings.Cut(topic, ":")
			p.sweepTopic(name, partitions)
		}
	}
	for _, line := range seed.once {
		s.number++
		s.step(seed.name+"/once "+line, line)
	}
	bounds[0] = max(bounds[0], apacheMin[key]) // Apache Kafka lists Produce from v0 and closes on v0-v2
	for v := bounds[0]; v <= bounds[1]; v++ {
		s.question(seed, v, "as it is", func(reflect.Value) {})
	}
	for _, m := range s.mutations(seed) {
		s.question(seed, bounds[1], m.name, m.apply)
		if *sweepAll && bounds[0] != bounds[1] {
			s.question(seed, bounds[0], m.name, m.apply)
		}
	}
}

// question asks both the same.
func (s *sweep) question(seed sweepSeed, version int16, name string, change func(reflect.Value)) {
	name = fmt.Sprintf("%s%s v%d %s", seed.name, seed.label, version, name)
	s.number++
	s.asked++
	for _, line := range seed.before {
		s.step(name+", before", line)
	}
	s.compare(name, func(p *peer) string {
		req := p.build(seed.name, s.numbered(seed.fields))
		change(reflect.ValueOf(req).Elem())
		req.SetVersion(version)
		p.start("sweep", "", req)
		return p.render(p.await("sweep"))
	})
	for _, line := range seed.after {
		s.step(name+", after", line)
	}
}

// step does "Name vN {fields}" with both.
func (s *sweep) step(what, line string) {
	request, rest, _ := strings.Cut(line, " ")
	version, fields, _ := strings.Cut(rest, " ")
	s.compare(what+": "+request, func(p *peer) string {
		req := p.build(request, s.numbered(fields))
		req.SetVersion(parseVersion(s.t, strings.TrimPrefix(version, "v"), 0))
		p.start("sweep", "", req)
		got := p.render(p.await("sweep"))
		for kind, n := range p.names.counts { // $M is the newest member id, $P the newest producer id
			p.names.values[kind] = p.names.values[fmt.Sprint(kind, n)]
		}
		return got
	})
}

// numbered puts the question's number in place of "%n": every question has names of its own.
func (s *sweep) numbered(fields string) string {
	return strings.ReplaceAll(fields, "%n", strconv.Itoa(s.number))
}

// anyName is what stands for a member, a session or a producer id; their numbers may be out of step after a difference.
var anyName = regexp.MustCompile(`\b([MSP])\d+\b`)

func (s *sweep) compare(name string, ask func(*peer) string) {
	ours, theirs := ask(s.ours), ask(s.theirs)
	if anyName.ReplaceAllString(ours, "$1") == anyName.ReplaceAllString(theirs, "$1") {
		return
	}
	for pattern := range s.known {
		if matched, err := path.Match(pattern, name); err == nil && matched {
			s.known[pattern] = true
			return
		}
	}
	s.t.Errorf("%s\n kgo:    %s\n Apache: %s", name, ours, theirs)
}

func (p *peer) sweepTopic(name, partitions string) {
	p.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10_000
	row := kmsg.NewCreateTopicsRequestTopic()
	row.Topic, row.ReplicationFactor = name, 1
	keep := kmsg.NewCreateTopicsRequestTopicConfig()
	keep.Name, keep.Value = "retention.ms", new("-1") // the records have times of the past
	row.Configs = append(row.Configs, keep)
	row.NumPartitions = int32(parseVersion(p.t, partitions, 1))
	req.Topics = append(req.Topics, row)
	if got := p.ask(req).(*kmsg.CreateTopicsResponse).Topics[0]; got.ErrorCode != 0 {
		p.t.Fatalf("topic %s: %s", name, errorName(got.ErrorCode))
	}
	p.eventually("topic "+name, func() bool {
		req := kmsg.NewPtrListOffsetsRequest()
		req.ReplicaID = -1
		asked := kmsg.NewListOffsetsRequestTopic()
		asked.Topic = name
		for i := range row.NumPartitions {
			part := kmsg.NewListOffsetsRequestTopicPartition()
			part.Partition, part.Timestamp = i, -1
			asked.Partitions = append(asked.Partitions, part)
		}
		req.Topics = append(req.Topics, asked)
		for _, part := range p.ask(req).(*kmsg.ListOffsetsResponse).Topics[0].Partitions {
			if part.ErrorCode != 0 {
				return false
			}
		}
		return true
	})
	p.topicID(name) // from here on its id has a name
}

func (p *peer) servedVersions() map[int16][2]int16 {
	served := map[int16][2]int16{}
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "parity", "1"
	for _, k := range p.ask(req).(*kmsg.ApiVersionsResponse).ApiKeys {
		if req := kmsg.RequestForKey(k.ApiKey); req != nil {
			served[k.ApiKey] = [2]int16{k.MinVersion, min(k.MaxVersion, req.MaxVersion())}
		}
	}
	return served
}

// mutation is a way to make a request wrong.
type mutation struct {
	name  string
	apply func(reflect.Value)
}

// mutations finds every field of a seed's request and the wrong values it may get.
func (s *sweep) mutations(seed sweepSeed) []mutation {
	req := s.ours.build(seed.name, s.numbered(strings.ReplaceAll(strings.ReplaceAll(seed.fields, "$M", "m"), "$P", "1")))
	var out []mutation
	fixed := " Version UnknownTags TimeoutMillis MaxWaitMillis " + seed.fixed + " "
	var walk func(path string, at func(reflect.Value) reflect.Value, now reflect.Value)
	walk = func(path string, at func(reflect.Value) reflect.Value, now reflect.Value) {
		add := func(what string, change func(reflect.Value)) {
			out = append(out, mutation{path + " " + what, func(root reflect.Value) { change(at(root)) }})
		}
		switch now.Kind() {
		case reflect.Struct:
			for i := range now.NumField() {
				field := now.Type().Field(i).Name
				if strings.Contains(fixed, " "+field+" ") {
					continue
				}
				walk(strings.TrimPrefix(path+"."+field, "."), func(root reflect.Value) reflect.Value { return at(root).Field(i) }, now.Field(i))
			}
		case reflect.Pointer:
			if !now.IsNil() {
				add("null", func(v reflect.Value) { v.SetZero() })
			}
			if now.Type().Elem().Kind() == reflect.String {
				for _, wrong := range wrongTexts {
					add(wrong.what, func(v reflect.Value) { v.Set(reflect.ValueOf(&wrong.text)) })
				}
			}
		case reflect.String:
			for _, wrong := range wrongTexts {
				add(wrong.what, func(v reflect.Value) { v.SetString(wrong.text) })
			}
		case reflect.Slice:
			add("null", func(v reflect.Value) { v.SetZero() })
			add("empty", func(v reflect.Value) { v.Set(reflect.MakeSlice(v.Type(), 0, 0)) })
			if now.Len() > 0 && now.Type().Elem().Kind() != reflect.Uint8 {
				if !seed.unique {
					add("doubled", func(v reflect.Value) { v.Set(reflect.Append(v, v.Index(0))) })
				}
				walk(path+"[0]", func(root reflect.Value) reflect.Value { return at(root).Index(0) }, now.Index(0))
			}
		case reflect.Array:
			add("zero", func(v reflect.Value) { v.SetZero() })
			add("unknown", func(v reflect.Value) { v.Set(reflect.ValueOf([16]byte{0: 0xee, 15: 0xee})) })
		case reflect.Bool:
			add("flipped", func(v reflect.Value) { v.SetBool(!v.Bool()) })
		case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			highest := int64(math.MaxInt64) >> (64 - now.Type().Bits())
			for _, n := range []int64{-1, -2, 0, 1, 99, highest, -highest - 1} {
				if n != now.Int() {
					add(strconv.FormatInt(n, 10), func(v reflect.Value) { v.SetInt(n) })
				}
			}
		default:
		}
	}
	walk("", func(root reflect.Value) reflect.Value { return root }, reflect.ValueOf(req).Elem())
	return out
}

var wrongTexts = []struct{ what, text string }{{"empty", ""}, {"unknown", "no-such"}, {"odd", "a b/c!"}, {"long", strings.Repeat("x", 300)}}

// readKnown reads testdata/sweep_known.
func readKnown(t *testing.T) map[string]bool {
	f, err := os.Open("testdata/sweep_known")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	known := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, why, ok := strings.Cut(lines.Text(), "\t")
		if _, err := path.Match(name, ""); err != nil {
			t.Fatalf("testdata/sweep_known: %q: %v", name, err)
		}
		if !ok || why == "" {
			t.Fatalf("testdata/sweep_known: %q gives no reason", lines.Text())
		}
		known[name] = strings.HasPrefix(why, "timing: ")
	}
	return known
}

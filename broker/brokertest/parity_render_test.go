package brokertest_test

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/batch"
)

// names replaces what differs from run to run: member ids become M1, M2, ... in the order they appear, topic ids "topic:NAME", producer ids P1, ...
type names struct {
	values map[string]string // by name: what it stands for
	known  map[string]string // by value: its name
	counts map[string]int
}

func newNames() *names {
	return &names{values: map[string]string{}, known: map[string]string{}, counts: map[string]int{}}
}

func (n *names) add(name string, value []byte) {
	n.values[name], n.known[string(value)] = string(value), name
}

// of names a value, newly if need be.
func (n *names) of(kind, value string) string {
	if name, ok := n.known[kind+value]; ok {
		return name
	}
	n.counts[kind]++
	name := kind + strconv.Itoa(n.counts[kind])
	n.known[kind+value], n.values[name] = name, value
	return name
}

var (
	uuids    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	memberID = regexp.MustCompile(`^[A-Za-z0-9._-]*` + uuids.String() + `$|^[A-Za-z0-9_-]{22}$`)
	clocks   = regexp.MustCompile(`\b1[789]\d{11}\b`)
	folders  = regexp.MustCompile(`/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+`)
)

// render writes a response on one line: the fields that differ from their defaults, lists in an order of their own.
func (p *peer) render(resp kmsg.Response, problem string) string {
	if problem != "" {
		return problem
	}
	if r, ok := resp.(*kmsg.FindCoordinatorResponse); ok {
		r.Host, r.Port = "", 0
		for i := range r.Coordinators {
			r.Coordinators[i].Host, r.Coordinators[i].Port = "", 0
		}
	}
	return p.fields(reflect.ValueOf(resp).Elem())
}

func (p *peer) fields(v reflect.Value) string {
	missing := reflect.New(v.Type())
	if d, ok := reflect.TypeAssert[interface{ Default() }](missing); ok {
		d.Default()
	}
	var out []string
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if name == "Version" || name == "UnknownTags" || name == "ThrottleMillis" {
			continue
		}
		f := v.Field(i)
		same := reflect.DeepEqual(f.Interface(), missing.Elem().Field(i).Interface()) && name != "ProducerID" // the first one is 0
		if same || f.Kind() == reflect.Slice && f.Len() == 0 {
			continue
		}
		out = append(out, name+": "+p.value(name, f))
	}
	return "{" + strings.Join(out, ", ") + "}"
}

func (p *peer) value(name string, f reflect.Value) string {
	switch f.Kind() {
	case reflect.Struct:
		return p.fields(f)
	case reflect.Pointer:
		if f.IsNil() {
			return "null"
		}
		return p.value(name, f.Elem())
	case reflect.Array:
		id := f.Interface().([16]byte)
		if known, ok := p.names.known[string(id[:])]; ok {
			return known
		}
		if id == ([16]byte{}) {
			return "none"
		}
		if id == p.resolveID("?") {
			return "?"
		}
		return "an id"
	case reflect.Slice:
		if b, ok := reflect.TypeAssert[[]byte](f); ok {
			return p.bytes(name, b)
		}
		rows := make([]string, f.Len())
		for i := range rows {
			rows[i] = p.value(name, f.Index(i))
		}
		if f.Type().Elem().Kind() == reflect.Struct || f.Type().Elem().Kind() == reflect.String {
			slices.Sort(rows)
		}
		return "[" + strings.Join(rows, ", ") + "]"
	case reflect.String:
		return p.text(name, f.String())
	case reflect.Int16:
		if name == "ErrorCode" {
			return errorName(int16(f.Int()))
		}
	case reflect.Int64, reflect.Int32:
		return p.number(name, f.Int())
	default:
	}
	return fmt.Sprint(f.Interface())
}

func errorName(code int16) string {
	if err := kerr.TypedErrorForCode(code); err != nil {
		return err.Message
	}
	return strconv.Itoa(int(code))
}

func (p *peer) number(name string, n int64) string {
	now := time.Now().UnixMilli()
	switch {
	case name == "ProducerID" && n >= 0:
		return p.names.of("P", strconv.FormatInt(n, 10))
	case name == "SessionID" && n != 0:
		return p.names.of("S", strconv.FormatInt(n, 10))
	case name == "Port" || name == "TotalBytes" || name == "UsableBytes" || name == "FinalizedFeaturesEpoch":
		return "some"
	case n > now-24*3600_000 && n < now+24*3600_000:
		return "now"
	}
	return strconv.FormatInt(n, 10)
}

func (p *peer) text(name, s string) string {
	switch {
	case name == "ClusterID" || name == "Host" || name == "ClientHost":
		return "some"
	case s != "" && (name == "MemberID" || name == "LeaderID" || name == "Leader" || name == "MemberId") && memberID.MatchString(s):
		return p.names.of("M", s)
	case name == "Dir" || name == "LogDir":
		return "DIR"
	}
	s = strings.ReplaceAll(s, p.addr, "ADDR")
	for value, known := range p.names.known {
		if strings.HasPrefix(known, "M") && strings.Contains(s, value[1:]) {
			s = strings.ReplaceAll(s, value[1:], known)
		}
	}
	s = clocks.ReplaceAllString(uuids.ReplaceAllString(s, "UUID"), "now")
	return strconv.Quote(folders.ReplaceAllString(s, "DIR"))
}

// bytes shows records by their batches' headers.
func (p *peer) bytes(name string, b []byte) string {
	if name != "RecordBatches" {
		return strconv.Quote(string(b))
	}
	var out []string
	for len(b) > 0 {
		next, rest, err := batch.Next(b)
		if err != nil {
			out = append(out, "cut")
			break
		}
		line := fmt.Sprintf("%d-%d %s %v", next.BaseOffset(), next.LastOffset(), next.Codec(), next.TimestampType())
		if next.HasProducerID() {
			line += fmt.Sprintf(" producer epoch %d sequence %d", next.ProducerEpoch(), next.BaseSequence())
		}
		line += fmt.Sprintf(" leader epoch %d", next.PartitionLeaderEpoch())
		if next.CRC() != next.ComputeCRC() {
			line += " crc " + hex.EncodeToString(b[17:21])
		}
		out = append(out, line)
		b = rest
	}
	return "[" + strings.Join(out, "; ") + "]"
}

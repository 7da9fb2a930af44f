package brokertest_test

import (
	"bufio"
	enc "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// patience bounds every wait of a script.
const patience = 30 * time.Second

// silence is how long to wait for the answer of another's broker, which sometimes gives none.
const silence = 4 * time.Second

// peer is a broker that a script plays to.
type peer struct {
	t     *testing.T
	addr  string
	wait  time.Duration // for an answer
	conns map[string]*parityConn
	names *names
}

// parityConn is a connection with its unanswered requests, in order.
type parityConn struct {
	net.Conn
	in      *bufio.Reader
	pending []kmsg.Request
	sent    int32
}

func newPeer(t *testing.T, addr string) *peer {
	p := &peer{t: t, addr: addr, wait: patience, conns: map[string]*parityConn{}, names: newNames()}
	t.Cleanup(func() {
		for name := range p.conns {
			p.close(name)
		}
	})
	return p
}

func (p *peer) close(name string) {
	if c := p.conns[name]; c != nil {
		_ = c.Close() // nothing depends on it
		delete(p.conns, name)
	}
}

func (p *peer) start(name, clientID string, req kmsg.Request) {
	p.t.Helper()
	c := p.conns[name]
	if c == nil {
		nc, err := net.DialTimeout("tcp", p.addr, patience)
		if err != nil {
			p.t.Fatal(err)
		}
		c = &parityConn{Conn: nc, in: bufio.NewReader(nc)}
		p.conns[name] = c
	}
	if clientID == "" {
		clientID = "parity"
	}
	c.sent++
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)).AppendRequest(nil, req, c.sent)
	c.pending = append(c.pending, req)
	if _, err := c.Write(frame); err != nil {
		p.t.Logf("sending: %v", err) // the answer will say "closed"
	}
}

// await returns the next answer of a connection: a response, or what happened instead.
func (p *peer) await(name string) (kmsg.Response, string) {
	p.t.Helper()
	c := p.conns[name]
	if c == nil || len(c.pending) == 0 {
		p.t.Fatalf("nothing was asked on connection %q", name)
	}
	req := c.pending[0]
	c.pending = c.pending[1:]
	if err := c.SetReadDeadline(time.Now().Add(p.wait)); err != nil {
		p.t.Fatal(err)
	}
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		p.close(name)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, "no answer"
		}
		return nil, "closed"
	}
	body := make([]byte, enc.BigEndian.Uint32(head[:])-4)
	if _, err := io.ReadFull(c.in, body); err != nil {
		p.t.Fatal(err)
	}
	resp := req.ResponseKind()
	if resp.IsFlexible() && resp.Key() != 18 {
		body = body[1:] // no tags in the header
	}
	if err := resp.ReadFrom(body); err != nil {
		p.t.Fatalf("%s v%d: %v: % x", kmsg.NameForKey(req.Key()), req.GetVersion(), err, body)
	}
	return resp, ""
}

func (p *peer) ask(req kmsg.Request) kmsg.Response {
	p.t.Helper()
	req.SetVersion(apacheMaxOf(req))
	p.start("setup", "", req)
	resp, problem := p.await("setup")
	if problem != "" {
		p.t.Fatalf("%s: %s", kmsg.NameForKey(req.Key()), problem)
	}
	return resp
}

// eventually repeats something until it is done.
func (p *peer) eventually(what string, done func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// reset removes the topics and groups that an earlier script left, and sees to it that groups are served.
func (p *peer) reset() {
	p.t.Helper()
	p.eventually("a coordinator", func() bool {
		req := kmsg.NewPtrFindCoordinatorRequest()
		req.CoordinatorKeys = []string{"parity"}
		return p.ask(req).(*kmsg.FindCoordinatorResponse).Coordinators[0].ErrorCode == 0
	})
	p.eventually("producer ids", func() bool { // the first ones have to come from the controller
		return p.ask(kmsg.NewPtrInitProducerIDRequest()).(*kmsg.InitProducerIDResponse).ErrorCode == 0
	})
	groups := p.ask(kmsg.NewPtrListGroupsRequest()).(*kmsg.ListGroupsResponse)
	remove := kmsg.NewPtrDeleteGroupsRequest()
	for _, g := range groups.Groups {
		remove.Groups = append(remove.Groups, g.Group)
	}
	if len(remove.Groups) > 0 {
		p.ask(remove)
	}
	p.eventually("removing topics", func() bool {
		meta := kmsg.NewPtrMetadataRequest()
		meta.Topics = nil
		req := kmsg.NewPtrDeleteTopicsRequest()
		req.TimeoutMillis = 10_000
		for _, t := range p.ask(meta).(*kmsg.MetadataResponse).Topics {
			if !strings.HasPrefix(*t.Topic, "__") {
				row := kmsg.NewDeleteTopicsRequestTopic()
				row.Topic = t.Topic
				req.Topics = append(req.Topics, row)
			}
		}
		if len(req.Topics) > 0 {
			p.ask(req)
		}
		return len(req.Topics) == 0
	})
}

// makeTopic is the command topic: name=, partitions=, and each line below is a config.
func (p *peer) makeTopic(d *datadriven.TestData) string {
	p.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 10_000
	row := kmsg.NewCreateTopicsRequestTopic()
	row.NumPartitions, row.ReplicationFactor = 1, 1
	d.ScanArgs(p.t, "name", &row.Topic)
	d.MaybeScanArgs(p.t, "partitions", &row.NumPartitions)
	for line := range strings.FieldsSeq(d.Input) {
		cfg := kmsg.NewCreateTopicsRequestTopicConfig()
		key, value, _ := strings.Cut(line, "=")
		cfg.Name, cfg.Value = key, &value
		row.Configs = append(row.Configs, cfg)
	}
	req.Topics = append(req.Topics, row)
	if got := p.ask(req).(*kmsg.CreateTopicsResponse).Topics[0]; got.ErrorCode != 0 {
		return fmt.Sprintf("%v", kerr.ErrorForCode(got.ErrorCode))
	}
	p.eventually("topic "+row.Topic, func() bool { _, led := p.topicID(row.Topic); return led })
	return ""
}

func (p *peer) topicID(name string) (id [16]byte, led bool) {
	meta := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &name
	meta.Topics, meta.AllowAutoTopicCreation = append(meta.Topics, asked), false
	t := p.ask(meta).(*kmsg.MetadataResponse).Topics[0]
	led = t.ErrorCode == 0
	for _, part := range t.Partitions {
		led = led && part.ErrorCode == 0 && part.Leader >= 0
	}
	p.names.add("topic:"+name, t.TopicID[:])
	return t.TopicID, led
}

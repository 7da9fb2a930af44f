package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// rawConn is one connection that sends requests encoded beforehand and reads answers without decoding more than it must.
type rawConn struct {
	c   net.Conn
	r   *bufio.Reader
	buf []byte
	cor int32
}

var formatter = kmsg.NewRequestFormatter(kmsg.FormatterClientID("kgo-bench"))

func dialRaw(addr string) (*rawConn, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &rawConn{c: c, r: bufio.NewReaderSize(c, 64<<10)}, nil
}

func (c *rawConn) close() { _ = c.c.Close() }

// dialRawContext dials a connection that breaks when ctx ends, so that an error in one worker ends the others.
func dialRawContext(ctx context.Context, addr string) (*rawConn, error) {
	c, err := dialRaw(addr)
	if err == nil {
		context.AfterFunc(ctx, c.close)
	}
	return c, err
}

// readFrame reads one response and returns it without its length; valid until the next call.
func (c *rawConn) readFrame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.r, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(size[:]))
	if cap(c.buf) < n {
		c.buf = make([]byte, n)
	}
	c.buf = c.buf[:n]
	_, err := io.ReadFull(c.r, c.buf)
	return c.buf, err
}

// discardFrame reads one response, hands its first bytes (at most 256) to the caller and drops the rest unseen.
func (c *rawConn) discardFrame() (head []byte, err error) {
	var length [4]byte
	if _, err := io.ReadFull(c.r, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(length[:]))
	if cap(c.buf) < 256 {
		c.buf = make([]byte, 256)
	}
	head = c.buf[:min(n, 256)]
	if _, err := io.ReadFull(c.r, head); err != nil {
		return nil, err
	}
	_, err = io.CopyN(io.Discard, c.r, int64(n-len(head)))
	return head, err
}

// request sends req and decodes its response.
func (c *rawConn) request(req kmsg.Request) (kmsg.Response, error) {
	c.cor++
	if _, err := c.c.Write(formatter.AppendRequest(nil, req, c.cor)); err != nil {
		return nil, err
	}
	frame, err := c.readFrame()
	if err != nil {
		return nil, err
	}
	body := frame[4:]
	if req.IsFlexible() && req.Key() != 18 {
		body = body[1:] // no tags in the header
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	return resp, resp.ReadFrom(body)
}

// apiVersions asks the first thing that every client asks, and drops the answer.
func (c *rawConn) apiVersions() error {
	_, err := c.request(kmsg.NewPtrApiVersionsRequest())
	return err
}

// createTopic creates a topic and waits until every partition has a leader.
func createTopic(ctx context.Context, addr, topic string, partitions int32) error {
	c, err := dialRaw(addr)
	if err != nil {
		return err
	}
	defer c.close()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.SetVersion(5)
	req.TimeoutMillis = 30000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, partitions, 1
	req.Topics = append(req.Topics, t)
	resp, err := c.request(req)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(resp.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode); err != nil {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	// A leader named by Metadata may not have heard of it yet; one that answers ListOffsets has.
	list := kmsg.NewPtrListOffsetsRequest()
	list.SetVersion(5)
	list.ReplicaID = -1
	lt := kmsg.NewListOffsetsRequestTopic()
	lt.Topic = topic
	for i := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.CurrentLeaderEpoch, p.Timestamp = i, -1, -1
		lt.Partitions = append(lt.Partitions, p)
	}
	list.Topics = append(list.Topics, lt)
	for ctx.Err() == nil {
		resp, err := c.request(list)
		if err != nil {
			return err
		}
		ready := 0
		for _, p := range resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions {
			if p.ErrorCode == 0 {
				ready++
			}
		}
		if ready == int(partitions) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}

// recordBatch encodes count uncompressed records of size bytes each as one batch. The values differ, so that nothing can be folded.
func recordBatch(count, size int) []byte {
	var records []byte
	value := make([]byte, size)
	seed := uint64(0x9E3779B97F4A7C15)
	for i := range count {
		for j := range value {
			seed = seed*6364136223846793005 + 1442695040888963407
			value[j] = 'a' + byte(seed>>59)%26
		}
		var r []byte
		r = append(r, 0)                        // attributes
		r = binary.AppendVarint(r, 0)           // timestamp delta
		r = binary.AppendVarint(r, int64(i))    // offset delta
		r = binary.AppendVarint(r, -1)          // no key
		r = binary.AppendVarint(r, int64(size)) // value
		r = append(r, value...)
		r = binary.AppendVarint(r, 0) // no headers
		records = binary.AppendVarint(records, int64(len(r)))
		records = append(records, r...)
	}
	now := time.Now().UnixMilli()
	b := make([]byte, 61, 61+len(records))
	binary.BigEndian.PutUint32(b[8:], uint32(49+len(records)))
	binary.BigEndian.PutUint32(b[12:], ^uint32(0))
	b[16] = 2
	binary.BigEndian.PutUint32(b[23:], uint32(count-1))
	binary.BigEndian.PutUint64(b[27:], uint64(now))
	binary.BigEndian.PutUint64(b[35:], uint64(now))
	binary.BigEndian.PutUint64(b[43:], ^uint64(0))
	binary.BigEndian.PutUint16(b[51:], ^uint16(0))
	binary.BigEndian.PutUint32(b[53:], ^uint32(0))
	binary.BigEndian.PutUint32(b[57:], uint32(count))
	b = append(b, records...)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// produceFrame is a whole produce request (v7, acks=all) with one batch for one partition.
func produceFrame(topic string, partition int32, batch []byte) []byte {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(7)
	req.Acks, req.TimeoutMillis = -1, 30000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, batch
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return formatter.AppendRequest(nil, req, 1)
}

// produceError reads the error code out of the head of a one-partition produce response (v7).
func produceError(head []byte, topic string) error {
	at := 4 + 4 + 2 + len(topic) + 4 + 4 // correlation id, topics, name, partitions, partition
	if len(head) < at+2 {
		return errors.New("produce response is too short")
	}
	return kerr.ErrorForCode(int16(binary.BigEndian.Uint16(head[at:])))
}

package api

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/replica"
	"github.com/kgo-project/kgo/broker/storage"
	"github.com/kgo-project/kgo/broker/wire"
)

// payloadBytes is a payload as the client gets it.
func payloadBytes(t *testing.T, p wire.Payload) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFetchResponseEqualsKmsg encodes random answers in each version by hand and by kmsg.
func TestFetchResponseEqualsKmsg(t *testing.T) {
	for version := range int16(19) {
		for seed := range uint64(40) {
			t.Run(fmt.Sprintf("v%d/seed=%d", version, seed), func(t *testing.T) {
				rows, leaders := randomRows(rand.New(rand.NewPCG(seed, uint64(version))), version)
				want := kmsgFetch(version, 77, rows, leaders)
				p := encodeFetch(version, 0, 77, rows, leaders)
				if got := payloadBytes(t, p); !bytes.Equal(got, want) {
					t.Errorf("by hand\n%x\nby kmsg\n%x", got, want)
				}
			})
		}
	}
}

func randomRows(r *rand.Rand, version int16) (rows []fetchRow, leaders []endpoint) {
	errs := []error{nil, nil, kerr.OffsetOutOfRange, kerr.NotLeaderForPartition}
	for range r.IntN(6) {
		res := &replica.FetchResult{
			Err: errs[r.IntN(len(errs))], HighWatermark: r.Int64N(1e6) - 1, LastStableOffset: r.Int64N(1e6) - 1, LogStartOffset: r.Int64N(1e6) - 1,
			PreferredReadReplica: ident.NoBroker, Leader: replica.NoHint,
		}
		if r.IntN(2) == 0 {
			res.AbortedTransactions = []storage.AbortedTxn{}
			for range r.IntN(3) {
				res.AbortedTransactions = append(res.AbortedTransactions, storage.AbortedTxn{ProducerID: r.Int64(), FirstOffset: r.Int64()})
			}
		}
		if r.IntN(3) == 0 && version >= 12 {
			res.DivergingEpoch = &replica.EpochEndOffset{LeaderEpoch: r.Int32N(100), EndOffset: r.Int64N(100)}
		}
		if r.IntN(3) == 0 && version >= 16 {
			res.Leader = replica.LeaderHint{LeaderID: ident.BrokerID(r.Int32N(9)), LeaderEpoch: r.Int32N(9)}
		}
		if r.IntN(3) == 0 {
			res.PreferredReadReplica = 3
		}
		n := r.IntN(2)
		row := fetchRow{FetchResult: res, topic: fmt.Sprint("topic-", n), topicID: ident.TopicID{15: byte(n)}, partition: r.Int32N(1000)}
		row.converted = make([]byte, []int{0, 1, 63, 126, 127, 128, 40000}[r.IntN(7)])
		rows = append(rows, row)
	}
	if version >= 16 {
		rack := "r1"
		for i := range r.IntN(3) {
			leaders = append(leaders, endpoint{id: ident.BrokerID(i), host: "host", port: 9092, rack: []*string{nil, &rack}[r.IntN(2)]})
		}
	}
	return rows, leaders
}

// kmsgFetch is the slow reference.
func kmsgFetch(version int16, sessionID int32, rows []fetchRow, leaders []endpoint) []byte {
	resp := kmsg.NewPtrFetchResponse()
	resp.SetVersion(version)
	resp.SessionID = sessionID
	for _, r := range rows {
		n := len(resp.Topics)
		if n == 0 || resp.Topics[n-1].Topic != r.topic {
			topic := kmsg.NewFetchResponseTopic()
			topic.Topic, topic.TopicID = r.topic, r.topicID
			resp.Topics = append(resp.Topics, topic)
			n++
		}
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition, p.ErrorCode, p.HighWatermark = r.partition, wire.ErrorCode(r.Err), r.HighWatermark
		p.LastStableOffset, p.LogStartOffset, p.PreferredReadReplica = r.LastStableOffset, r.LogStartOffset, int32(r.PreferredReadReplica)
		p.RecordBatches = r.converted
		if r.AbortedTransactions != nil {
			p.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}
		}
		for _, a := range r.AbortedTransactions {
			p.AbortedTransactions = append(p.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
		}
		if d := r.DivergingEpoch; d != nil {
			p.DivergingEpoch.Epoch, p.DivergingEpoch.EndOffset = d.LeaderEpoch, d.EndOffset
		}
		p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = int32(r.Leader.LeaderID), r.Leader.LeaderEpoch
		resp.Topics[n-1].Partitions = append(resp.Topics[n-1].Partitions, p)
	}
	for _, l := range leaders {
		resp.Brokers = append(resp.Brokers, kmsg.FetchResponseBroker{NodeID: int32(l.id), Host: l.host, Port: l.port, Rack: l.rack})
	}
	return resp.AppendTo(nil)
}

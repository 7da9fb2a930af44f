package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/commands/client"
)

// transactionView is one line of kgo transactions list.
type transactionView struct {
	TransactionalID string `json:"transactional_id"`
	Coordinator     int32  `json:"coordinator"`
	ProducerID      int64  `json:"producer_id"`
	State           string `json:"state"`
}

func (o *transactionsOptions) list(ctx context.Context, cl *client.Client) error {
	req := kmsg.NewPtrListTransactionsRequest()
	req.DurationFilterMillis = o.Duration
	if o.Pattern != "" {
		req.TransactionalIDPattern = new(o.Pattern)
	}
	views := []transactionView{}
	for _, shard := range cl.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return shard.Err
		}
		resp, ok := shard.Resp.(*kmsg.ListTransactionsResponse)
		if !ok {
			continue
		}
		if err := serverError(resp.ErrorCode, nil); err != nil {
			return fmt.Errorf("Failed to list transactions: %w", err)
		}
		for _, t := range resp.TransactionStates {
			views = append(views, transactionView{t.TransactionalID, shard.Meta.NodeID, t.ProducerID, t.TransactionState})
		}
	}
	slices.SortFunc(views, func(a, b transactionView) int { return strings.Compare(a.TransactionalID, b.TransactionalID) })
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		rows := [][]string{{"TransactionalId", "Coordinator", "ProducerId", "TransactionState"}}
		for _, v := range views {
			rows = append(rows, []string{v.TransactionalID, strconv.Itoa(int(v.Coordinator)), strconv.FormatInt(v.ProducerID, 10), v.State})
		}
		printTabbed(w, rows)
		return nil
	})
}

// describedTransactionView is the answer of kgo transactions describe; the start time is null while no transaction is open.
type describedTransactionView struct {
	Coordinator     int32    `json:"coordinator"`
	TransactionalID string   `json:"transactional_id"`
	ProducerID      int64    `json:"producer_id"`
	ProducerEpoch   int16    `json:"producer_epoch"`
	State           string   `json:"state"`
	TimeoutMs       int32    `json:"timeout_ms"`
	StartMs         *int64   `json:"start_ms"`
	Partitions      []string `json:"partitions"`
}

func (o *transactionsOptions) describe(ctx context.Context, cl *client.Client) error {
	var view describedTransactionView
	err := untilCoordinated(ctx, func() error {
		req := kmsg.NewPtrDescribeTransactionsRequest()
		req.TransactionalIDs = []string{o.TransactionalID}
		for _, shard := range cl.RequestSharded(ctx, req) {
			if shard.Err != nil {
				return shard.Err
			}
			resp, ok := shard.Resp.(*kmsg.DescribeTransactionsResponse)
			if !ok || len(resp.TransactionStates) != 1 {
				return errors.New("the answer to DescribeTransactions is empty")
			}
			t := &resp.TransactionStates[0]
			if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
				return err
			}
			view = describedTransactionView{shard.Meta.NodeID, t.TransactionalID, t.ProducerID, t.ProducerEpoch, t.State, t.TimeoutMillis, nil, []string{}}
			if t.StartTimestamp >= 0 {
				view.StartMs = &t.StartTimestamp
			}
			for _, topic := range t.Topics {
				for _, p := range topic.Partitions {
					view.Partitions = append(view.Partitions, fmt.Sprintf("%s-%d", topic.Topic, p))
				}
			}
		}
		return nil
	})
	if errors.Is(err, kerr.TransactionalIDNotFound) {
		return fmt.Errorf("Failed to describe transaction state of transactional-id `%s`: DescribeTransactions request for transactionalId `%s` failed because the ID could not be found", o.TransactionalID, o.TransactionalID)
	}
	if err != nil {
		return err
	}
	slices.Sort(view.Partitions)
	return o.Output.write(o.IO.Out, view, func(w io.Writer) error {
		start, duration := "None", "None"
		if view.StartMs != nil {
			start, duration = strconv.FormatInt(*view.StartMs, 10), strconv.FormatInt(o.Now().UnixMilli()-*view.StartMs, 10)
		}
		printTabbed(w, [][]string{
			{"CoordinatorId", "TransactionalId", "ProducerId", "ProducerEpoch", "TransactionState", "TransactionTimeoutMs", "CurrentTransactionStartTimeMs", "TransactionDurationMs", "TopicPartitions"},
			{strconv.Itoa(int(view.Coordinator)), view.TransactionalID, strconv.FormatInt(view.ProducerID, 10), strconv.Itoa(int(view.ProducerEpoch)), view.State, strconv.Itoa(int(view.TimeoutMs)), start, duration, strings.Join(view.Partitions, ",")},
		})
		return nil
	})
}

// producerView is one producer of a partition; the start offset is null without an open transaction.
type producerView struct {
	Topic                         string `json:"topic"`
	Partition                     int32  `json:"partition"`
	ProducerID                    int64  `json:"producer_id"`
	ProducerEpoch                 int32  `json:"producer_epoch"`
	LatestCoordinatorEpoch        int32  `json:"latest_coordinator_epoch"`
	LastSequence                  int32  `json:"last_sequence"`
	LastTimestamp                 int64  `json:"last_timestamp"`
	CurrentTransactionStartOffset *int64 `json:"current_transaction_start_offset"`
}

// partitionProducers asks the leaders, or the broker that was named, for the producers of partitions.
func (o *transactionsOptions) partitionProducers(ctx context.Context, cl *client.Client, topic string, partitions []int32) ([]producerView, error) {
	req := kmsg.NewPtrDescribeProducersRequest()
	t := kmsg.NewDescribeProducersRequestTopic()
	t.Topic, t.Partitions = topic, partitions
	req.Topics = append(req.Topics, t)
	var answers []kmsg.Response
	if o.Broker >= 0 {
		resp, err := cl.Broker(int(o.Broker)).RetriableRequest(ctx, req)
		if err != nil {
			return nil, err
		}
		answers = append(answers, resp)
	} else {
		for _, shard := range cl.RequestSharded(ctx, req) {
			if shard.Err != nil {
				return nil, shard.Err
			}
			answers = append(answers, shard.Resp)
		}
	}
	var views []producerView
	for _, answer := range answers {
		resp, ok := answer.(*kmsg.DescribeProducersResponse)
		if !ok {
			continue
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if err := serverError(p.ErrorCode, p.ErrorMessage); err != nil {
					return nil, err
				}
				for _, a := range p.ActiveProducers {
					v := producerView{t.Topic, p.Partition, a.ProducerID, a.ProducerEpoch, a.CoordinatorEpoch, a.LastSequence, a.LastTimestamp, nil}
					if a.CurrentTxnStartOffset >= 0 {
						v.CurrentTransactionStartOffset = &a.CurrentTxnStartOffset
					}
					views = append(views, v)
				}
			}
		}
	}
	return views, nil
}

func (o *transactionsOptions) describeProducers(ctx context.Context, cl *client.Client) error {
	views, err := o.partitionProducers(ctx, cl, o.Topic, []int32{o.Partition})
	if err != nil {
		where := "leader"
		if o.Broker >= 0 {
			where = fmt.Sprintf("broker %d", o.Broker)
		}
		return fmt.Errorf("Failed to describe producers for partition %s-%d on %s: %w", o.Topic, o.Partition, where, err)
	}
	return o.Output.write(o.IO.Out, views, func(w io.Writer) error {
		rows := [][]string{{"ProducerId", "ProducerEpoch", "LatestCoordinatorEpoch", "LastSequence", "LastTimestamp", "CurrentTransactionStartOffset"}}
		for _, v := range views {
			start := "None"
			if v.CurrentTransactionStartOffset != nil {
				start = strconv.FormatInt(*v.CurrentTransactionStartOffset, 10)
			}
			rows = append(rows, []string{
				strconv.FormatInt(v.ProducerID, 10), strconv.Itoa(int(v.ProducerEpoch)), strconv.Itoa(int(v.LatestCoordinatorEpoch)),
				strconv.Itoa(int(v.LastSequence)), strconv.FormatInt(v.LastTimestamp, 10), start,
			})
		}
		printTabbed(w, rows)
		return nil
	})
}

// findHanging looks for transactions that are open in a partition for longer than any timeout allows and that no coordinator
// knows about, or knows in another epoch.
func (o *transactionsOptions) findHanging(ctx context.Context, cl *client.Client) error {
	var only []string
	if o.Topic != "" {
		only = []string{o.Topic}
	}
	topics, err := cl.Admin.ListTopicsWithInternal(ctx, only...)
	if err != nil {
		return err
	}
	var suspects []producerView
	for _, t := range topics.Sorted() {
		if t.Err != nil {
			return fmt.Errorf("Failed to describe topic %s: %w", t.Topic, t.Err)
		}
		open, err := o.suspects(ctx, cl, t)
		if err != nil {
			return err
		}
		suspects = append(suspects, open...)
	}
	hanging := suspects[:0]
	if len(suspects) > 0 {
		known, err := o.knownTransactions(ctx, cl)
		if err != nil {
			return err
		}
		for _, s := range suspects {
			if !known[s.ProducerID][fmt.Sprintf("%s-%d", s.Topic, s.Partition)] {
				hanging = append(hanging, s)
			}
		}
	}
	return o.Output.write(o.IO.Out, hanging, func(w io.Writer) error {
		rows := [][]string{{"Topic", "Partition", "ProducerId", "ProducerEpoch", "CoordinatorEpoch", "StartOffset", "LastTimestamp", "Duration(min)"}}
		for _, v := range hanging {
			age := o.Now().Sub(time.UnixMilli(v.LastTimestamp))
			rows = append(rows, []string{
				v.Topic, strconv.Itoa(int(v.Partition)), strconv.FormatInt(v.ProducerID, 10), strconv.Itoa(int(v.ProducerEpoch)), strconv.Itoa(int(v.LatestCoordinatorEpoch)),
				strconv.FormatInt(*v.CurrentTransactionStartOffset, 10), strconv.FormatInt(v.LastTimestamp, 10), strconv.FormatInt(int64(age.Minutes()), 10),
			})
		}
		printTabbed(w, rows)
		return nil
	})
}

// suspects are the old open transactions of a topic.
func (o *transactionsOptions) suspects(ctx context.Context, cl *client.Client, t kadm.TopicDetail) ([]producerView, error) {
	var partitions []int32
	for _, p := range t.Partitions.Sorted() {
		if (o.Partition < 0 || p.Partition == o.Partition) && (o.Broker < 0 || slices.Contains(p.Replicas, o.Broker)) {
			partitions = append(partitions, p.Partition)
		}
	}
	if len(partitions) == 0 {
		return nil, nil
	}
	producers, err := o.partitionProducers(ctx, cl, t.Topic, partitions)
	return slices.DeleteFunc(producers, func(p producerView) bool {
		return p.CurrentTransactionStartOffset == nil || o.Now().Sub(time.UnixMilli(p.LastTimestamp)) <= o.MaxTimeout
	}), err
}

// knownTransactions maps producer ids to the partitions of their open transactions.
func (o *transactionsOptions) knownTransactions(ctx context.Context, cl *client.Client) (map[int64]map[string]bool, error) {
	listed, err := cl.Admin.ListTransactions(ctx, nil, nil)
	if err != nil {
		return nil, err
	}
	known := make(map[int64]map[string]bool)
	if ids := listed.TransactionalIDs(); len(ids) > 0 {
		described, err := cl.Admin.DescribeTransactions(ctx, ids...)
		if err != nil {
			return nil, err
		}
		for _, d := range described {
			partitions := make(map[string]bool)
			for topic, list := range d.Topics {
				for p := range list {
					partitions[fmt.Sprintf("%s-%d", topic, p)] = true
				}
			}
			known[d.ProducerID] = partitions
		}
	}
	return known, nil
}

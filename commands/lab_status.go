package commands

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	labAskTimeout = 2 * time.Second // for a node's answer to status
	labRedraw     = time.Second     // between two looks of a table that lives
)

// labStatusView is a row of `kgo lab status`.
type labStatusView struct {
	Node       string   `json:"node"`
	PID        *int     `json:"pid"` // null: it does not run
	Port       int32    `json:"port"`
	Role       string   `json:"role"`        // broker or coordinator
	QuorumRole *string  `json:"quorum_role"` // a running coordinator's: leader, follower, standalone, or "no answer"
	State      string   `json:"state"`       // running, paused or stopped
	CutFrom    []string `json:"cut_from"`
	Leaders    *int     `json:"leaders"` // how many partitions a broker leads; null where nobody can say
	Lag        *int64   `json:"lag"`     // how many records its replicas lack
}

func newLabStatusCmd(o *labOptions) *cobra.Command {
	var once bool
	var output string
	cmd := &cobra.Command{
		Use: "status", Short: "Show what the nodes are and do; on a terminal again each second, until Ctrl-C", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, err := parseFormat(output)
			if err != nil {
				return err
			}
			s := &labStatus{labOptions: o}
			defer s.close()
			if out != formatText || once || !o.io.OutTTY {
				rows, err := s.look(cmd.Context())
				if err != nil {
					return err
				}
				return out.write(o.io.Out, rows, func(w io.Writer) error { labTable(w, rows); return nil })
			}
			return s.live(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "show them once on a terminal too")
	cmd.Flags().StringVar(&output, "output", "", "print as `FORMAT`: text, json or yaml")
	return cmd
}

// labStatus looks at a lab, once or again and again.
type labStatus struct {
	*labOptions
	client *kgo.Client // of the brokers at seeds
	seeds  string
}

func (s *labStatus) close() {
	if s.client != nil {
		s.client.Close()
	}
}

// admin is a client of the lab's brokers, whichever those are now.
func (s *labStatus) admin(nodes []*labNode) (*kadm.Client, error) {
	if seeds := bootstrapOf(nodes); s.client == nil || seeds != s.seeds {
		s.close()
		var err error
		s.client, err = kgo.NewClient(kgo.SeedBrokers(strings.Split(seeds, ",")...), kgo.DialTimeout(labAskTimeout), kgo.MetadataMinAge(10*time.Millisecond))
		if err != nil {
			return nil, err
		}
		s.seeds = seeds
	}
	return kadm.NewClient(s.client), nil
}

// live draws the table again each second over the one before, until ctx ends.
func (s *labStatus) live(ctx context.Context) error {
	ticker := time.NewTicker(labRedraw)
	defer ticker.Stop()
	for drawn := 0; ; {
		rows, err := s.look(ctx)
		if ctx.Err() != nil {
			return nil // Ctrl-C is how it ends
		}
		if err != nil {
			return err
		}
		if drawn > 0 {
			fmt.Fprintf(s.io.Out, "\x1b[%dA\x1b[J", drawn) // up to the first line, and clear from there
		}
		labTable(s.io.Out, rows)
		drawn = len(rows) + 1
		if err := s.io.Flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// look asks all nodes, side by side: a paused one must not hold the others up.
func (s *labStatus) look(ctx context.Context) ([]labStatusView, error) {
	nodes, err := s.nodes(nil)
	if err != nil {
		return nil, err
	}
	adm, err := s.admin(nodes)
	if err != nil {
		return nil, err
	}
	ask, cancel := context.WithTimeout(ctx, labAskTimeout)
	defer cancel()
	var known kadm.Metadata
	answered := false
	if slices.ContainsFunc(nodes, func(n *labNode) bool { return !n.coordinator && n.pid() != 0 }) {
		known, err = adm.Metadata(ask)
		answered = err == nil
	}
	rows := make([]labStatusView, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		row := &rows[i]
		*row = labStatusView{Node: n.name, Port: n.port, Role: "broker", State: "running", CutFrom: n.cutFrom(nodes)}
		pid := n.pid()
		switch {
		case pid == 0:
			row.State = "stopped"
		case processState(pid) == 'T':
			row.State = "paused"
		}
		if pid != 0 {
			row.PID = &pid
		}
		alive := row.State == "running"
		switch {
		case n.coordinator:
			row.Role = "coordinator"
			if alive {
				wg.Go(func() { row.QuorumRole = new(quorumRole(n.port)) })
			}
		case pid != 0 && answered:
			row.Leaders = new(leadersOf(known, n.id))
			if alive {
				wg.Go(func() { row.Lag = lagOf(ask, adm, n.id) })
			}
		}
	}
	wg.Wait()
	return rows, nil
}

// labTable is the rows for people.
func labTable(out io.Writer, rows []labStatusView) {
	table := [][]string{{"NODE", "PID", "PORT", "ROLE", "STATE", "LEADERS", "LAG"}}
	for _, r := range rows {
		pid, role, state, leaders, lag := "-", r.Role, r.State, "-", "-"
		if r.PID != nil {
			pid = strconv.Itoa(*r.PID)
		}
		if r.QuorumRole != nil {
			role += " (" + *r.QuorumRole + ")"
		}
		if len(r.CutFrom) > 0 {
			state += ", cut from " + strings.Join(r.CutFrom, ", cut from ")
		}
		if r.Leaders != nil {
			leaders = strconv.Itoa(*r.Leaders)
		}
		if r.Lag != nil {
			lag = strconv.FormatInt(*r.Lag, 10)
		}
		table = append(table, []string{r.Node, pid, strconv.Itoa(int(r.Port)), role, state, leaders, lag})
	}
	printAligned(out, table)
}

// leadersOf counts the partitions that a broker leads.
func leadersOf(known kadm.Metadata, id int32) (count int) {
	for _, t := range known.Topics {
		for _, p := range t.Partitions {
			if p.Leader == id {
				count++
			}
		}
	}
	return count
}

// lagOf is how many records a broker's replicas lack, as it says itself; nil where it doesn't.
func lagOf(ctx context.Context, adm *kadm.Client, id int32) *int64 {
	dirs, err := adm.DescribeBrokerLogDirs(ctx, id, nil)
	if err != nil {
		return nil
	}
	behind := int64(0)
	dirs.EachPartition(func(p kadm.DescribedLogDirPartition) { behind += p.OffsetLag })
	return &behind
}

// quorumRole asks a coordinator as ZooKeeper's monitoring does.
func quorumRole(port int32) string {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("localhost", strconv.Itoa(int(port))), labAskTimeout) //nolint:noctx // bounded
	if err != nil {
		return "no answer"
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(labAskTimeout))
	if _, err := io.WriteString(conn, "mntr"); err != nil {
		return "no answer"
	}
	answer, _ := io.ReadAll(conn) // what came before an error is enough
	_, after, ok := strings.Cut(string(answer), "zk_server_state\t")
	if !ok {
		return "no answer"
	}
	role, _, _ := strings.Cut(after, "\n")
	return cmp.Or(role, "no answer")
}

package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kgo-project/kgo/broker/api"
	"github.com/kgo-project/kgo/broker/controller"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/metadata"
	"github.com/kgo-project/kgo/broker/quorum"
	"github.com/kgo-project/kgo/broker/storage"
)

const (
	membershipRetry    = 200 * time.Millisecond // doubled up to membershipRetryMax while nobody leads
	membershipRetryMax = 5 * time.Second
	membershipPatience = 10 * time.Second // for one answer
	membershipCheck    = 10 * time.Second // between looks whether the cluster still knows where this controller is
)

// membership tells the cluster where this controller is: the metadata, by a registration at each start (ControllerRegistration, KIP-919), and the voters
// record, where it is started with other listeners than that knows (UpdateRaftVoter, KIP-853).
type membership struct {
	nodeID      ident.BrokerID
	clusterID   string
	incarnation ident.UUID
	directory   ident.UUID
	endpoints   []metadata.Endpoint
	store       *metadata.Store
	quorum      *embeddedQuorum
	others      []string // of controller.quorum.bootstrap.servers
	dial        func(addresses []string) *remoteQuorum
	log         *slog.Logger
}

// startMembership begins to keep the cluster informed, until the server stops.
func (s *Server) startMembership(q *embeddedQuorum) {
	m := &membership{
		nodeID: s.nodeID, clusterID: q.cluster, incarnation: storage.NewUUID(), endpoints: s.controllerEndpoints(), store: s.store, quorum: q,
		others: s.otherControllers(), log: s.opts.Loggers.Logger("kafka.server.ControllerRegistrationManager"),
	}
	m.dial = func(addresses []string) *remoteQuorum {
		return newRemoteQuorum(s.opts.Network, api.DetourClientID, addresses, m.log)
	}
	for _, d := range s.storage.Dirs() {
		if d.Path == s.opts.Config.MetadataLogDir {
			m.directory = d.DirectoryID
		}
	}
	if len(m.endpoints) == 0 {
		return // a node on its own, which nobody else has to find
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.run(ctx)
	}()
	s.onStop(func(context.Context) {
		cancel()
		<-done
	})
}

// controllerEndpoints are where others reach this node's controller.
func (s *Server) controllerEndpoints() []metadata.Endpoint {
	network := s.opts.Config.Network
	var out []metadata.Endpoint
	for _, name := range network.ControllerListeners {
		for _, l := range slices.Concat(network.Advertised, network.Listeners) {
			if l.Name == name {
				out = append(out, metadata.Endpoint{Name: l.Name, Host: advertisedHost(l.Host), Port: uint16(s.advertisedPort(l)), SecurityProtocol: metadata.SecurityProtocol(securityProtocols[l.Protocol])})
				break
			}
		}
	}
	return out
}

func (m *membership) run(ctx context.Context) {
	wait := time.Duration(0)
	var unknown time.Time // since when the cluster has not known where this controller is
	warned := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		told, err := m.tell(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = min(max(2*wait, membershipRetry), membershipRetryMax)
		case told:
			wait = membershipRetry // until what was committed has come here
		default:
			wait, unknown, warned = membershipCheck, time.Time{}, false
			continue
		}
		if unknown.IsZero() {
			unknown = time.Now()
		}
		if !warned && time.Since(unknown) > membershipPatience {
			m.log.Warn("the cluster does not know where this controller is; it is told again and again", "endpoints", m.addresses(), "voters", m.known(), "answered", err == nil, "error", err)
			warned = true
		}
	}
}

// tell does the next thing that has to be done; told is false if there is nothing.
func (m *membership) tell(ctx context.Context) (told bool, err error) {
	n := m.quorum.late.node.Load()
	if n == nil {
		return false, nil
	}
	if v, moved := m.moved(n); moved {
		if err := m.ask(ctx, n, m.update(n)); err != nil {
			return true, err
		}
		m.log.Info("the quorum was told that this voter has other endpoints", "before", endpointsOf(v), "now", m.addresses())
		return true, nil
	}
	if image := m.store.Current(); image.MetadataVersion().ControllerRegistration() {
		if c := image.Controller(m.nodeID); c == nil || c.IncarnationID != m.incarnation {
			return true, m.ask(ctx, n, m.registration())
		}
		return false, nil
	}
	if leader, _ := n.Leader(); leader == ident.NoBroker {
		return false, controller.ErrNotController // the metadata isn't known yet
	}
	return false, nil
}

// moved reports whether this node is a voter that the log expects at other endpoints.
func (m *membership) moved(n *quorum.Node) (quorum.Voter, bool) {
	if !n.Dynamic() {
		return quorum.Voter{}, false // the configuration says where voters are
	}
	for _, v := range n.Voters() {
		if v.ID == m.nodeID && v.DirectoryID == m.directory {
			return v, !slices.EqualFunc(v.Endpoints, m.endpoints, func(a quorum.Endpoint, b metadata.Endpoint) bool {
				return a.Name == b.Name && strings.EqualFold(a.Host, b.Host) && a.Port == b.Port
			})
		}
	}
	return quorum.Voter{}, false
}

func (m *membership) update(n *quorum.Node) *kmsg.UpdateRaftVoterRequest {
	req := kmsg.NewPtrUpdateRaftVoterRequest()
	_, epoch := n.Leader()
	req.ClusterID, req.CurrentLeaderEpoch, req.VoterID, req.VoterDirectoryID = &m.clusterID, epoch, int32(m.nodeID), m.directory
	for _, e := range m.endpoints {
		req.Listeners = append(req.Listeners, kmsg.UpdateRaftVoterRequestListener{Name: e.Name, Host: e.Host, Port: e.Port})
	}
	req.KRaftVersionFeature.MaxSupportedVersion = 1
	return req
}

func (m *membership) registration() *kmsg.ControllerRegistrationRequest {
	req := kmsg.NewPtrControllerRegistrationRequest()
	req.ControllerID, req.IncarnationID = int32(m.nodeID), m.incarnation
	for _, e := range m.endpoints {
		req.Listeners = append(req.Listeners, kmsg.ControllerRegistrationRequestListener{Name: e.Name, Host: e.Host, Port: e.Port, SecurityProtocol: int16(e.SecurityProtocol)})
	}
	for _, f := range metadata.SupportedFeatures() {
		req.Features = append(req.Features, kmsg.ControllerRegistrationRequestFeature{Name: f.Name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max})
	}
	return req
}

// ask has the leader carry out a request: this node, or the one that any other member knows. It doesn't rely on a leader that this node knows, as nobody may
// find this node before it is told where that is.
func (m *membership) ask(ctx context.Context, n *quorum.Node, req kmsg.Request) error {
	ctx, cancel := context.WithTimeout(ctx, membershipPatience)
	defer cancel()
	var resp kmsg.Response
	var err error
	if leader, _ := n.Leader(); leader == m.nodeID {
		resp, err = m.quorum.router.here(ctx, &controller.Context{InProcess: true, Forwarded: true}, req)
	} else {
		members := m.members(n)
		if len(members) == 0 {
			return controller.ErrNotController // alone, and about to lead
		}
		q := m.dial(members)
		resp, err = q.Request(ctx, req)
		_ = q.close()
	}
	if err != nil {
		return err
	}
	var code int16
	var message *string
	switch r := resp.(type) {
	case *kmsg.UpdateRaftVoterResponse:
		code = r.ErrorCode
	case *kmsg.ControllerRegistrationResponse:
		code, message = r.ErrorCode, r.ErrorMessage
	}
	if err := kerr.ErrorForCode(code); err != nil && message != nil {
		return fmt.Errorf("%w: %s", err, *message)
	} else if err != nil {
		return err
	}
	return nil
}

// members are the addresses of the other voters, and of whoever the configuration names.
func (m *membership) members(n *quorum.Node) []string {
	out := firstEndpoints(slices.DeleteFunc(slices.Clone(n.Voters()), func(v quorum.Voter) bool { return v.ID == m.nodeID }))
	for _, o := range m.others {
		if !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// known are the members that this node would ask, for a log line.
func (m *membership) known() []string {
	if n := m.quorum.late.node.Load(); n != nil {
		return m.members(n)
	}
	return nil
}

func (m *membership) addresses() (out []string) {
	for _, e := range m.endpoints {
		out = append(out, net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))))
	}
	return out
}

func endpointsOf(v quorum.Voter) (out []string) {
	for _, e := range v.Endpoints {
		out = append(out, net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))))
	}
	return out
}

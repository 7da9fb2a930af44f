package server

import (
	"log/slog"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/ident"
	"github.com/kgo-project/kgo/broker/netx"
	"github.com/kgo-project/kgo/broker/vfs"
)

// Options say what to start. Layers and Config belong together: Config is what Layers resolve to.
type Options struct {
	Layers *config.Layers
	Config *config.Broker
	// ClusterID names the cluster that the node makes or joins; "": a random id, or whatever the quorum and the directories say. A directory or a
	// quorum of another cluster is an error.
	ClusterID string
	// AdminAddr is where /metrics, /healthz and /readyz are served; "": nowhere.
	AdminAddr string
	// Version is what the server says it is, in its metrics.
	Version string

	// FourLetter answers ZooKeeper's four-letter words on the controller's listeners; nil: they are not answered.
	FourLetter func(word string, s *Server) (answer string, ok bool)

	Loggers *Loggers
	Network netx.Network // nil: TCP
	FS      vfs.FS       // nil: the operating system's
}

func (o *Options) fill() {
	if o.Network == nil {
		o.Network = netx.TCP()
	}
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.Loggers == nil {
		o.Loggers = NewLoggers(slog.DiscardHandler, slog.LevelInfo)
	}
}

// brokerIDOf is the node's id as a type of its own.
func brokerIDOf(cfg *config.Broker) ident.BrokerID { return ident.BrokerID(cfg.NodeID) }

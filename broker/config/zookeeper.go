package config

import "time"

// Coordinator is the configuration of the metadata quorum's own process, from a ZooKeeper-style file or from KRaft's keys.
type Coordinator struct {
	MyID           int32 // myid file or node.id; -1: a single process without one
	DataDir        string
	ClientListener Listener // where brokers connect: clientPort
	Voters         []Voter  // server.N with the port that quorum members use among themselves; empty: this one alone
	TickTime       time.Duration
	InitLimit      int // ticks
	SyncLimit      int // ticks
	MaxClientCnxns int // per address; 0: no limit
	AdminEnable    bool
	AdminPort      int32
}

// LoadCoordinator reads the file of `kgo coordinator`.
func LoadCoordinator(opts LoadOptions) (*Coordinator, []Warning, error) { panic("not landed yet") }

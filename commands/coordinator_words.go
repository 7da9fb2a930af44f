package commands

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/server"
)

// fourLetterWords answers what ZooKeeper's monitoring asks on the client port.
func fourLetterWords(cfg *config.Broker) func(word string, s *server.Server) (string, bool) {
	return func(word string, s *server.Server) (string, bool) {
		role := s.QuorumRole()
		epoch, offset := s.MetadataPosition()
		switch word {
		case "ruok":
			return "imok", true
		case "srvr", "stat":
			if role == "looking" { // as ZooKeeper says it: its monitoring looks for the words
				return "This ZooKeeper instance is not currently serving requests\n", true
			}
			return fmt.Sprintf("Zookeeper version: kgo %s\nZxid: 0x%x\nMode: %s\nNode count: %d\n", version, uint64(epoch)<<32|uint64(offset), role, s.MetadataRecords()), true
		case "mntr":
			if role == "looking" {
				return "This ZooKeeper instance is not currently serving requests\n", true
			}
			return fmt.Sprintf("zk_version\tkgo %s\nzk_server_state\t%s\nzk_znode_count\t%d\nzk_ephemerals_count\t%d\n", version, role, s.MetadataRecords(), len(s.Brokers())), true
		case "isro":
			if role == "looking" {
				return "ro", true
			}
			return "rw", true
		case "dump":
			return dumpBrokers(s.Brokers()), true
		case "conf":
			return coordinatorConf(cfg), true
		case "envi":
			return coordinatorEnvironment(), true
		}
		return "", false
	}
}

// coordinatorConf is the configuration under ZooKeeper's keys.
func coordinatorConf(cfg *config.Broker) string {
	var b strings.Builder
	for _, l := range cfg.Network.Listeners {
		if len(cfg.Network.ControllerListeners) > 0 && l.Name == cfg.Network.ControllerListeners[0] {
			fmt.Fprintf(&b, "clientPort=%d\n", l.Port)
		}
	}
	fmt.Fprintf(&b, "dataDir=%s\ndataLogDir=%s\nserverId=%d\n", cfg.MetadataLogDir, cfg.MetadataLogDir, cfg.NodeID)
	if len(cfg.Quorum.Voters) > 1 {
		b.WriteString("membership: \n")
		for _, v := range cfg.Quorum.Voters {
			fmt.Fprintf(&b, "server.%d=%s:participant\n", v.ID, v.String())
		}
	}
	return b.String()
}

func coordinatorEnvironment() string {
	host, err := os.Hostname()
	if err != nil {
		host = "<NA>"
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "<NA>"
	}
	return fmt.Sprintf("Environment:\nzookeeper.version=kgo %s\nhost.name=%s\nos.name=%s\nos.arch=%s\nuser.dir=%s\n", version, host, runtime.GOOS, runtime.GOARCH, filepath.ToSlash(dir))
}

// dumpBrokers lists the brokers that are alive as ZooKeeper lists ephemeral nodes, with their addresses: --zookeeper reads it.
func dumpBrokers(brokers []server.LiveBroker) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SessionTracker dump:\nephemeral nodes dump:\nSessions with Ephemerals (%d):\n", len(brokers))
	for _, broker := range brokers {
		fmt.Fprintf(&b, "%#x:\n\t/brokers/ids/%d\t%s\n", broker.Epoch, broker.ID, broker.Address)
	}
	return b.String()
}

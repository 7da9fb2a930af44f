package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kgo-project/kgo/broker/config"
	"github.com/kgo-project/kgo/broker/server"
)

func newCoordinatorCmd(f *Factory, runF func(context.Context, *serverOptions) error) *cobra.Command {
	o := &serverOptions{io: f.IO, environ: os.Environ(), coordinator: true}
	cmd := &cobra.Command{
		Use:     "coordinator [zookeeper.properties] [--override key=value]...",
		Aliases: []string{"zookeeper-server-start"},
		Short:   "Run the metadata quorum that brokers find by zookeeper.connect",
		GroupID: groupCluster,
		Long: `Runs the cluster's metadata quorum in a process of its own: what ZooKeeper was to Kafka, and what a KRaft
controller is today. Brokers find it by zookeeper.connect=localhost:2181 or controller.quorum.bootstrap.servers.

The file is ZooKeeper's (dataDir, clientPort) or a KRaft controller's (process.roles=controller). Without
one it listens on port 2181 and keeps its data in ` + filepath.Join(defaultDataDir("~"), "coordinator") + `.`,
		Example: `  kgo coordinator
  kgo coordinator config/zookeeper.properties
  kgo zookeeper-server-start config/zookeeper.properties`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args, runF) },
	}
	o.flags(cmd.Flags())
	return cmd
}

// loadCoordinator reads the coordinator's file, ZooKeeper's or KRaft's, into the configuration of a controller.
func (o *serverOptions) loadCoordinator() (*config.Layers, *config.Broker, []config.Warning, error) {
	settings, err := config.ReadSettings(config.LoadOptions{File: o.file, Environ: o.environ, Overrides: o.overrides})
	if err != nil {
		return nil, nil, nil, err
	}
	if o.file != "" && !config.IsZooKeeperStyle(settings) {
		layers, cfg, warnings, err := config.Load(config.LoadOptions{File: o.file, Environ: o.environ, Overrides: o.overrides})
		if err == nil && (!cfg.IsController || cfg.IsBroker) {
			err = fmt.Errorf("kgo coordinator: %s is neither a ZooKeeper file (dataDir, clientPort) nor a controller's (process.roles=controller)", o.file)
		}
		return layers, cfg, warnings, err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	defaults := []config.Setting{{Key: "dataDir", Value: filepath.Join(defaultDataDir(home), "coordinator")}, {Key: "clientPort", Value: "2181"}}
	zoo, warnings, err := config.LoadCoordinator(config.LoadOptions{File: o.file, Environ: o.environ, Overrides: o.overrides, Defaults: defaults})
	if err != nil {
		return nil, nil, nil, err
	}
	if len(zoo.Voters) > 1 {
		return nil, nil, nil, errors.New("kgo coordinator: an ensemble of several servers (server.N) is not served yet; leave one server.N line, or none")
	}
	port := strconv.Itoa(int(zoo.ClientListener.Port))
	host := zoo.ClientListener.Host
	id := strconv.Itoa(int(zoo.MyID))
	layers, cfg, more, err := config.Load(config.LoadOptions{Overrides: []string{
		"process.roles=controller", "node.id=" + id, "controller.listener.names=CONTROLLER",
		"listeners=CONTROLLER://" + net.JoinHostPort(host, port), "controller.quorum.voters=" + id + "@localhost:" + port,
		"log.dirs=" + zoo.DataDir, "max.connections.per.ip=" + strconv.Itoa(perIP(zoo.MaxClientCnxns)),
	}})
	return layers, cfg, append(warnings, more...), err
}

// perIP is ZooKeeper's maxClientCnxns, where 0 means no limit.
func perIP(n int) int {
	if n <= 0 {
		return 1<<31 - 1
	}
	return n
}

// fourLetterWords answers what ZooKeeper's monitoring asks on the client port.
func fourLetterWords(word string, s *server.Server) (string, bool) {
	switch word {
	case "ruok":
		return "imok", true
	case "srvr", "stat":
		return fmt.Sprintf("kgo version: %s\nMode: standalone\nNode count: %d\n", version, s.MetadataRecords()), true
	case "mntr":
		return fmt.Sprintf("zk_version\t%s\nzk_server_state\tstandalone\nzk_znode_count\t%d\n", version, s.MetadataRecords()), true
	}
	return "", false
}

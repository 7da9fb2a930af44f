package commands

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	zooKeeperPort  = 2181 // the first coordinator's beside a broker at 9092
	textbookPort   = 9092
	coordinatorGap = 100 // from the brokers' ports to the coordinators' in a lab elsewhere
	memberGap      = 700 // from a coordinator's port to its port for the others: 2181 and 2881
)

// write makes the files of a new lab, as the textbook has them.
func (o *labOptions) write() error {
	if o.brokers < 1 || o.brokers > 50 || o.coordinators%2 != 1 || o.coordinators > 5 {
		return &exitError{code: 2, err: errors.New("kgo lab: --brokers must be from 1 to 50, --coordinators 1, 3 or 5")}
	}
	if o.basePort < 1 || o.basePort > 60000 {
		return &exitError{code: 2, err: fmt.Errorf("kgo lab: --base-port %d: must be from 1 to 60000", o.basePort)}
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	o.dir = dir
	first := zooKeeperPort
	if o.basePort != textbookPort {
		first = o.basePort + coordinatorGap
	}
	var servers, connect []string
	for i := range o.coordinators {
		servers = append(servers, fmt.Sprintf("server.%d=localhost:%d:%d", i+1, first+memberGap+i, first+memberGap+coordinatorGap+i))
		connect = append(connect, "localhost:"+strconv.Itoa(first+i))
	}
	for i := range o.coordinators {
		name := fmt.Sprintf("coordinator-%d", i+1)
		data := filepath.Join(dir, name)
		lines := []string{"# " + name + ": one of those that know who is in the cluster and who leads what", "dataDir=" + filepath.ToSlash(data), fmt.Sprintf("clientPort=%d", first+i)}
		if o.coordinators > 1 {
			lines = append(lines, servers...)
		}
		if err := errors.Join(os.MkdirAll(data, 0o755), writeLines(filepath.Join(data, "myid"), strconv.Itoa(i+1)), writeLines(filepath.Join(dir, name+".properties"), lines...)); err != nil {
			return err
		}
	}
	replication := min(3, o.brokers)
	for i := range o.brokers {
		name := fmt.Sprintf("broker-%d", i+1)
		err := writeLines(filepath.Join(dir, name+".properties"), "# "+name,
			fmt.Sprintf("broker.id=%d", i+1), fmt.Sprintf("listeners=PLAINTEXT://localhost:%d", o.basePort+i),
			"log.dirs="+filepath.ToSlash(filepath.Join(dir, name)), "zookeeper.connect="+strings.Join(connect, ","),
			fmt.Sprintf("offsets.topic.replication.factor=%d", replication), fmt.Sprintf("transaction.state.log.replication.factor=%d", replication),
			"group.initial.rebalance.delay.ms=0")
		if err != nil {
			return err
		}
	}
	return nil
}

func writeLines(path string, lines ...string) error {
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

//go:build slow

package brokertest_test

import (
	"os"
	"strconv"
	"testing"
)

// soakRounds is how long the soak takes: KGO_SOAK_ROUNDS, 100 if it isn't set.
func soakRounds() int {
	if n, err := strconv.Atoi(os.Getenv("KGO_SOAK_ROUNDS")); err == nil {
		return n
	}
	return 100
}

func TestSoakKills(t *testing.T) { killRounds(t, soakRounds(), 4, 3) }

func TestSoakDamage(t *testing.T) { damageRounds(t, max(soakRounds()/10, 1)) }

func TestSoakCluster(t *testing.T) { clusterFaults(t, soakRounds()) }

func TestSoakDamagedReplica(t *testing.T) { damagedReplicas(t, max(soakRounds()/5, 1)) }

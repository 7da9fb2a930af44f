// Command kgo is every Kafka shell script and the cluster those scripts drive, in one static binary.
package main

import (
	"os"

	"github.com/kgo-project/kgo/commands"
)

func main() { os.Exit(commands.Main()) }

package quorumsim

import (
	"flag"
	"os"
	"testing"
	"time"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "simulate this seed only, with a trace on stderr")
	runsFlag  = flag.Int("runs", 0, "how many seeds TestSeeds simulates; 0: a handful")
	firstFlag = flag.Uint64("first", 1, "the first of them")
)

// optionsFor varies the conditions with the seed.
func optionsFor(seed uint64) Options {
	opts := DefaultOptions()
	switch seed % 5 {
	case 1:
		opts.Voters = 1
	case 2:
		opts.Voters, opts.Spares, opts.ChangeVoters = 3, 2, 700*time.Millisecond
	case 3:
		opts.UnsyncedPercent, opts.CrashEvery = 0, time.Second
	case 4:
		opts.Voters, opts.LossPercent, opts.DuplicatePercent, opts.UnsyncedPercent = 5, 15, 15, 90
	}
	if seed%2 == 0 {
		opts.DisksLostEvery = 4 * time.Second
	}
	return opts
}

func TestSeeds(t *testing.T) {
	if *seedFlag != 0 {
		opts := optionsFor(*seedFlag)
		opts.Trace = os.Stderr
		report, err := Run(*seedFlag, opts)
		t.Logf("%+v", report)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	runs := *runsFlag
	if runs == 0 {
		runs = 10
	}
	var total Report
	for seed := *firstFlag; seed < *firstFlag+uint64(runs); seed++ {
		report, err := Run(seed, optionsFor(seed))
		if err != nil {
			t.Fatalf("%v\nreplay: make sim SEED=%d", err, seed)
		}
		total.Acked += report.Acked
		total.Elections += report.Elections
		total.Crashes += report.Crashes
		total.DisksLost += report.DisksLost
		total.Restores += report.Restores
		total.VoterChanges += report.VoterChanges
	}
	t.Logf("%+v", total)
	if total.Acked < 10*runs || total.Elections < runs || total.Crashes < runs || total.DisksLost == 0 || total.Restores == 0 || total.VoterChanges == 0 {
		t.Errorf("too little happened: %+v", total)
	}
}

func TestASeedRepeats(t *testing.T) {
	opts := optionsFor(2)
	opts.Events = 1500
	first, err := Run(2, opts)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Run(2, opts)
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Errorf("one seed, two histories:\n%+v\n%+v", first, second)
	}
}

// Command sipsteer steers SIP phones and trunks between the sites of a VoIP
// provider. See sipsteer --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/sipsteer/sipsteer/pkg/cli"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version string

func main() { os.Exit(run()) }

// run is apart from main so that deferred calls are made before the exit.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, buildVersion())
}

// buildVersion is the release, or the commit that the program was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	out := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			out += "+" + s.Value[:min(12, len(s.Value))]
		}
		if s.Key == "vcs.modified" && s.Value == "true" {
			out += "-modified"
		}
	}
	return out
}

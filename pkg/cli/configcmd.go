package cli

import (
	"bytes"
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/config"
)

func (a *app) configCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Check files before they are used",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Sprintf("unknown command %q for config", args[0]), "sipsteer config check FILE, or sipsteer config schema fleet|agent|client"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.configCheckCmd(), a.configSchemaCmd())
	return c
}

func (a *app) configCheckCmd() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Check a fleet, agent or client file; says everything that is wrong, and where", Args: exactArgs("FILE"),
		Example: "  sipsteer config check fleet.yaml",
		RunE: run(func(_ *cobra.Command, args []string) error {
			found, err := checkFile(args[0])
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(map[string]string{"file": args[0], "found": found})
				return nil
			}
			fmt.Fprintf(a.streams.Out, "%s: ok: %s\n", args[0], found)
			return nil
		}),
	}
}

var (
	agentKey  = regexp.MustCompile(`(?m)^(data_dir|peers):`)
	clientKey = regexp.MustCompile(`(?m)^agents:`)
)

// checkFile tells the kind of the file by its keys and says what it holds.
func checkFile(path string) (string, error) {
	text, _ := os.ReadFile(path) // the loader tells what is wrong with it
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	switch {
	case agentKey.Match(text):
		f, err := config.LoadAgent(path)
		if err != nil {
			return "", err
		}
		zones, err := checkZones(f)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("agent %s at site %s with %d peers%s", f.Name, f.Site, len(f.Peers)-1, zones), nil
	case clientKey.Match(text):
		f, err := config.LoadClient(path)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("client of %d agents", len(f.Agents)), nil
	}
	f, err := config.LoadFleet(path)
	if err != nil {
		return "", err
	}
	softswitches, listeners := 0, 0
	for _, s := range f.Sites {
		softswitches += len(s.Softswitches)
		for _, sw := range s.Softswitches {
			listeners += len(sw.Listeners)
		}
	}
	return fmt.Sprintf("fleet %s with %d sites, %d softswitches, %d listeners, %d services", f.Zone, len(f.Sites), softswitches, listeners, len(f.Services)), nil
}

func (a *app) configSchemaCmd() *cobra.Command {
	return &cobra.Command{
		Use: "schema fleet|agent|client", Short: "Print the JSON Schema of a file, for editors", Args: exactArgs("KIND"),
		Example: "  sipsteer config schema fleet > fleet.schema.json",
		RunE: run(func(_ *cobra.Command, args []string) error {
			schema, err := config.Schema(args[0])
			if err != nil {
				return &usageError{err.Error(), "one of fleet, agent, client"}
			}
			_, err = a.streams.Out.Write(schema)
			return err
		}),
	}
}

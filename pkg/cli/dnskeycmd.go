package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/srv"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

func (a *app) dnsDSCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "ds", Short: "Print the DS record that the zone above shall have", Args: exactArgs(),
		Long: `Prints the DS record of the key that the zone above shall name, for the registrar
or whoever keeps that zone. The zone's CDS and CDNSKEY records say the same
(RFC 7344). There is none before the key was published long enough: a DS record
that comes too early makes answers in caches look forged.`,
		Example: "  sipsteer dns ds",
	}
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		cs, err := a.clients()
		if err != nil {
			return err
		}
		s, err := stateAt(cmd.Context(), cs, "now")
		if err != nil {
			return err
		}
		k, ok := s.TrustedKey()
		if !ok {
			return noDS(s)
		}
		origin := s.Fleet.FQDN(s.Fleet.Zone + ".")
		ds := k.Key().DS(origin, srv.TypeDS)
		if a.json {
			a.printJSON(map[string]any{"zone": origin, "tag": k.Key().Tag(), "ds": ds.Text, "dnskey": k.Key().DNSKEY(srv.TypeDNSKEY).Text})
			return nil
		}
		fmt.Fprintf(a.streams.Out, "%s IN DS %s\n", origin, ds.Text)
		return nil
	})
	return c
}

func noDS(s steer.State) error {
	if len(s.ZoneKeys) == 0 {
		return &usageError{"the zone is not signed", `sipsteer dns key roll --reason "sign the zone"`}
	}
	for _, k := range s.ZoneKeys {
		if k.Stage == steer.KeyLeaving || k.Stage == steer.KeyRetired {
			return &usageError{"no DS record: the zone is being unsigned, and the zone above shall name no key", "sipsteer dns key list   # says how far that is"}
		}
	}
	due, _ := s.ZoneKeys[0].Due()
	return &usageError{"no DS record yet: caches may hold the zone without its key until " + due.UTC().Format(time.RFC3339), "sipsteer dns ds   # then"}
}

func (a *app) dnsKeyCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "key COMMAND", Short: "The keys that sign the zone (DNSSEC)",
		Long: `The zone is signed when it has a key: ECDSA P-256, one that both signs and is
named by the zone above. Keys are part of the replicated state; their private
halves are sealed with the sealing key, which every agent has as the secret
sealing-key.

A key's stages: published, until no cache holds the zone without it; ready, until
a person confirms that the zone above names it; active, it signs; retired, until
no cache needs it. Of a zone that is to be signed no more: leaving, until a person
says that the zone above names it no more.`,
		Example: "  sipsteer dns key init /etc/sipsteer/secrets/sealing-key\n  sipsteer dns key roll --reason \"sign the zone\"\n  sipsteer dns key list",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"key what?", "sipsteer dns key list, roll, confirm, unsign, gone, drop or init"}
			}
			return &usageError{fmt.Sprintf("unknown command %q of key", args[0]), "sipsteer dns key --help   # lists them"}
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	c.AddCommand(a.dnsKeyInitCmd(), a.dnsKeyListCmd())
	for _, v := range keyVerbs() {
		c.AddCommand(a.keyVerbCmd(v))
	}
	return c
}

func (a *app) dnsKeyInitCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "init FILE", Short: "Make the sealing key that every agent needs to sign", Args: exactArgs("FILE"),
		Long: `Writes a new sealing key, an age identity, into a file that does not exist, mode
0600. It opens the private keys in the replicated state. Copy it to every agent,
as the file sealing-key in its secrets_dir, and keep a copy where backups are not:
a backup without it has no keys.`,
		Example: "  sipsteer dns key init /etc/sipsteer/secrets/sealing-key",
	}
	c.RunE = run(func(_ *cobra.Command, args []string) error {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return fmt.Errorf("make sealing key: %w", err)
		}
		f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return &usageError{args[0] + " exists; what was sealed with it would be lost", "choose another file"}
		}
		if err != nil {
			return fmt.Errorf("write sealing key: %w", err)
		}
		_, err = fmt.Fprintf(f, "# sealing key of sipsteer: %s\n%s\n", id.Recipient(), id)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("write sealing key: %w", err)
		}
		if a.json {
			a.printJSON(map[string]string{"file": args[0], "name": id.Recipient().String()})
			return nil
		}
		fmt.Fprintf(a.streams.Out, "%s holds sealing key %s\n", args[0], id.Recipient())
		return nil
	})
	return c
}

// shownKey is a key as it is listed.
type shownKey struct {
	Tag   uint16         `json:"tag"`
	Stage steer.KeyStage `json:"stage"`
	Signs bool           `json:"signs"`
	Since time.Time      `json:"since"`
	Until time.Time      `json:"until,omitzero"`
	By    string         `json:"by"`
	Next  string         `json:"next,omitempty"`
}

func (a *app) dnsKeyListCmd() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "Show the keys of the zone, and what each waits for", Args: exactArgs(),
		Long: `Shows the keys, and what the name servers of the zone above say of them, asked
now, where the agents are configured to ask (dns.parent in the agent file).`,
		Example: "  sipsteer dns key list",
	}
	c.RunE = run(func(cmd *cobra.Command, _ []string) error {
		cs, err := a.clients()
		if err != nil {
			return err
		}
		s, err := stateAt(cmd.Context(), cs, "now")
		if err != nil {
			return err
		}
		above, err := each(cmd.Context(), cs, actTimeout, func(ctx context.Context, c *api.Client) (api.ZoneAbove, error) { return c.ZoneAbove(ctx) })
		if err != nil {
			above = api.ZoneAbove{} // an older agent does not know the question
		}
		keys := shownKeys(s)
		if a.json {
			a.printJSON(map[string]any{"epoch": s.Epoch, "keys": keys, "zone_above": above})
			return nil
		}
		defer a.showZoneAbove(above)
		if len(keys) == 0 {
			fmt.Fprintln(a.streams.Out, "the zone is not signed")
			return nil
		}
		rows := [][]string{{"KEY", "STAGE", "SINCE", "BY", "NEXT"}}
		for _, k := range keys {
			stage := string(k.Stage)
			if k.Signs {
				stage += ", signs"
			}
			rows = append(rows, []string{fmt.Sprint(k.Tag), stage, k.Since.UTC().Format(time.RFC3339), clean(k.By), k.Next})
		}
		table(a.streams.Out, palette{a.colours()}, rows)
		return nil
	})
	return c
}

// showZoneAbove prints what the zone above says, if somebody was asked.
func (a *app) showZoneAbove(above api.ZoneAbove) {
	if !above.Asked {
		return
	}
	fmt.Fprintf(a.streams.Out, "\nthe zone above, asked by %s:\n", clean(above.By))
	for _, s := range above.Servers {
		fmt.Fprintf(a.streams.Out, "  %s %s\n", clean(s.Address), clean(s.Says))
	}
}

func shownKeys(s steer.State) []shownKey {
	out := []shownKey{}
	for i, x := range s.SigningKeys() {
		z := s.ZoneKeys[i]
		k := shownKey{Tag: x.Tag(), Stage: z.Stage, Signs: x.Signs, Since: z.Since, By: z.By}
		k.Until, _ = z.Due()
		switch z.Stage {
		case steer.KeyPublished:
			k.Next = "ready at " + k.Until.UTC().Format(time.RFC3339)
		case steer.KeyReady:
			k.Next = fmt.Sprintf("sipsteer dns ds, to the zone above; when it is there: sipsteer dns key confirm %d", k.Tag)
		case steer.KeyLeaving:
			k.Next = fmt.Sprintf("when the zone above has no DS record any more: sipsteer dns key gone %d", k.Tag)
		case steer.KeyRetired:
			k.Next = "gone at " + k.Until.UTC().Format(time.RFC3339)
		case steer.KeyActive:
			if k.Next = "sipsteer dns key roll, once a year or when it may be known to others"; len(s.ZoneKeys) > 1 {
				k.Next = ""
			}
		}
		out = append(out, k)
	}
	return out
}

// keyVerbs are the commands that change keys.
func keyVerbs() []verb {
	return []verb{
		{
			kind: string(steer.KindKeyAdd), use: "roll", short: "Sign the zone, or begin to roll its key over",
			long: `Makes a key at the leader and publishes it. The first one signs from now on; a
later one signs when the zone above names it: sipsteer dns key list says what to
do, and when. Refused while an agent lacks the sealing key (--override sealing),
and while another roll-over is under way.`,
			example: `  sipsteer dns key roll --reason "sign the zone"`,
		},
		{
			kind: string(steer.KindKeyConfirm), use: "confirm TAG", short: "Say that the zone above names a key: it signs from now on",
			long: `Look first: sipsteer dns key list, or dig DS of the zone at a resolver. The key
before it stays published for two days, for caches that need it. Refused before the
key is ready (--override key-wait, where the other key is known to others), and while
a name server of the zone above does not name it, where they are asked (dns.parent
in the agent file; --override parent, if you know better).`,
			example: `  sipsteer dns key confirm 4711 --reason "DS is at the registry"`,
		},
		{
			kind: string(steer.KindKeyUnsign), use: "unsign", short: "Begin to sign no more, in order",
			long: `CDS and CDNSKEY ask the zone above to name no key any more (RFC 8078); where
nobody looks there, have the registrar take the DS record out. The zone stays
signed until you have said that it is gone (sipsteer dns key gone), and two days
longer, for caches. Until then sipsteer dns key confirm turns back. Refused while a
roll-over is under way.`,
			example: `  sipsteer dns key unsign --reason "the new registrar cannot do DNSSEC"`,
		},
		{
			kind: string(steer.KindKeyGone), use: "gone TAG", short: "Say that the zone above names the key no more: it goes two days later",
			long: `Look first: sipsteer dns key list, or dig DS of the zone at the name servers of the
zone above. All answers would be called forged if the signatures went while resolvers
have its DS record. Two days after this the zone is not signed any more. Refused while
a name server of the zone above names a key, where they are asked (dns.parent in the
agent file; --override parent, if you know better).`,
			example: `  sipsteer dns key gone 4711 --reason "DS is out of the registry"`,
		},
		{
			kind: string(steer.KindKeyDrop), use: "drop TAG", short: "Take a key away before its time, or sign no more",
			long: `A key that was only published goes at once. Any other one may be named by the
zone above, or be needed by caches: sipsteer dns key unsign does it in order; if
you know that nobody names it, pass --override key-trust; a name server of the zone
above that is seen to name it says otherwise (--override parent). Without its last key
the zone is not signed.`,
			example: `  sipsteer dns key drop 4711 --reason "made by mistake"`,
		},
	}
}

func (a *app) keyVerbCmd(v verb) *cobra.Command {
	w := &wish{req: api.CommandRequest{Kind: v.kind}}
	c := &cobra.Command{Use: v.use, Short: v.short, Long: v.long, Example: v.example, Args: exactArgs()}
	if strings.HasSuffix(v.use, "TAG") {
		c.Args = exactArgs("TAG")
	}
	w.flags(c)
	c.Flags().StringSliceVar(&w.req.Override, "override", nil, "pass this guard by name; repeatable")
	c.RunE = run(func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			tag, err := strconv.ParseUint(args[0], 10, 16)
			if err != nil || tag == 0 {
				return &usageError{fmt.Sprintf("%q is no tag of a key", args[0]), "sipsteer dns key list   # shows them"}
			}
			w.req.KeyTag = uint16(tag)
		}
		v := v
		v.use = "dns key " + strings.Replace(v.use, "TAG", strings.Join(args, ""), 1)
		if err := a.complete(v, w); err != nil {
			return err
		}
		return a.changeKey(cmd.Context(), v, w)
	})
	return c
}

// changeKey asks, unless --yes, and carries the wish out.
func (a *app) changeKey(ctx context.Context, v verb, w *wish) error {
	cs, err := a.clients()
	if err != nil {
		return err
	}
	if !w.yes {
		if !terminal(a.streams.In) {
			return &usageError{"not confirmed, and there is no terminal to ask", "add --yes; to see first how things stand: sipsteer dns key list"}
		}
		fmt.Fprintf(a.streams.Err, "%s\n\ntype yes to go on: ", v.short)
		line, _ := bufio.NewReader(a.streams.In).ReadString('\n')
		if strings.TrimSpace(line) != "yes" {
			return &usageError{"not confirmed; nothing was changed", ""}
		}
	}
	return a.give(ctx, cs, w.req)
}

package agent

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/sipsteer/sipsteer/dnsserver"
	"github.com/sipsteer/sipsteer/pkg/api"
	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/steer"
)

// sealingSecret is the name of the key that opens what is secret in the
// replicated State: an age identity, the same at every agent. It is no part of
// the State, so neither a backup nor a stolen log gives it away.
const sealingSecret = "sealing-key"

// sealingKey reads the sealing key of this agent.
func (a *Agent) sealingKey() (*age.X25519Identity, error) {
	text, err := a.cfg.Secrets.lookup(sealingSecret)
	if err != nil {
		return nil, err
	}
	ids, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil || len(ids) != 1 {
		return nil, fmt.Errorf("read secret %s: it holds no age identity", sealingSecret) // the error would show the text
	}
	id, ok := ids[0].(*age.X25519Identity)
	if !ok {
		return nil, fmt.Errorf("read secret %s: it is no X25519 identity", sealingSecret)
	}
	return id, nil
}

// sealingName tells one sealing key from another; "" is none. It gives away
// nothing.
func (a *Agent) sealingName() string {
	key, err := a.sealingKey()
	if err != nil {
		return ""
	}
	return key.Recipient().String()
}

// seal encrypts a secret for all agents.
func seal(key *age.X25519Identity, secret []byte) (string, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, key.Recipient())
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	_, err = w.Write(secret)
	if err := errors.Join(err, w.Close()); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

// maxSecret bounds what is read of a sealed secret.
const maxSecret = 4096

// unseal decrypts what seal has encrypted.
func (a *Agent) unseal(sealed string) ([]byte, error) {
	key, err := a.sealingKey()
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	r, err := age.Decrypt(bytes.NewReader(data), key)
	if err != nil {
		return nil, fmt.Errorf("unseal with secret %s: %w", sealingSecret, err)
	}
	secret, err := io.ReadAll(io.LimitReader(r, maxSecret))
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	return secret, nil
}

// ruleSealing names the refusal of a key that some agent could not use.
const ruleSealing = "sealing"

// addKey makes the key that a command adds, if it adds one. Every agent must be
// able to open it: one that is not answers without signatures, which validating
// resolvers take for forged.
func (a *Agent) addKey(ctx context.Context, cmd *steer.Command) error {
	if cmd.Kind != steer.KindKeyAdd {
		return nil
	}
	sealing, err := a.sealingKey()
	if err != nil {
		return &api.Error{Category: api.Refused, Message: fmt.Sprintf("refused by %s: leader %s cannot seal a key: %v", ruleSealing, a.cfg.Name, err), Hint: "sipsteer dns key init FILE   # makes a sealing key; every agent needs the same one"}
	}
	if err := a.gateSealing(ctx, sealing.Recipient().String(), cmd); err != nil {
		return err
	}
	public, private, err := dnsserver.NewSigningKey()
	if err != nil {
		return err
	}
	sealed, err := seal(sealing, private)
	if err != nil {
		return err
	}
	cmd.Key = &steer.KeyChange{Public: []byte(public), Sealed: sealed}
	return nil
}

// gateSealing refuses a key unless every agent has the sealing key of that name,
// or the operator passes the rule by name.
func (a *Agent) gateSealing(ctx context.Context, name string, cmd *steer.Command) error {
	for _, r := range cmd.Override {
		if r == ruleSealing {
			return nil
		}
	}
	var without []string
	for _, e := range a.effects(ctx, a.peers()) {
		switch {
		case e.err != nil:
			without = append(without, e.Agent+" cannot be asked")
		case e.Sealing == "":
			without = append(without, e.Agent+" has none")
		case e.Sealing != name:
			without = append(without, e.Agent+" has another one")
		}
	}
	if len(without) == 0 {
		return nil
	}
	return &api.Error{
		Category: api.Refused,
		Message:  fmt.Sprintf("refused by %s: not every agent can sign (now: %s; limit: the sealing key of %s at all of them)", ruleSealing, strings.Join(without, ", "), a.cfg.Name),
		Hint:     fmt.Sprintf("copy the secret %s to them, mode 0600; or repeat with --override %s: they answer without signatures until they have it", sealingSecret, ruleSealing),
	}
}

// keyChange reads the part of a request that is about keys.
func keyChange(c *steer.Command, req api.CommandRequest) {
	if req.KeyTag != 0 {
		c.Key = &steer.KeyChange{Tag: req.KeyTag}
	}
}

// sealingLook is how often an agent that cannot sign tries again.
const sealingLook = 2 * time.Second

// watchSealing has the name server sign as soon as the sealing key is there.
func (a *Agent) watchSealing(ctx context.Context) {
	for pause(ctx, sealingLook); ctx.Err() == nil; pause(ctx, sealingLook) {
		a.dns.RetrySigning()
	}
}

// signingProblem is why this agent does not do as the keys of the zone want; ""
// if it does.
func (a *Agent) signingProblem(s steer.State) string {
	if why := a.pub.dns.Unsigned(); why != "" {
		return "answers without signatures: " + why
	}
	if len(s.ZoneKeys) > 0 && len(a.cfg.DNS.Secondaries) > 0 {
		return fmt.Sprintf("the zone %s is signed, so dns.secondaries cannot have it: signatures are made for each answer; take the secondaries out of the agent file and the NS records, or drop the keys", fleetZone(s.Fleet))
	}
	return ""
}

func fleetZone(f *fleet.Fleet) string {
	if f == nil {
		return ""
	}
	return f.Zone
}

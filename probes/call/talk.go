package call

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sipsteer/sipsteer/pkg/fleet"
	"github.com/sipsteer/sipsteer/pkg/health"
	"github.com/sipsteer/sipsteer/probes/internal/uac"
	"github.com/sipsteer/sipsteer/probes/internal/wire"
)

// talk keeps the call up, listens to it, and says what is wrong with what was
// heard.
func (a *attempt) talk(ctx context.Context, call *uac.Call, callee *callee) (string, *wire.Fault) {
	answered := fmt.Sprintf("answered after %s", a.setup.Round(time.Millisecond))
	ctx, cancel := context.WithTimeout(ctx, a.q.Talk)
	defer cancel()
	if a.ear == nil {
		return answered, call.Listen(ctx)
	}
	s, err := agreed(call.Answer())
	if err != nil {
		return "", &wire.Fault{Cause: health.CauseNoAudio, Detail: "answered, but " + wire.Clean(err.Error())}
	}
	wire.Remark(ctx, "audio is sent to %s", s.to)
	var speaking sync.WaitGroup
	speak, hush := context.WithTimeout(ctx, max(a.q.Talk-onTheWay, frame))
	defer hush()
	speaking.Go(func() { a.ear.send(speak, s) })
	fault := call.Listen(ctx)
	hush()
	speaking.Wait()
	if fault != nil {
		return "", fault
	}
	h := a.ear.result()
	h.remark(ctx, "the caller")
	if callee != nil {
		fault = a.judgeBoth(ctx, h, callee)
	} else {
		fault = a.judge(ctx, s, h)
	}
	return a.summary(answered, h, callee), fault
}

func (a *attempt) summary(answered string, h heard, callee *callee) string {
	switch {
	case callee != nil:
		return answered + ", audio both ways"
	case a.q.Audio == fleet.AudioEcho:
		return fmt.Sprintf("%s, %s of the audio came back", answered, percent(share(h.own, h.sent)))
	}
	return fmt.Sprintf("%s, %d packets of audio heard", answered, h.packets)
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// judge says what is wrong with the audio of a number that echoes or announces.
func (a *attempt) judge(ctx context.Context, s stream, h heard) *wire.Fault {
	switch {
	case h.packets == 0 && nobodyThere(context.WithoutCancel(ctx), s.to):
		return &wire.Fault{Cause: health.CauseNoAudio, Detail: fmt.Sprintf("answered, but nobody listens at %s, where it wants its audio", s.to)}
	case h.packets == 0 && !s.sends:
		return &wire.Fault{Cause: health.CauseOneWay, Detail: "answered, but it agrees to send no audio"}
	case h.packets == 0:
		return &wire.Fault{Cause: health.CauseNoAudio, Detail: fmt.Sprintf("answered, but of %d packets to %s none came back", h.sent, s.to)}
	case a.q.Audio == fleet.AudioEcho && h.own == 0:
		return &wire.Fault{Cause: health.CauseOneWay, Detail: fmt.Sprintf("%d packets of audio came, but none of ours: what we say does not arrive at %s", h.packets, s.to)}
	}
	lost := h.gaps()
	if a.q.Audio == fleet.AudioEcho {
		lost = 1 - share(h.own, h.sent)
	}
	if lost > a.q.Loss {
		return &wire.Fault{Cause: health.CauseAudioLoss, Detail: fmt.Sprintf("%s of the audio was lost, at most %s may be", percent(lost), percent(a.q.Loss))}
	}
	return nil
}

// judgeBoth says what is wrong with the audio between two subscribers of ours.
func (a *attempt) judgeBoth(ctx context.Context, h heard, callee *callee) *wire.Fault {
	their := callee.ear.result()
	their.remark(ctx, "the callee")
	there, back := share(their.packets, h.sent), share(h.packets, their.sent)
	switch {
	case their.packets == 0 && h.packets == 0:
		return &wire.Fault{Cause: health.CauseNoAudio, Detail: "answered, but neither side hears the other"}
	case their.packets == 0:
		return &wire.Fault{Cause: health.CauseOneWay, Detail: fmt.Sprintf("the caller is not heard at %s", a.q.Callee.Site)}
	case h.packets == 0:
		return &wire.Fault{Cause: health.CauseOneWay, Detail: fmt.Sprintf("the caller does not hear %s", a.q.Callee.Site)}
	}
	if lost := 1 - min(there, back); lost > a.q.Loss {
		return &wire.Fault{Cause: health.CauseAudioLoss, Detail: fmt.Sprintf("%s of the audio was lost, at most %s may be", percent(lost), percent(a.q.Loss))}
	}
	return nil
}

package fleet

import (
	"slices"
	"strings"
	"time"
)

// What must be heard in a test call.
const (
	AudioNone     = "none"     // nothing: being answered is enough
	AudioAnnounce = "announce" // something
	AudioEcho     = "echo"     // what we say
)

// CallAudios names what may be wanted of the audio of a call.
var CallAudios = []string{AudioNone, AudioAnnounce, AudioEcho}

// Settings of a call when nothing else is said. A call occupies a line and a
// number, so it is placed seldom.
const (
	callInterval = Duration(time.Minute)
	callTimeout  = Duration(10 * time.Second)
	callTalk     = Duration(2 * time.Second)
	callLoss     = 0.1
	leastCall    = Duration(10 * time.Second)
	mostTalk     = Duration(5 * time.Second)
)

// TalkTime is how long the call of a call check is up.
func (e *Extra) TalkTime() time.Duration {
	if e.Talk == 0 {
		return callTalk.D()
	}
	return e.Talk.D()
}

// AudioLoss is the share of the audio that a call may lose.
func (e *Extra) AudioLoss() float64 {
	if e.Loss == 0 {
		return callLoss
	}
	return e.Loss
}

// extraCall checks what a call check does.
func (v *validation) extraCall(path string, e *Extra) {
	user, domain, _ := strings.Cut(e.To, "@")
	switch {
	case (e.To == "") == (e.ToSite == ""):
		v.add(path+".to", "to: \"9196\", the number of an echo; or to_site: the site whose canary takes the call", "a call needs either a number or a site")
	case e.To != "" && (user == "" || strings.ContainsFunc(user, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"@;?:/", r) })):
		v.add(path+".to", "to: \"9196\", or 9196@west.voice.example.net", "number %q", e.To)
	case domain != "" && nameProblem(domain) != "":
		v.add(path+".to", "a number, or a number and a domain", "domain %q %s", domain, nameProblem(domain))
	}
	if e.ToSite != "" && !slices.ContainsFunc(v.fleet.Sites, func(s Site) bool { return s.Name == e.ToSite }) {
		v.add(path+".to_site", "one of the sites above", "no site is called %q", e.ToSite)
	}
	if e.Audio != "" && !slices.Contains(CallAudios, e.Audio) {
		v.add(path+".audio", "one of "+strings.Join(CallAudios, ", "), "audio is %q", e.Audio)
	}
	t := e.Times(v.fleet.Checks)
	if t.Interval < leastCall {
		v.add(path+".interval", "10s or more", "a call every %s occupies the softswitch", t.Interval)
	}
	if talk := Duration(e.TalkTime()); talk < Duration(500*time.Millisecond) || talk > mostTalk || 2*talk > t.Timeout {
		v.add(path+".talk", "500ms to 5s, at most half of the timeout", "talk is %s with a timeout of %s", talk, t.Timeout)
	}
	if e.Loss < 0 || e.Loss >= 1 {
		v.add(path+".loss", "0.1", "loss is %v", e.Loss)
	}
	if len(v.fleet.Checks.Canaries) == 0 {
		v.add(path, "add a canary under checks.canaries", "a call needs a subscriber who calls")
	}
}

package gate

import (
	"fmt"
	"slices"
)

// Answer is the way in which a gate refuses. Phones differ: what moves one
// keeps another where it is.
type Answer uint8

// The answers.
const (
	AnswerUnavailable Answer = iota // 503 with Retry-After: the next SRV target is tried (RFC 3263 §4.3)
	AnswerRedirect                  // 302 to a live site, for devices that look up no SRV
	AnswerSilence                   // nothing: the device must time out, 32 s for most
	AnswerClose                     // the connection ends: RST, or close_notify with TLS
	AnswerPass                      // not refused
)

var answerNames = [...]string{
	AnswerUnavailable: "503", AnswerRedirect: "302", AnswerSilence: "silence", AnswerClose: "close", AnswerPass: "pass",
}

// String returns 503, 302, silence, close or pass.
func (a Answer) String() string { return answerNames[a] }

// AnswerNames are the words of ParseAnswer.
func AnswerNames() []string { return slices.Clone(answerNames[:]) }

// ParseAnswer reads what String writes.
func ParseAnswer(s string) (Answer, error) {
	if i := slices.Index(answerNames[:], s); i >= 0 {
		return Answer(i), nil
	}
	return 0, fmt.Errorf("unknown answer %q (one of 503, 302, silence, close, pass)", s)
}

package sipwire

// Fault is what is wrong with a message. A message with a fault may still be
// answered, see Message.Answerable; None means that it may be passed on.
type Fault uint8

// The faults, in the order in which they are looked for.
const (
	None Fault = iota
	NotSIP
	TooManyHeaders
	BadStartLine
	BadVersion
	BadHeaderLine
	NoHeaderEnd
	RepeatedHeader
	MissingHeader
	BadVia
	BadAddress
	BadCSeq
	MethodMismatch
	BadMaxForwards
	BadContentLength
	BodyTooShort
)

var faultTexts = [...]string{
	None:             "",
	NotSIP:           "Not a SIP Message",
	TooManyHeaders:   "Too Many Header Fields",
	BadStartLine:     "Malformed Start Line",
	BadVersion:       "Version Not Supported",
	BadHeaderLine:    "Malformed Header Field",
	NoHeaderEnd:      "Message Ends Inside the Header",
	RepeatedHeader:   "Repeated Header Field",
	MissingHeader:    "Missing Header Field",
	BadVia:           "Malformed Via",
	BadAddress:       "Malformed From or To",
	BadCSeq:          "Malformed CSeq",
	MethodMismatch:   "CSeq Method Does Not Match",
	BadMaxForwards:   "Malformed Max-Forwards",
	BadContentLength: "Malformed Content-Length",
	BodyTooShort:     "Body Shorter Than Content-Length",
}

// Error says the fault as a reason phrase; it holds nothing of the message.
func (f Fault) Error() string {
	if int(f) < len(faultTexts) {
		return faultTexts[f]
	}
	return "Bad Request"
}

// Status is the answer that RFC 3261 gives to the fault: 505 for a version
// (§21.5.6), 400 for the rest (§21.4.1).
func (f Fault) Status() int {
	if f == BadVersion {
		return 505
	}
	return 400
}

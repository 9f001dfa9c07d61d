package dnsserver

// optSize is the size of the OPT record that goes with an answer.
func (q *query) optSize(conf *Config) int {
	switch {
	case !q.edns:
		return 0
	case q.nsid && conf.NSID != "":
		return 11 + 4 + len(conf.NSID)
	}
	return 11
}

// appendOPT appends the OPT record (RFC 6891 §6.1): the size that this server
// takes, the upper bits of the response code, version 0, DO as it came, and
// NSID where it was asked for. Nothing else is echoed.
func appendOPT(msg []byte, q *query, conf *Config, code rcode) []byte {
	var do byte
	if q.do {
		do = 0x80
	}
	size := conf.UDPSize
	msg = append(msg, 0, 0, typeOPT, byte(size>>8), byte(size), byte(code>>4), 0, do, 0)
	n := q.optSize(conf) - 11
	msg = append(msg, byte(n>>8), byte(n))
	if n > 0 {
		msg = append(msg, 0, optionNSID, 0, byte(len(conf.NSID)))
		msg = append(msg, conf.NSID...)
	}
	return msg
}

package logging

import (
	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

// relevel returns the level at which a line of raft is worth reading.
//
// Raft repeats some lines many times a second while a peer is away, and warns
// of things that our commit push brings about on purpose. An operator who sees
// forty errors a second learns to look away; what they mean is said once by the
// store's own status and by raft's line "failed to contact".
func relevel(level hclog.Level, msg string) hclog.Level {
	switch msg {
	case
		// Once per connection; a leader change makes dozens.
		"accepted connection":
		return min(level, hclog.Trace)
	case
		// A pushed commit overtook its entry on the way to this follower: it
		// is refused, as it must be, and pushed again.
		"failed to get previous log",
		// Up to twenty times a second for each peer that is away.
		"failed to heartbeat to",
		"failed to appendEntries to",
		"failed to pipeline appendEntries",
		// Each candidate asks each absent peer, again and again.
		"failed to make requestVote RPC",
		"failed to make requestPreVote RPC",
		"unable to get address for server, using fallback address",
		// What pre-vote is for: someone asked, and was told that there is a
		// leader.
		"rejecting pre-vote request since we have a leader",
		"rejecting vote request since we have a leader":
		return min(level, hclog.Debug)
	case
		// A peer that hung up in the middle of a message, usually because it
		// was stopped.
		"failed to decode incoming command",
		"failed to flush response":
		return min(level, hclog.Info)
	}
	return level
}

// zerologLevel maps a level of hclog.
func zerologLevel(l hclog.Level) zerolog.Level {
	switch l {
	case hclog.Trace:
		return zerolog.TraceLevel
	case hclog.Debug:
		return zerolog.DebugLevel
	case hclog.Warn:
		return zerolog.WarnLevel
	case hclog.Error:
		return zerolog.ErrorLevel
	case hclog.Off:
		return zerolog.Disabled
	}
	return zerolog.InfoLevel
}

// hclogLevel maps a level of zerolog. A logger that shows only fatal or panic,
// which hclog lacks, shows nothing of a library.
func hclogLevel(l zerolog.Level) hclog.Level {
	switch l {
	case zerolog.TraceLevel:
		return hclog.Trace
	case zerolog.DebugLevel:
		return hclog.Debug
	case zerolog.InfoLevel, zerolog.NoLevel:
		return hclog.Info
	case zerolog.WarnLevel:
		return hclog.Warn
	case zerolog.ErrorLevel:
		return hclog.Error
	case zerolog.FatalLevel, zerolog.PanicLevel, zerolog.Disabled:
		return hclog.Off
	}
	if l < zerolog.TraceLevel {
		return hclog.Trace
	}
	return hclog.Off
}

package api

import (
	"errors"
	"net/http"

	"github.com/sipsteer/sipsteer/pkg/steer"
)

// Category is the kind of an error as it crosses the API. The words are
// append-only.
type Category string

// The categories.
const (
	Invalid     Category = "invalid"     // the request makes no sense as written
	Refused     Category = "refused"     // by a guard
	NoQuorum    Category = "no-quorum"   // no leader, or nobody to agree
	Uncertain   Category = "uncertain"   // proposed, outcome not known
	Unreachable Category = "unreachable" // no agent answered
	Timeout     Category = "timeout"
	// Unauthorized: the caller is unknown, or may not do that.
	Unauthorized Category = "unauthorized"
	Internal     Category = "internal"
)

// Error is every error of the API: a category, what is wrong, and what to do.
type Error struct {
	Category Category       `json:"category"`
	Message  string         `json:"message"`
	Field    string         `json:"field,omitempty"`
	Hint     string         `json:"hint,omitempty"`
	Refusal  *steer.Refusal `json:"refusal,omitempty"`
}

func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Message
	}
	return e.Message
}

// GetStatus returns the HTTP status of the category.
func (e *Error) GetStatus() int {
	switch e.Category {
	case Invalid:
		return http.StatusUnprocessableEntity
	case Refused:
		return http.StatusConflict
	case Unauthorized:
		return http.StatusForbidden
	case NoQuorum, Unreachable:
		return http.StatusServiceUnavailable
	case Uncertain, Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// ExitCode returns what the command line ends with.
func (e *Error) ExitCode() int {
	switch e.Category {
	case Invalid:
		return 2
	case Refused, Unauthorized:
		return 3
	case NoQuorum, Unreachable:
		return 4
	}
	return 1
}

// AsError turns the errors of the core into the API's.
func AsError(err error) *Error {
	var (
		own     *Error
		refusal *steer.Refusal
		invalid *steer.Invalid
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &refusal):
		return &Error{Category: Refused, Message: refusal.Error(), Hint: refusal.Next, Refusal: refusal}
	case errors.As(err, &invalid):
		return &Error{Category: Invalid, Message: invalid.Message, Field: invalid.Field, Hint: invalid.Hint}
	}
	return &Error{Category: Internal, Message: err.Error()}
}

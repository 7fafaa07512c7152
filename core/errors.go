package core

import (
	"errors"
	"fmt"
)

// Kind says what an error means for the caller; it alone decides how the error is answered.
type Kind uint8

// The kinds of errors that cross a port. The zero Kind is Internal: an error nobody classified is ours.
const (
	// Internal is a defect or a broken dependency of this program.
	Internal Kind = iota
	// Invalid is input that breaks a rule; Code and Pointer say which.
	Invalid
	// Unauthenticated is a caller or message whose origin is not proved.
	Unauthenticated
	// Forbidden is a known caller without the right.
	Forbidden
	// NotFound is an object that does not exist for this caller; another merchant's object is the same.
	NotFound
	// Conflict is a request that the present state does not allow; it may be allowed later, unless it is Final.
	Conflict
	// MalformedMessage is a message of a provider that cannot be read at all.
	MalformedMessage
	// Unavailable is a dependency that cannot be reached now; nothing happened and a repetition is safe.
	Unavailable
)

func (k Kind) String() string {
	return [...]string{"internal", "invalid", "unauthenticated", "forbidden", "not found", "conflict", "malformed", "unavailable"}[k]
}

// Error is every error that crosses a port. Kind decides, Op locates, Code is stable and public, Message may be
// shown to the caller, Err is for the log only. Neither Message nor Code ever carries a secret or buyer data.
type Error struct {
	Kind    Kind
	Op      string
	Code    string
	Pointer string // RFC 6901, into the request body
	Message string
	Final   bool     // a Conflict that nothing will resolve: the state is the last one
	Allowed []string // actions the present state allows, with Code state_invalid
	Object  string   // id of the object in the way, with Code reference_exists
	Choices []string // what could be asked for instead, with Code capability_unsupported and routing_no_candidate
	Err     error
}

// Error is the text for the log.
func (e *Error) Error() string {
	s := e.Kind.String()
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf is the Kind of the first *Error in err's chain, Internal when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// CodeOf is the public code of the first *Error in err's chain, empty when there is none.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// ErrUnauthenticated is what ParseFeedback answers to a message that its provider did not sign.
var ErrUnauthenticated = &Error{Kind: Unauthenticated, Code: "unauthenticated", Message: "the message is not authentic"}

// NotAuthentic is ErrUnauthenticated with a reason, for operators: words of the program's own, none of the message's.
// Whoever sent it is not told.
func NotAuthentic(why string) error {
	return &Error{Kind: Unauthenticated, Code: ErrUnauthenticated.Code, Message: ErrUnauthenticated.Message, Err: reason{why}}
}

// WhyNotAuthentic is the reason of NotAuthentic, empty when none was given.
func WhyNotAuthentic(err error) string {
	r, _ := errors.AsType[reason](err)
	return r.text
}

type reason struct{ text string }

func (r reason) Error() string { return r.text }

func (reason) Unwrap() error { return ErrUnauthenticated }

// Malformed marks a message that cannot be read, so that nothing of it is believed or stored.
func Malformed(err error) error {
	return &Error{Kind: MalformedMessage, Code: "malformed", Message: "the message cannot be read", Err: err}
}

// ErrNotSent is in the chain of an error of a provider call that was proved to have sent no byte of the request.
// Every other error of a call with effect leaves its outcome unknown.
var ErrNotSent = errors.New("not sent")

// NotSentError marks err as a proof that no byte of the request left.
func NotSentError(err error) error { return fmt.Errorf("%w: %w", ErrNotSent, err) }

func invalid(code, pointer, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Code: code, Pointer: pointer, Message: fmt.Sprintf(format, args...)}
}

func conflict(code, format string, args ...any) *Error {
	return &Error{Kind: Conflict, Code: code, Message: fmt.Sprintf(format, args...)}
}

func notFound(what string) *Error {
	return &Error{Kind: NotFound, Code: "not_found", Message: "there is no such " + what}
}

package core

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// Refused is how a provider last refused who an account says it is: a key that is wrong, withdrawn or expired, or a
// merchant account that is not open. Code is the provider's own word. The zero Refused means that it did not, or has
// taken it since.
type Refused struct {
	At   time.Time
	Code string
}

// CredentialsTaken tells that the provider took who the account says it is, in the call that ctx belongs to.
func CredentialsTaken(ctx context.Context) { credentialsAre(ctx, Refused{}) }

// CredentialsRefused tells that it did not: every call of the account is refused until a person mends it.
func CredentialsRefused(ctx context.Context, code string) { credentialsAre(ctx, Refused{now(), code}) }

type credentialsKey struct{}

func credentialsAre(ctx context.Context, r Refused) {
	if last, ok := ctx.Value(credentialsKey{}).(*atomic.Pointer[Refused]); ok {
		last.Store(&r)
	}
}

// judged is ctx for calls of the account, whose provider tells under it what it makes of the credentials.
func (a *Account) judged(ctx context.Context) context.Context {
	return context.WithValue(ctx, credentialsKey{}, a.refused)
}

// CredentialsRefused is how the provider last refused who the account says it is, as far as this process knows.
func (a *Account) CredentialsRefused() Refused {
	if r := a.refused.Load(); r != nil {
		return *r
	}
	return Refused{}
}

// Warner tells what a provider's settings allow that they should not, for operators; each names the setting.
type Warner interface {
	Warnings() []string
}

// Problems are what somebody has to do about the account, for people; none of them keeps it from working by itself.
func (a *Account) Problems() []string {
	problems := []string{}
	if r := a.CredentialsRefused(); !r.At.IsZero() {
		problems = append(problems, "the provider refuses the credentials of the account ("+r.Code+"), so nothing can be charged or asked: see its settings, the key above all, and the state of the merchant account")
	}
	if w, ok := a.provider.(Warner); ok {
		problems = append(problems, w.Warnings()...)
	}
	return problems
}

// noTell is what to say of a question that was not answered.
func (a *Account) noTell(otherwise string) string {
	if !a.CredentialsRefused().At.IsZero() {
		return "the provider refused the credentials of the account; whoever runs this has to see to them"
	}
	return otherwise
}

// refusedToTell keeps a question that the provider refused with the account's credentials, unless the last one was refused
// as well: asking for two weeks does not fill the timeline.
func (a *amendment) refusedToTell(ctx context.Context, at *Attempt, account *Account, exchanges []Exchange, err error) error {
	if err == nil || len(exchanges) == 0 || account.CredentialsRefused().At.IsZero() {
		return nil
	}
	e := account.evidence(EvidenceQuery, "query refused", "", exchanges, err)
	all, failed := a.tx.Evidence(ctx, a.ID)
	if failed != nil {
		return failed
	}
	all = slices.DeleteFunc(all, func(e Evidence) bool { return e.Kind != EvidenceQuery })
	if len(all) == 0 || all[len(all)-1].Title != e.Title {
		a.learn(at, e, nil, nil, nil, "")
	}
	return nil
}

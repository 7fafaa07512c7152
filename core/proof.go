package core

import "time"

// agreed takes the provider's word that the buyer has agreed for his being back, which he may never be: without Complete
// he has bought nothing. Who turned away afterwards is not taken by it, nor is who may pay elsewhere by now.
// Where the provider does not tell, Complete does: it is tried a few times.
func (a *amendment) agreed(at *Attempt, account *Account, s Snapshot) {
	away := at.Next == nil || at.Next.Then != ThenComplete || at.Returned || a.turnedAway(at) || a.Latest() != at || a.Canceled
	if !away && (s.Session == SessionAgreed || s.Session == SessionOpen && account.caps.CompleteProves && a.mayProve(at)) {
		at.Returned = true
	}
}

// proofs are when, after the buyer was sent to agree, it is tried whether he has, if he is not back: soon, and before his
// session ends.
var proofs = []time.Duration{15 * time.Minute, 2 * time.Hour, 12 * time.Hour, 22 * time.Hour}

// mayProve reports whether Complete is to be tried now.
func (a *amendment) mayProve(at *Attempt) bool {
	sent, tried := at.CreatedAt, 0
	for _, o := range a.Operations {
		switch {
		case o.AttemptID != at.ID:
		case o.Kind == OpConfirm && o.State == OpSucceeded:
			sent, tried = o.CreatedAt, 0
		case o.Kind == OpComplete:
			tried++
		}
	}
	return tried < len(proofs) && a.now.Sub(sent) >= a.pace.of(proofs[tried])
}

// reasonProof marks a Complete that nobody came back for: that it is refused is no failure of the buyer's.
const reasonProof = "the buyer is not back"

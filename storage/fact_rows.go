package storage

import (
	"encoding/json"

	"github.com/paymux/paymux/core"
)

// fact is a row of facts: the ledger. ObjectID and BelongsTo are core's ID and Of.
type fact struct {
	PaymentID  string `gorm:"primaryKey"`
	Number     int64  `gorm:"primaryKey;autoIncrement:false"`
	AttemptID  string
	Kind       string
	Measure    string
	Strength   string
	Amount     int64
	Currency   string
	ObjectID   text
	BelongsTo  text
	OpKey      text
	Sequence   int64
	Code       text
	Failure    doc[*core.Failure]
	EvidenceID string
	OccurredAt moment
	StoredAt   moment
}

func (fact) TableName() string { return "facts" }

// Words instead of the numbers of core, so that the ledger can be read without the program and outlives their order.
var (
	measures  = map[core.Measure]string{core.Single: "single", core.AtLeast: "at_least", core.NetAt: "net_at"}
	strengths = map[core.Strength]string{core.Hint: "hint", core.Attested: "attested", core.Asserted: "asserted"}

	factKinds     = kindsByName()
	measureNames  = inverse(measures)
	strengthNames = inverse(strengths)
)

func kindsByName() map[string]core.FactKind {
	m := map[string]core.FactKind{}
	for k := core.FactKind(1); k.String() != "unknown"; k++ {
		m[k.String()] = k
	}
	return m
}

func inverse[K, V comparable](m map[K]V) map[V]K {
	out := make(map[V]K, len(m))
	for k, v := range m {
		out[v] = k
	}
	return out
}

func factRow(paymentID string, e *core.Entry) fact {
	return fact{
		PaymentID: paymentID, Number: e.Number, AttemptID: e.AttemptID, Kind: e.Kind.String(), Measure: measures[e.Measure],
		Strength: strengths[e.Strength], Amount: e.Amount.Minor, Currency: e.Amount.Currency, ObjectID: text(e.ID), BelongsTo: text(e.Of),
		OpKey: text(e.OpKey), Sequence: e.Sequence, Code: text(e.Code), Failure: doc[*core.Failure]{e.Failure}, EvidenceID: e.Evidence,
		OccurredAt: moment{e.OccurredAt}, StoredAt: moment{e.StoredAt},
	}
}

func (r *fact) core() core.Entry {
	return core.Entry{
		Fact: core.Fact{Kind: factKinds[r.Kind], Measure: measureNames[r.Measure], Amount: core.Money{Minor: r.Amount, Currency: r.Currency},
			ID: string(r.ObjectID), Of: string(r.BelongsTo), OpKey: string(r.OpKey), Sequence: r.Sequence, OccurredAt: r.OccurredAt.Time,
			Strength: strengthNames[r.Strength], Code: string(r.Code), Failure: r.Failure.V},
		Number: r.Number, AttemptID: r.AttemptID, Evidence: r.EvidenceID, StoredAt: r.StoredAt.Time,
	}
}

// evidence is a row of evidence.
type evidence struct {
	ID          string `gorm:"primaryKey"`
	PaymentID   string
	AttemptID   string
	OperationID string
	FeedbackID  string
	Kind        string
	Title       text
	Detail      raw
	CreatedAt   moment
}

func (evidence) TableName() string { return "evidence" }

func evidenceRow(e *core.Evidence) evidence {
	return evidence{ID: e.ID, PaymentID: e.PaymentID, AttemptID: e.AttemptID, OperationID: e.OperationID, FeedbackID: e.FeedbackID,
		Kind: string(e.Kind), Title: text(e.Title), Detail: raw(e.Detail), CreatedAt: moment{e.CreatedAt}}
}

func (r *evidence) core() core.Evidence {
	return core.Evidence{ID: r.ID, PaymentID: r.PaymentID, AttemptID: r.AttemptID, OperationID: r.OperationID, FeedbackID: r.FeedbackID,
		Kind: core.EvidenceKind(r.Kind), Title: string(r.Title), Detail: json.RawMessage(r.Detail), CreatedAt: r.CreatedAt.Time}
}

// ref is a row of refs: what identifies an attempt at an account.
type ref struct {
	Account    string `gorm:"primaryKey"`
	Kind       string `gorm:"primaryKey"`
	Value      text   `gorm:"primaryKey"`
	MerchantID string
	PaymentID  string
	AttemptID  string
}

func (ref) TableName() string { return "refs" }

// event is a row of events.
type event struct {
	ID         string `gorm:"primaryKey"`
	MerchantID string
	PaymentID  raw // NULL when it is about none
	Sequence   int64
	Type       string
	Body       raw
	CreatedAt  moment
}

func (event) TableName() string { return "events" }

func eventRow(e *core.Event) event {
	return event{ID: e.ID, MerchantID: e.MerchantID, PaymentID: raw(e.PaymentID), Sequence: e.Sequence, Type: e.Type, Body: raw(e.Body), CreatedAt: moment{e.CreatedAt}}
}

func (r *event) core() core.Event {
	return core.Event{ID: r.ID, MerchantID: r.MerchantID, PaymentID: string(r.PaymentID), Sequence: r.Sequence, Type: r.Type,
		Body: r.Body, CreatedAt: r.CreatedAt.Time}
}

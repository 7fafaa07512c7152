package storage

import (
	"encoding/json"

	"github.com/paymux/paymux/core"
)

// payment is a row of payments. Account is that of the latest attempt, for lists.
type payment struct {
	ID              string `gorm:"primaryKey"`
	MerchantID      string
	Reference       text
	Account         string
	Amount          int64
	Currency        string
	OrderData       doc[core.PaymentOrder]
	Metadata        doc[map[string]string]
	Authorized      int64
	Captured        int64
	Refunded        int64
	Reversed        int64
	Released        int64
	Capturable      int64
	Refundable      int64
	InDoubt         int64
	CaptureReserved int64
	RefundReserved  int64
	Ceiling         int64
	ForeignAmount   int64
	Surplus         int64
	ReservesCapture int64
	ReservesRefund  int64
	Status          string
	Canceled        bool
	CancelReason    text
	Waived          bool
	Expired         bool
	Flagged         bool
	Mismatch        bool
	NeedsReview     bool
	Acknowledged    doc[core.Acknowledged]
	Version         int64
	Sequence        int64
	FactCount       int64
	RecheckAt       moment
	CreatedAt       moment
	UpdatedAt       moment
}

func (payment) TableName() string { return "payments" }

func paymentRow(c *core.Change) *payment {
	p, a := c.Payment, c.Payment.Amounts
	r := &payment{
		ID: p.ID, MerchantID: p.MerchantID, Reference: text(p.Reference), Amount: p.Amount.Minor, Currency: p.Amount.Currency,
		OrderData: doc[core.PaymentOrder]{p.Order}, Metadata: doc[map[string]string]{p.Metadata},
		Authorized: a.Authorized, Captured: a.Captured, Refunded: a.Refunded, Reversed: a.Reversed, Released: a.Released,
		Capturable: a.Capturable, Refundable: a.Refundable, InDoubt: a.InDoubt, CaptureReserved: a.CaptureReserved, RefundReserved: a.RefundReserved,
		Ceiling: a.Ceiling, ForeignAmount: a.Foreign, Surplus: a.Surplus, ReservesCapture: c.ReserveCapture, ReservesRefund: c.ReserveRefund,
		Status: string(p.Status), Canceled: p.Canceled, CancelReason: text(p.CancelReason), Waived: p.Waived, Expired: p.Expired,
		Flagged: p.Flagged, Mismatch: p.Mismatch, NeedsReview: p.NeedsReview, Acknowledged: doc[core.Acknowledged]{p.Acknowledged}, Version: p.Version, Sequence: p.Sequence, FactCount: p.FactCount,
		RecheckAt: moment{p.RecheckAt}, CreatedAt: moment{p.CreatedAt}, UpdatedAt: moment{p.UpdatedAt},
	}
	if at := p.Latest(); at != nil {
		r.Account = at.Account
	}
	return r
}

// changeable are the columns of a payment that a change may set; id, merchant, reference, currency and time of creation
// stay what they are.
func (r *payment) changeable() map[string]any {
	return map[string]any{
		"account": r.Account, "amount": r.Amount, "order_data": r.OrderData, "metadata": r.Metadata,
		"authorized": r.Authorized, "captured": r.Captured, "refunded": r.Refunded, "reversed": r.Reversed, "released": r.Released,
		"capturable": r.Capturable, "refundable": r.Refundable, "in_doubt": r.InDoubt,
		"capture_reserved": r.CaptureReserved, "refund_reserved": r.RefundReserved, "ceiling": r.Ceiling, "foreign_amount": r.ForeignAmount,
		"surplus": r.Surplus, "reserves_capture": r.ReservesCapture, "reserves_refund": r.ReservesRefund,
		"status": r.Status, "canceled": r.Canceled, "cancel_reason": r.CancelReason, "waived": r.Waived, "expired": r.Expired,
		"flagged": r.Flagged, "mismatch": r.Mismatch, "needs_review": r.NeedsReview, "acknowledged": r.Acknowledged, "version": r.Version, "sequence": r.Sequence, "fact_count": r.FactCount,
		"recheck_at": r.RecheckAt, "updated_at": r.UpdatedAt,
	}
}

func (r *payment) core() *core.Payment {
	return &core.Payment{
		ID: r.ID, MerchantID: r.MerchantID, Reference: string(r.Reference), Amount: core.Money{Minor: r.Amount, Currency: r.Currency},
		Order: r.OrderData.V, Metadata: r.Metadata.V,
		Amounts: core.Amounts{Authorized: r.Authorized, Captured: r.Captured, Refunded: r.Refunded, Reversed: r.Reversed, Released: r.Released,
			Capturable: r.Capturable, Refundable: r.Refundable, InDoubt: r.InDoubt, CaptureReserved: r.CaptureReserved, RefundReserved: r.RefundReserved,
			Ceiling: r.Ceiling, Foreign: r.ForeignAmount, Surplus: r.Surplus},
		Status: core.Status(r.Status), Canceled: r.Canceled, CancelReason: string(r.CancelReason), Waived: r.Waived, Expired: r.Expired,
		Flagged: r.Flagged, Mismatch: r.Mismatch, NeedsReview: r.NeedsReview, Acknowledged: r.Acknowledged.V, Version: r.Version, Sequence: r.Sequence, FactCount: r.FactCount,
		RecheckAt: r.RecheckAt.Time, CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
}

// attempt is a row of attempts.
type attempt struct {
	ID        string `gorm:"primaryKey"`
	PaymentID string
	Number    int
	Account   string
	Provider  string
	Reference text
	Method    doc[core.Method]
	Amount    int64
	Currency  string
	Next      doc[*core.NextAction]
	Retries   bool
	Refs      doc[core.Refs]
	Memo      doc[core.Refs]
	Brought   doc[*core.Brought]
	Named     doc[[]core.Object]
	Review    doc[*core.Review]
	Display   text
	Returned  bool
	OwedAt    moment
	Expired   bool
	ExpiresAt moment
	CreatedAt moment
}

func (attempt) TableName() string { return "attempts" }

func attemptRow(a *core.Attempt) *attempt {
	return &attempt{
		ID: a.ID, PaymentID: a.PaymentID, Number: a.Number, Account: a.Account, Provider: a.Provider, Reference: text(a.Reference),
		Method: doc[core.Method]{a.Method}, Amount: a.Amount.Minor, Currency: a.Amount.Currency, Next: doc[*core.NextAction]{a.Next}, Retries: a.Retries,
		Refs: doc[core.Refs]{a.Refs}, Memo: doc[core.Refs]{a.Memo}, Brought: doc[*core.Brought]{a.Brought}, Named: doc[[]core.Object]{a.Named}, Review: doc[*core.Review]{a.Review}, Display: text(a.Display),
		Returned: a.Returned, OwedAt: moment{a.OwedAt}, Expired: a.Expired, ExpiresAt: moment{a.ExpiresAt}, CreatedAt: moment{a.CreatedAt},
	}
}

// changeable are the columns of an attempt that a change may set: it is pinned to its account and reference for life.
func (r *attempt) changeable() map[string]any {
	return map[string]any{"method": r.Method, "amount": r.Amount, "next": r.Next, "retries": r.Retries, "refs": r.Refs, "memo": r.Memo, "brought": r.Brought, "named": r.Named,
		"review": r.Review, "display": r.Display, "returned": r.Returned, "owed_at": r.OwedAt, "expired": r.Expired, "expires_at": r.ExpiresAt}
}

func (r *attempt) core() *core.Attempt {
	return &core.Attempt{
		ID: r.ID, PaymentID: r.PaymentID, Number: r.Number, Account: r.Account, Provider: r.Provider, Reference: string(r.Reference),
		Method: r.Method.V, Amount: core.Money{Minor: r.Amount, Currency: r.Currency}, Next: r.Next.V, Retries: r.Retries,
		Refs: r.Refs.V, Memo: r.Memo.V, Brought: r.Brought.V, Named: r.Named.V, Review: r.Review.V, Display: string(r.Display), Returned: r.Returned, OwedAt: r.OwedAt.Time, Expired: r.Expired,
		ExpiresAt: r.ExpiresAt.Time, CreatedAt: r.CreatedAt.Time,
	}
}

// operation is a row of operations. WorksOn is core's Of.
type operation struct {
	ID                 string `gorm:"primaryKey"`
	PaymentID          string
	AttemptID          string
	Kind               string
	State              string
	Reference          text
	Key                text
	Ordinal            int
	Sequence           int64
	Amount             int64
	Currency           string
	BaselineAuthorized int64
	BaselineCaptured   int64
	BaselineRefunded   int64
	Try                int
	Input              raw
	Object             string
	OwnReference       text
	WorksOn            text
	Final              bool
	Reason             text
	Metadata           doc[map[string]string]
	Failure            doc[*core.Failure]
	HasNext            bool
	Deadline           moment
	RepeatAt           moment
	Review             bool
	CreatedAt          moment
	UpdatedAt          moment
}

func (operation) TableName() string { return "operations" }

func operationRow(o *core.Operation) *operation {
	return &operation{
		ID: o.ID, PaymentID: o.PaymentID, AttemptID: o.AttemptID, Kind: string(o.Kind), State: string(o.State), Reference: text(o.Reference),
		Key: text(o.Key), Ordinal: o.Ordinal, Sequence: o.Sequence, Amount: o.Amount.Minor, Currency: o.Amount.Currency,
		BaselineAuthorized: o.Baseline.Authorized, BaselineCaptured: o.Baseline.Captured, BaselineRefunded: o.Baseline.Refunded,
		Try: o.Try, Input: raw(o.Input), Object: o.Object, OwnReference: text(o.OwnReference), WorksOn: text(o.Of), Final: o.Final,
		Reason: text(o.Reason), Metadata: doc[map[string]string]{o.Metadata}, Failure: doc[*core.Failure]{o.Failure}, HasNext: o.HasNext,
		Deadline: moment{o.Deadline}, RepeatAt: moment{o.RepeatAt}, Review: o.Review, CreatedAt: moment{o.CreatedAt}, UpdatedAt: moment{o.UpdatedAt},
	}
}

// changeable are the columns of an operation that a change may set: what was committed before the call is never changed,
// but for the try, its deadline, and the place it has among the others when it is made again after it was not sent.
func (r *operation) changeable() map[string]any {
	return map[string]any{"state": r.State, "try": r.Try, "deadline": r.Deadline, "failure": r.Failure, "has_next": r.HasNext,
		"sequence": r.Sequence, "baseline_authorized": r.BaselineAuthorized, "baseline_captured": r.BaselineCaptured, "baseline_refunded": r.BaselineRefunded,
		"repeat_at": r.RepeatAt, "review": r.Review, "reason": r.Reason, "metadata": r.Metadata, "updated_at": r.UpdatedAt}
}

func (r *operation) core() *core.Operation {
	return &core.Operation{
		Op: core.Op{ID: r.ID, Kind: core.OpKind(r.Kind), Reference: string(r.Reference), Key: string(r.Key), Ordinal: r.Ordinal, Sequence: r.Sequence,
			Amount:   core.Money{Minor: r.Amount, Currency: r.Currency},
			Baseline: core.Totals{Authorized: r.BaselineAuthorized, Captured: r.BaselineCaptured, Refunded: r.BaselineRefunded},
			Try:      r.Try, CreatedAt: r.CreatedAt.Time, Deadline: r.Deadline.Time},
		PaymentID: r.PaymentID, AttemptID: r.AttemptID, State: core.OpState(r.State), Input: json.RawMessage(r.Input), Object: r.Object,
		OwnReference: string(r.OwnReference), Of: string(r.WorksOn), Final: r.Final, Reason: string(r.Reason), Metadata: r.Metadata.V,
		Failure: r.Failure.V, HasNext: r.HasNext, RepeatAt: r.RepeatAt.Time, Review: r.Review, UpdatedAt: r.UpdatedAt.Time,
	}
}

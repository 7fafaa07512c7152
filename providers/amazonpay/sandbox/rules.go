package sandbox

import "time"

// Times and limits that the documents give.
const (
	SessionLife      = 24 * time.Hour      // then a session that was not completed is canceled
	SessionKept      = 30 * 24 * time.Hour // after that: ResourceNotFound
	CaptureWindow    = 7 * 24 * time.Hour  // captures in real time; later ones are asynchronous
	ChargeLife       = 30 * 24 * time.Hour // then an authorization is Canceled/ExpiredUnused
	PermissionLife   = 180 * 24 * time.Hour
	BuyerDataKept    = 30 * 24 * time.Hour // then buyer and addresses of a permission are null
	BuyerTokenLife   = 24 * time.Hour
	extendedMonths   = 13 // of a OneTime permission with extendExpiration, and of a Recurring one after its last use
	chargesPerOrder  = 25 // on one OneTime permission
	idempotencyChars = 32
)

// What the documents leave open. Each is one rule of ours.
const (
	// DefaultSettleAfter is documented for pending authorizations and seen with captures; refunds follow it here.
	DefaultSettleAfter = 30 * time.Second
	// DefaultClockSkew is not published.
	DefaultClockSkew = 15 * time.Minute
	// refundsPerCharge is the limit of the legacy API; the present one is not published.
	refundsPerCharge = 10
	// chargeInProgress makes a OneTime permission NonChargeable/ChargeInProgress while open charges use up its amount.
	chargeInProgress = true
	// changeAfterRedirect lets a session be changed after the buyer was sent to amazonPayRedirectUrl.
	changeAfterRedirect = false
)

// highestTransaction is the most one charge or refund may be, in whole units.
func highestTransaction(currency string) int64 {
	if currency == "JPY" {
		return units(10_000_000, currency)
	}
	return units(150_000, currency)
}

// What a Recurring permission can be charged in one calendar month, in whole units: those of older documents, and by region
// there, not by currency (unconfirmed).
const (
	recurringMonth    = 500
	recurringMonthYen = 100_000
)

// monthlyLimit is what a Saved Wallet or Recurring permission can be charged in one calendar month (UTC). More is refused
// with PeriodicAmountExceeded; the first charge of the checkout counts and is not refused.
func monthlyLimit(kind, currency string) int64 {
	if kind == recurring {
		if currency == "JPY" {
			return units(recurringMonthYen, currency)
		}
		return units(recurringMonth, currency)
	}
	switch currency {
	case "JPY":
		return units(2_000_000, currency)
	case "DKK", "HKD", "NOK", "SEK", "ZAR":
		return units(150_000, currency)
	}
	return units(15_000, currency)
}

// overchargeLimit is the amountLimit of a permission with allowOvercharge.
func overchargeLimit(order int64, currency string) int64 {
	floor := units(500, currency)
	if currency == "JPY" {
		floor = units(70_000, currency)
	}
	return max(9*order, floor)
}

// refundLimit is what can be given back in all: the captured amount and the smaller of 15 % and 75 units.
func refundLimit(captured int64, currency string) int64 {
	most := units(75, currency)
	if currency == "JPY" {
		most = units(8_400, currency)
	}
	return captured + min(captured*15/100, most)
}

package amazonpay

import (
	"regexp"
	"slices"
	"time"

	"github.com/paymux/paymux/core"
)

// What Amazon Pay has one method, two flows and three products of. Words of ours.
const (
	methodType    = "amazon_pay"
	flowExpress   = "express"
	flowPayNow    = "pay_now"
	flowHosted    = "hosted" // of a mandate: Amazon's page without a button of the shop
	productShip   = "pay_and_ship"
	productOnly   = "pay_only"
	productSignIn = "sign_in"
)

// The same in Amazon's words.
const (
	payAndShip = "PayAndShip"
	payOnly    = "PayOnly"
	signIn     = "SignIn"
)

var products = map[string]string{productShip: payAndShip, productOnly: payOnly, productSignIn: signIn}

// Times of Amazon Pay. Source: Amazon Pay, checkout session and charge objects.
const (
	sessionLife       = 24 * time.Hour      // from its making; then it is canceled, and what was authorized is released
	authorizationLife = 30 * 24 * time.Hour // of a charge; within the first seven days it is captured at once
	buyerLife         = 30 * 24 * time.Hour // of what a permission tells about its buyer
)

// refundsDecided is how long a refund is taken to be under way at most: minutes to hours, and integrators that poll for the
// end of one stop after a day or two.
const refundsDecided = 48 * time.Hour

// resumeGap is how long Amazon Pay may take to show what it did. retriesFor is how long notifications are repeated, as
// integrators report it.
const (
	resumeGap  = time.Minute
	retriesFor = 3 * time.Hour
)

// referenceMax is the longest idempotency key, in characters.
const referenceMax = 32

var referenceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

func referenceFits(s string) bool { return referenceForm.MatchString(s) }

// The most that one charge may take, in minor units. Source: Amazon Pay, API introduction, limits.
const (
	highest    = 150_000_00
	highestYen = 10_000_000
)

func highestOf(currency string) int64 {
	if currency == "JPY" {
		return highestYen
	}
	return highest
}

// Capabilities are what the contract allows of what Amazon Pay can do.
func (p *Provider) Capabilities() core.Capabilities {
	caps := core.Capabilities{
		Resume:       map[core.OpKind]core.ResumeRule{},
		ResumeGap:    resumeGap,
		ReferenceLen: referenceMax, RefundsDecided: refundsDecided, CompleteProves: true,
		Feedback: core.FeedbackCaps{RetriesFor: retriesFor, Signed: true},
	}
	// Keys make a call once however often it is made; what has no key changes nothing when it is made again, or reads
	// first how things stand.
	for _, kind := range []core.OpKind{
		core.OpStart, core.OpUpdate, core.OpConfirm, core.OpComplete, core.OpAuthorize, core.OpCapture, core.OpVoid, core.OpRefund,
		core.OpStartMandate, core.OpChargeMandate, core.OpUpdateMandate, core.OpCancelMandate,
	} {
		caps.Resume[kind] = core.ResumeSameKey
	}
	for _, flow := range []string{flowExpress, flowPayNow} {
		for _, product := range []string{productShip, productOnly} {
			caps.Methods = append(caps.Methods, p.methodCaps(flow, product))
		}
	}
	caps.Methods = append(caps.Methods, p.consentCaps(flowHosted, productOnly), p.consentCaps("", productSignIn))
	return caps
}

// consentCaps are those of a method that only obtains a consent: on Amazon's page without a button, or by signing in.
func (p *Provider) consentCaps(flow, product string) core.MethodCaps {
	m := p.methodCaps(flow, product)
	m.Captures, m.Save = nil, nil
	return m
}

func (p *Provider) methodCaps(flow, product string) core.MethodCaps {
	m := core.MethodCaps{
		Method: core.Method{Type: methodType, Flow: flow, Product: product}, Currencies: p.cfg.currencies(), Max: highest,
		Captures: []core.CaptureMode{core.CaptureAutomatic, core.CaptureManual}, Business: true,
		Save:             []core.SaveKind{core.SaveRecurring, core.SaveUnscheduled},
		OffSession:       []core.CaptureMode{core.CaptureAutomatic, core.CaptureManual},
		OnSession:        []core.CaptureMode{core.CaptureAutomatic, core.CaptureManual},
		ChangePlan:       true,
		ChangeInstrument: []core.SaveKind{core.SaveUnscheduled},
		NextActions:      []string{core.NextWidget}, CapturesPerAuth: 1, Reauthorize: true, VoidAfterCapture: true, VoidPending: true, PartialRefund: true, RetriesOnPage: true,
		RefundPerCapture: true, Agreement: true, SessionLife: sessionLife, AuthorizationLife: authorizationLife, BuyerFor: buyerLife,
	}
	m.SetUp = []core.SaveKind{core.SaveUnscheduled}
	if product == productOnly { // a plan without a first charge has no delivery
		m.SetUp = append(m.SetUp, core.SaveRecurring)
	}
	m.Agreement, m.RefundPerCapture = true, true
	m.Delivery = flow == flowExpress && product == productShip
	if flow == flowExpress {
		m.Delivery = product == productShip
		m.Review, m.Update, m.NextActions = true, true, append(m.NextActions, core.NextRedirect)
	}
	if slices.Contains(m.Currencies, "JPY") {
		m.Max = highestYen
		if len(m.Currencies) > 1 {
			m.Max = highest // of the others; in yen Start knows the lower one
		}
	}
	return m
}

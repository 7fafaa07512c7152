package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/paymux/paymux/api/openapi"
)

// problemBase is the address below which every problem code has its type (RFC 9457, section 3.1.1).
const problemBase = "https://paymux.dev/problems/"

// answers says for each code with which status it is answered and what a repetition can do. A code that is not here
// is not part of the contract.
var answers = map[openapi.ProblemCode]struct {
	status int
	retry  openapi.ProblemRetry
}{
	openapi.ProblemCodeJSONInvalid:                 {400, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeJSONDuplicateKey:            {400, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeJSONTooDeep:                 {400, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeQueryInvalid:                {400, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeIdempotencyKeyRequired:      {400, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeIdempotencyKeyInvalid:       {400, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeUnauthenticated:             {401, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeForbidden:                   {403, openapi.ProblemRetryNever},
	openapi.ProblemCodeNotFound:                    {404, openapi.ProblemRetryNever},
	openapi.ProblemCodeMethodNotAllowed:            {405, openapi.ProblemRetryNever},
	openapi.ProblemCodeStateInvalid:                {409, openapi.ProblemRetryLater},
	openapi.ProblemCodeOperationInProgress:         {409, openapi.ProblemRetryLater},
	openapi.ProblemCodePreviousOperationUnresolved: {409, openapi.ProblemRetryLater},
	openapi.ProblemCodeReferenceExists:             {409, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeIdempotencyInProgress:       {409, openapi.ProblemRetrySameKey},
	openapi.ProblemCodeMandateNotActive:            {409, openapi.ProblemRetryLater},
	openapi.ProblemCodeVersionConflict:             {409, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeLimitReached:                {409, openapi.ProblemRetryNever},
	openapi.ProblemCodeBodyTooLarge:                {413, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeMediaTypeUnsupported:        {415, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeHeadersTooLarge:             {431, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeAmountInvalid:               {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeAmountTooLarge:              {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeAmountExceedsRemaining:      {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeCurrencyInvalid:             {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeCurrencyNotEnabled:          {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeCurrencyMismatch:            {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeReferenceInvalid:            {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeDescriptionInvalid:          {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeBuyerInvalid:                {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeMetadataInvalid:             {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeURLInvalid:                  {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeURLNotAllowed:               {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeTargetForbidden:             {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeEventUnknown:                {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeFieldUnknown:                {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeFieldInvalid:                {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeUpdateDeclined:              {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeModeMismatch:                {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeOperationLimitReached:       {422, openapi.ProblemRetryNever},
	openapi.ProblemCodeAccountUnknown:              {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeAccountDisabled:             {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeAccountDraining:             {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeCapabilityUnsupported:       {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeRoutingNoCandidate:          {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeCardDataNotAccepted:         {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeIdempotencyKeyReused:        {422, openapi.ProblemRetryAfterChange},
	openapi.ProblemCodeRateLimited:                 {429, openapi.ProblemRetrySameKey},
	openapi.ProblemCodeInternal:                    {500, openapi.ProblemRetrySameKey},
	openapi.ProblemCodeProviderUnavailable:         {503, openapi.ProblemRetrySameKey},
	openapi.ProblemCodeStorageUnavailable:          {503, openapi.ProblemRetrySameKey},
	openapi.ProblemCodeOverloaded:                  {503, openapi.ProblemRetrySameKey},
	openapi.ProblemCodeStorageLow:                  {503, openapi.ProblemRetrySameKey},
}

// refusal is an error of the request itself, found before core was asked. It has at least one problem; the first one
// decides the status. Its texts never repeat a value of the request.
type refusal struct {
	problems []openapi.ProblemDetail
	err      error
}

// refuse is a refusal with one problem. pointer (RFC 6901) is empty when no member of the body is to blame.
func refuse(code openapi.ProblemCode, pointer, detail string) *refusal {
	return &refusal{problems: []openapi.ProblemDetail{{Code: code, Pointer: pointer, Detail: detail}}}
}

func (r *refusal) Error() string {
	first := r.problems[0]
	return string(first.Code) + " " + first.Pointer + ": " + first.Detail
}

func (r *refusal) Unwrap() error { return r.err }

// problem is the document for code, without what only the request knows.
func problem(code openapi.ProblemCode, detail string) openapi.Problem {
	a := answers[code]
	return openapi.Problem{
		Type: problemBase + string(code), Title: titleOf(code), Status: int64(a.status), Detail: detail,
		Code: code, Retry: a.retry, Errors: []openapi.ProblemDetail{},
	}
}

// titleOf is the code in words.
func titleOf(code openapi.ProblemCode) string {
	words := strings.ReplaceAll(string(code), "_", " ")
	for _, short := range []string{"json", "url"} {
		if rest, ok := strings.CutPrefix(words, short); ok {
			return strings.ToUpper(short) + rest
		}
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// retryAfterSeconds is what a caller is told to wait before the same request.
const retryAfterSeconds = 2

// writeProblem answers with p (RFC 9457). It does nothing when an answer has begun already.
func writeProblem(c echo.Context, p openapi.Problem) error {
	if c.Response().Committed {
		return nil
	}
	p.RequestID = requestID(c)
	again := p.Retry == openapi.ProblemRetrySameKey
	if again && !takesKey(c) { // a read, or a sync
		p.Retry = openapi.ProblemRetryLater
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(echo.HeaderCacheControl, "no-store")
	if p.Code == openapi.ProblemCodeUnauthenticated {
		header.Set(echo.HeaderWWWAuthenticate, "Bearer")
	}
	if again && p.Status != http.StatusInternalServerError && header.Get(echo.HeaderRetryAfter) == "" {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(retryAfterSeconds))
	}
	if c.Request().Method == http.MethodHead {
		return c.NoContent(int(p.Status))
	}
	return c.Blob(int(p.Status), "application/problem+json", body)
}

package api

import (
	"encoding"
	"encoding/base64"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paymux/paymux/api/openapi"
	"github.com/paymux/paymux/core"
)

// filler puts a body into a request type of the contract and remembers everything that does not fit, in the order of
// the body. What does not fit is left zero.
type filler struct {
	problems []openapi.ProblemDetail
	missing  []string // pointers of members that the contract requires and the body does not have
}

func (f *filler) refuse(code openapi.ProblemCode, at, detail string) {
	f.problems = append(f.problems, openapi.ProblemDetail{Code: code, Pointer: at, Detail: detail})
}

// value puts n into dst; at is the JSON pointer of n. It reports whether dst now holds n.
func (f *filler) value(dst reflect.Value, n *node, at string) bool {
	if dst.Kind() == reflect.Pointer {
		target := reflect.New(dst.Type().Elem())
		if !f.value(target.Elem(), n, at) {
			return false
		}
		dst.Set(target)
		return true
	}
	if text, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok { // dates and times
		if n.shape == isString && text.UnmarshalText([]byte(n.text)) == nil {
			return true
		}
		if dst.Type() == reflect.TypeFor[time.Time]() {
			f.refuse(codeOf(at), at, "A time in quotes, such as 2026-01-31T00:00:00Z, is needed.")
		} else {
			f.refuse(codeOf(at), at, "A date in quotes, such as 2027-12-31, is needed.")
		}
		return false
	}
	switch dst.Kind() {
	case reflect.Struct:
		return n.shape == isObject && f.members(dst, n, at) || n.shape != isObject && f.misfit(n, isObject, at)
	case reflect.Map:
		return n.shape == isObject && f.entries(dst, n, at) || n.shape != isObject && f.misfit(n, isObject, at)
	case reflect.Slice:
		if dst.Type().Elem().Kind() == reflect.Uint8 {
			return f.bytes(dst, n, at)
		}
		return n.shape == isArray && f.items(dst, n, at) || n.shape != isArray && f.misfit(n, isArray, at)
	case reflect.String:
		return f.text(dst, n, at)
	case reflect.Int64:
		return f.integer(dst, n, at)
	case reflect.Bool:
		if n.shape != isBool {
			return f.misfit(n, isBool, at)
		}
		dst.SetBool(n.text == "true")
		return true
	default:
		panic("api: a request type has a member of kind " + dst.Kind().String()) // the tests fill every one
	}
}

// shapes say what would have been right where a value of another JSON type stands.
var shapes = map[shape]string{
	isString: "Text in quotes is needed.", isNumber: "A number is needed, without quotes.", isBool: "true or false is needed, without quotes.",
	isArray: "A list in [ ] is needed.", isObject: "An object in { } is needed.",
}

// misfit notes a value that is no want, or not one that fits, with the code of its member.
func (f *filler) misfit(n *node, want shape, at string) bool {
	code := codeOf(at)
	switch detail := rules[code]; n.shape {
	case want:
		f.refuse(code, at, detail)
	case isNull:
		f.refuse(code, at, "null is not taken; leave out what has no value.")
	default:
		f.refuse(code, at, shapes[want])
	}
	return false
}

func (f *filler) members(dst reflect.Value, n *node, at string) bool {
	for _, name := range contract().required(dst.Type().Name()) {
		if !slices.Contains(n.names, name) {
			f.missing = append(f.missing, at+"/"+name)
		}
	}
	for i, name := range n.names {
		member := memberOf(dst, name)
		if !member.IsValid() {
			f.unknown(name, n.nodes[i], at)
			continue
		}
		f.value(member, n.nodes[i], at+"/"+name)
	}
	return true
}

// memberOf is the field of dst with this name, case and all; the zero Value when the contract has none.
func memberOf(dst reflect.Value, name string) reflect.Value {
	for i := range dst.NumField() {
		if tag, _, _ := strings.Cut(dst.Type().Field(i).Tag.Get("json"), ","); tag == name {
			return dst.Field(i)
		}
	}
	return reflect.Value{}
}

// unknown notes a member that the contract does not have. One with a card number says so, whatever it is called.
func (f *filler) unknown(name string, n *node, at string) {
	at = pointTo(at, name)
	if core.HasCardNumber(name) || n.hasCardNumber() {
		f.refuseCard(at)
		return
	}
	f.refuse(openapi.ProblemCodeFieldUnknown, at, "The operation has no such member; names are case-sensitive.")
}

func (n *node) hasCardNumber() bool {
	if core.HasCardNumber(n.text) {
		return true
	}
	for _, inner := range n.nodes {
		if inner.hasCardNumber() {
			return true
		}
	}
	return false
}

func (f *filler) refuseCard(at string) bool {
	f.refuse(openapi.ProblemCodeCardDataNotAccepted, at, "Card numbers are never accepted here; let the provider's page ask for them.")
	return false
}

// entries fills a map of strings. Its names come from the caller, so they are checked like text.
func (f *filler) entries(dst reflect.Value, n *node, at string) bool {
	entries := reflect.MakeMapWithSize(dst.Type(), len(n.names))
	for i, name := range n.names {
		if core.HasCardNumber(name) {
			f.refuseCard(at)
			continue
		}
		entry := reflect.New(dst.Type().Elem()).Elem()
		if f.value(entry, n.nodes[i], pointTo(at, name)) {
			entries.SetMapIndex(reflect.ValueOf(name).Convert(dst.Type().Key()), entry)
		}
	}
	dst.Set(entries)
	return true
}

func (f *filler) items(dst reflect.Value, n *node, at string) bool {
	items := reflect.MakeSlice(dst.Type(), len(n.nodes), len(n.nodes))
	for i, item := range n.nodes {
		f.value(items.Index(i), item, at+"/"+strconv.Itoa(i))
	}
	dst.Set(items)
	return true
}

// text takes only what can go into a header, a form or a log line unharmed.
func (f *filler) text(dst reflect.Value, n *node, at string) bool {
	if n.shape != isString || n.torn || hasControl(n.text) {
		return f.misfit(n, isString, at)
	}
	if !cardFree[patternOf(at)] && core.HasCardNumber(n.text) {
		return f.refuseCard(at)
	}
	dst.SetString(n.text)
	return true
}

// bytes takes base64.
func (f *filler) bytes(dst reflect.Value, n *node, at string) bool {
	content, err := base64.StdEncoding.Strict().DecodeString(n.text)
	if n.shape != isString || err != nil {
		f.refuse(codeOf(at), at, "Bytes in base64 are needed.")
		return false
	}
	dst.SetBytes(content)
	return true
}

// integer takes digits with at most a minus in front: no fraction, no exponent, no minus zero, nothing that an int64
// cannot hold. Nothing is ever rounded.
func (f *filler) integer(dst reflect.Value, n *node, at string) bool {
	if n.shape != isNumber || n.text == "-0" {
		return f.misfit(n, isNumber, at)
	}
	whole, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil {
		return f.misfit(n, isNumber, at)
	}
	dst.SetInt(whole)
	return true
}

// pointTo is the JSON pointer (RFC 6901) to member name of the object at. A name that is too odd to be repeated in an
// answer is left out; the pointer then ends at the object.
func pointTo(at, name string) string {
	if name == "" || utf8.RuneCountInString(name) > 64 || core.HasCardNumber(name) {
		return at
	}
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

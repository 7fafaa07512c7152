package docs

import (
	"cmp"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// contract is what the page shows of an OpenAPI document, in the order of the document.
type contract struct {
	Title, Version, Summary, Text string
	Groups                        []*group
	Refusals                      []answer
	Codes                         []string // of problems
	Objects                       []object
}

type group struct {
	Name, Text string
	Operations []operation
}

type operation struct {
	ID, Method, Path, Summary, Text string
	Parameters                      []member
	Body                            *object
	Answers                         []answer
	Refusals                        []answer // told once for all, below
}

type answer struct {
	Status, Name, Text string
	Type               kind
}

// object is a schema: its members, the words it may be, or only a type.
type object struct {
	Name, Text string
	Type       kind
	Words      []string
	Members    []member
}

type member struct {
	Name, In, Text string
	Type           kind
	Required       bool
	Words          []string
}

// kind is a type as people read it, with the object it leads to.
type kind struct{ Before, Object, After string }

// reader looks things up in one document.
type reader struct{ root *yaml.Node }

func read(document []byte) (*contract, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(document, &n); err != nil {
		return nil, err
	}
	if len(n.Content) != 1 {
		return nil, fmt.Errorf("docs: the contract is empty")
	}
	r := reader{n.Content[0]}
	info := at(r.root, "info")
	c := &contract{Title: text(info, "title"), Version: text(info, "version"), Summary: text(info, "summary"), Text: text(info, "description")}
	groups := map[string]*group{}
	for _, tag := range items(at(r.root, "tags")) {
		g := &group{Name: text(tag, "name"), Text: text(tag, "description")}
		c.Groups, groups[g.Name] = append(c.Groups, g), g
	}
	err := each(at(r.root, "paths"), func(path string, ways *yaml.Node) error {
		return each(ways, func(method string, n *yaml.Node) error {
			if method == "parameters" {
				return nil
			}
			tag := items(at(n, "tags"))
			if len(tag) == 0 || groups[tag[0].Value] == nil {
				return fmt.Errorf("docs: %s %s is in no group", method, path)
			}
			g := groups[tag[0].Value]
			g.Operations = append(g.Operations, r.operation(method, path, n, at(ways, "parameters")))
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	_ = each(at(r.root, "components", "responses"), func(name string, n *yaml.Node) error {
		c.Refusals = append(c.Refusals, answer{Name: name, Text: text(n, "description")})
		return nil
	})
	_ = each(at(r.root, "components", "schemas"), func(name string, n *yaml.Node) error {
		if name == "ProblemCode" {
			c.Codes = words(n)
		}
		c.Objects = append(c.Objects, r.object(name, n))
		return nil
	})
	return c, nil
}

func (r reader) operation(method, path string, n, shared *yaml.Node) operation {
	o := operation{ID: text(n, "operationId"), Method: strings.ToUpper(method), Path: path, Summary: text(n, "summary"), Text: text(n, "description")}
	for _, p := range append(items(shared), items(at(n, "parameters"))...) {
		_, p = r.follow(p)
		o.Parameters = append(o.Parameters, member{Name: text(p, "name"), In: text(p, "in"), Text: text(p, "description"),
			Type: r.kind(at(p, "schema")), Required: text(p, "required") == "true", Words: words(at(p, "schema"))})
	}
	_, body := r.follow(at(n, "requestBody"))
	if schema := r.content(body); schema != nil {
		name, schema := r.follow(schema)
		b := r.object(name, schema)
		o.Body = &b
	}
	_ = each(at(n, "responses"), func(status string, n *yaml.Node) error {
		name, n := r.follow(n)
		a := answer{Status: status, Name: name, Text: text(n, "description"), Type: r.kind(r.content(n))}
		if name != "" {
			o.Refusals = append(o.Refusals, a)
		} else {
			o.Answers = append(o.Answers, a)
		}
		return nil
	})
	return o
}

// content is the schema of the first media type.
func (r reader) content(n *yaml.Node) *yaml.Node {
	var schema *yaml.Node
	_ = each(at(n, "content"), func(_ string, n *yaml.Node) error {
		schema = cmp.Or(schema, at(n, "schema"))
		return nil
	})
	return schema
}

func (r reader) object(name string, n *yaml.Node) object {
	o := object{Name: name, Text: text(n, "description"), Type: r.kind(n), Words: words(n)}
	required := map[string]bool{}
	for _, name := range items(at(n, "required")) {
		required[name.Value] = true
	}
	_ = each(at(n, "properties"), func(name string, n *yaml.Node) error {
		m := member{Name: name, Text: text(n, "description"), Type: r.kind(n), Required: required[name], Words: words(n)}
		if _, to := r.follow(n); m.Text == "" && to != n {
			m.Text = text(to, "description")
		}
		o.Members = append(o.Members, m)
		return nil
	})
	return o
}

// kind says a schema in a few words.
func (r reader) kind(n *yaml.Node) kind {
	if name, _ := r.follow(n); name != "" {
		return kind{Object: name}
	}
	if choices := items(at(n, "oneOf")); len(choices) > 0 {
		var out kind
		for i, choice := range choices {
			k := r.kind(choice)
			if i == 0 {
				out = k
			} else {
				out.After += " or " + k.Before + k.Object + k.After
			}
		}
		return out
	}
	switch t := at(n, "type"); {
	case t == nil:
		return kind{}
	case t.Kind == yaml.SequenceNode:
		var all []string
		for _, one := range t.Content {
			all = append(all, one.Value)
		}
		return kind{Before: strings.Join(all, " or ")}
	case t.Value == "array":
		k := r.kind(at(n, "items"))
		return kind{"list of " + k.Before, k.Object, k.After}
	case text(n, "format") == "date-time":
		return kind{Before: "time"}
	default:
		return kind{Before: t.Value}
	}
}

// follow is what a reference leads to, with its name; anything else is itself.
func (r reader) follow(n *yaml.Node) (string, *yaml.Node) {
	path, ok := strings.CutPrefix(text(n, "$ref"), "#/")
	if !ok {
		return "", n
	}
	parts := strings.Split(path, "/")
	return parts[len(parts)-1], at(r.root, parts...)
}

// at is the node below n at a path of names, nil where there is none.
func at(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		var next *yaml.Node
		_ = each(n, func(key string, value *yaml.Node) error {
			if key == name {
				next = value
			}
			return nil
		})
		n = next
	}
	return n
}

func text(n *yaml.Node, name string) string {
	if found := at(n, name); found != nil {
		return found.Value
	}
	return ""
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

func words(n *yaml.Node) (out []string) {
	for _, word := range items(at(n, "enum")) {
		out = append(out, word.Value)
	}
	return out
}

// each goes through the members of a mapping, in the order in which they are written.
func each(n *yaml.Node, do func(name string, value *yaml.Node) error) error {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := do(n.Content[i].Value, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

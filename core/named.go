package core

import (
	"context"
	"slices"
)

// A message may name an object at the provider and say nothing of it: the provider is asked. What it tells of everything
// that is known of the attempt leaves out what nobody knew of, such as a refund by hand, and of two such objects an
// attempt keeps one id. So what was named is kept until the provider was asked about it, alone if need be (port F36).

// mostNamed bounds what is kept: not everybody who can name an object is believed.
const mostNamed = 32

// name keeps what a message named.
func (a *amendment) name(at *Attempt, read []Object) {
	named := slices.Clone(at.Named)
	for _, o := range read {
		o = Object{Kind: o.Kind, ID: o.ID}
		if o.ID != "" && len(named) < mostNamed && !slices.Contains(named, o) {
			named = append(named, o)
		}
	}
	at.Named = named
}

// unname forgets what the provider was asked about.
func (a *amendment) unname(at *Attempt, asked []Object) {
	left := slices.DeleteFunc(slices.Clone(at.Named), func(o Object) bool { return slices.Contains(asked, o) })
	if at.Named = left; len(left) == 0 {
		at.Named = nil
	}
}

// question asks the provider about everything known of an attempt, and about each object named that is none of that. It
// returns what of those it was asked about: all, unless it fell silent in between, which is no error.
func (a *Account) question(ctx context.Context, p *Payment, at *Attempt) (s Snapshot, asked []Object, exchanges []Exchange, err error) {
	known := p.known(at)
	if s, exchanges, err = a.query(ctx, QueryInput{Known: known}); err != nil {
		return s, nil, exchanges, err
	}
	for _, o := range at.Named {
		if !known.has(o.ID) {
			one, more, err := a.query(ctx, QueryInput{Known: known, Focus: o})
			if exchanges = append(exchanges, more...); err != nil {
				return s, asked, exchanges, nil
			}
			s.add(one)
		}
		asked = append(asked, o)
	}
	return s, asked, exchanges, nil
}

// has reports whether id is known, so that whoever asks about everything asks about it.
func (k Known) has(id string) bool {
	for _, value := range k.Refs {
		if value == id {
			return true
		}
	}
	return slices.ContainsFunc(k.Objects, func(o Object) bool { return o.ID == id })
}

// add adds what the provider told of one more object.
func (s *Snapshot) add(one Snapshot) {
	s.Found = s.Found || one.Found
	s.Facts = append(s.Facts[:len(s.Facts):len(s.Facts)], one.Facts...)
	s.Refs, s.Memo = merge(one.Refs, s.Refs), merge(one.Memo, s.Memo)
	s.Display = or(s.Display, one.Display)
	if s.Review == nil {
		s.Review = one.Review
	}
}

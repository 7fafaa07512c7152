package webhook

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/paymux/paymux/core"
)

// nameserver answers the real resolver of net, packet by packet. The second answer to a question differs from the
// first: it leads inside.
type nameserver struct {
	t     *testing.T
	mu    sync.Mutex
	asked map[dnsmessage.Question]int
	wait  sync.WaitGroup
}

func (n *nameserver) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	n.wait.Go(func() {
		defer func() { _ = far.Close() }()
		for {
			var size [2]byte
			if _, err := io.ReadFull(far, size[:]); err != nil {
				return
			}
			packet := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(far, packet); err != nil {
				return
			}
			answer := n.answer(packet)
			if _, err := far.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
				return
			}
		}
	})
	return near, nil
}

func (n *nameserver) answer(packet []byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	var m dnsmessage.Message
	require.NoError(n.t, m.Unpack(packet))
	q := m.Questions[0]
	n.asked[q]++
	m.Header.Response, m.Header.RecursionAvailable, m.Additionals = true, true, nil
	public, inside := netip.MustParseAddr(publicAddr).As4(), netip.MustParseAddr("169.254.169.254").As4()
	add := func(name dnsmessage.Name, body dnsmessage.ResourceBody, kind dnsmessage.Type) {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name, Type: kind, Class: q.Class}, Body: body})
	}
	switch name := q.Name.String(); {
	case name == "rebind.example." && q.Type == dnsmessage.TypeA && n.asked[q] == 1:
		add(q.Name, &dnsmessage.AResource{A: public}, dnsmessage.TypeA)
	case name == "rebind.example." && q.Type == dnsmessage.TypeA:
		add(q.Name, &dnsmessage.AResource{A: inside}, dnsmessage.TypeA)
	case name == "alias.example.":
		target := dnsmessage.MustNewName("metadata.google.internal.")
		add(q.Name, &dnsmessage.CNAMEResource{CNAME: target}, dnsmessage.TypeCNAME)
		if q.Type == dnsmessage.TypeA {
			add(target, &dnsmessage.AResource{A: inside}, dnsmessage.TypeA)
		}
	case name == "mapped.example." && q.Type == dnsmessage.TypeAAAA:
		add(q.Name, &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("::ffff:127.0.0.1").As16()}, dnsmessage.TypeAAAA)
	case name == "six.example." && q.Type == dnsmessage.TypeAAAA:
		add(q.Name, &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("64:ff9b::a9fe:a9fe").As16()}, dnsmessage.TypeAAAA)
	case name == "six.example." && q.Type == dnsmessage.TypeA:
		add(q.Name, &dnsmessage.AResource{A: public}, dnsmessage.TypeA)
	}
	out, err := m.Pack()
	require.NoError(n.t, err)
	return out
}

// The same guard on the resolver it has in production: one question per family and no search list, aliases followed to
// where they lead, both families checked, and no second question for what was checked.
func TestRebindingByRealDNS(t *testing.T) {
	n := &nameserver{t: t, asked: map[dnsmessage.Question]int{}}
	t.Cleanup(n.wait.Wait)
	w := newWorld(t)
	g := NewGuard(GuardOptions{Resolver: &net.Resolver{PreferGo: true, Dial: n.dial}, Dial: w.dial})
	s := w.sender(g)
	require.Equal(t, FailureConnect, deliver(t, s, message(t, "https://rebind.example/")).Failure)
	require.Equal(t, []string{publicAddr + ":443"}, w.dials)
	for q, times := range n.asked {
		require.Equal(t, "rebind.example.", q.Name.String())
		require.Equal(t, 1, times, q.Type)
	}
	for _, host := range []string{"rebind", "alias", "mapped", "six"} {
		r := deliver(t, s, message(t, "https://"+host+".example/"))
		require.Equal(t, FailureTarget, r.Failure, "%s: %v", host, r.Err)
		_, err := g.CheckTarget(t.Context(), "https://"+host+".example/")
		require.Equal(t, codeTarget, core.CodeOf(err), host)
	}
	require.Equal(t, FailureLookup, deliver(t, s, message(t, "https://nobody.example/")).Failure)
	require.Len(t, w.dials, 1)
}

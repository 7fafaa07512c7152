package shop

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{"declined": "Declined.", "declined.": "Declined.", "über dem Limit": "Über dem Limit.", "x": "X."} {
		require.Equal(t, want, sentence(text))
	}
}

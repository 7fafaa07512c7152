package docs

import (
	"html"
	"html/template"
	"regexp"
	"strings"
)

var (
	comment = regexp.MustCompile(`(?s)<!--.*?-->\n?`)
	code    = regexp.MustCompile("`([^`]+)`")
	link    = regexp.MustCompile(`\[([^\]]+)\]\((https://[^)\s"]+)\)`)
	strong  = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// prose is a description of the contract as HTML: paragraphs, tables, code, links and what is bold, which is all of Markdown that it has.
func prose(text string) template.HTML {
	var b strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(comment.ReplaceAllString(text, "")), "\n\n") {
		switch block = strings.TrimSpace(block); {
		case block == "":
		case strings.HasPrefix(block, "|"):
			b.WriteString(table(block))
		default:
			b.WriteString("<p>" + inline(block) + "</p>")
		}
	}
	return template.HTML(b.String()) //nolint:gosec // everything of it was escaped
}

func inline(text string) string {
	text = code.ReplaceAllString(html.EscapeString(text), "<code>$1</code>")
	text = link.ReplaceAllString(text, `<a href="$2" rel="noreferrer">$1</a>`)
	return strong.ReplaceAllString(text, "<b>$1</b>")
}

func table(block string) string {
	var b strings.Builder
	b.WriteString("<table>")
	for i, line := range strings.Split(block, "\n") {
		if i == 1 { // the line of dashes
			continue
		}
		cell := map[bool]string{true: "th", false: "td"}[i == 0]
		b.WriteString("<tr>")
		for part := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			b.WriteString("<" + cell + ">" + inline(strings.TrimSpace(part)) + "</" + cell + ">")
		}
		b.WriteString("</tr>")
	}
	return b.String() + "</table>"
}

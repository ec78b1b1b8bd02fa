package query

// keywordTable finds keywords by slotOf.
type keywordTable [1024][]keyword

// keyword is a word that means something where it is not quoted.
type keyword struct {
	word string // in capitals
	mean meaning
}

// meaning is what a keyword may be beside itself.
type meaning uint8

const (
	meanReserved meaning = 1 << iota // never a name unless in quotes
	meanNoAlias                      // after a table or column it begins something else
	meanInfix                        // it stands after an operand
	meanQuery                        // it begins a query
)

// The words that the parser asks for, and those that may not be names.
var keywords = func() (table keywordTable) {
	means := map[string]meaning{}
	add := func(mean meaning, words ...string) {
		for _, word := range words {
			means[word] |= mean
		}
	}
	add(meanReserved, "ADD", "ALL", "ALTER", "AND", "AS", "AUTOINCREMENT", "BETWEEN", "CASE", "CHECK", "COLLATE", "COMMIT",
		"CONSTRAINT", "CREATE", "DEFAULT", "DEFERRABLE", "DELETE", "DISTINCT", "DROP", "ELSE", "ESCAPE", "EXISTS", "FOREIGN", "FROM",
		"GROUP", "HAVING", "IN", "INDEX", "INSERT", "INTO", "IS", "ISNULL", "JOIN", "LIMIT", "NOT", "NOTNULL", "NULL", "ON", "OR",
		"ORDER", "PRIMARY", "REFERENCES", "RETURNING", "SELECT", "SET", "TABLE", "THEN", "TO", "TRANSACTION", "UNION", "UNIQUE",
		"UPDATE", "USING", "VALUES", "WHEN", "WHERE", "EXCEPT", "INTERSECT")
	add(meanNoAlias, "CROSS", "FULL", "INNER", "LEFT", "NATURAL", "OUTER", "RIGHT", "INDEXED", "WINDOW", "OFFSET", "END", "COLLATE",
		"ASC", "DESC", "NULLS", "FILTER", "OVER", "LIKE", "GLOB", "REGEXP", "MATCH")
	add(meanInfix, "IS", "ISNULL", "NOTNULL", "NOT", "IN", "BETWEEN", "LIKE", "GLOB", "REGEXP", "MATCH")
	add(meanQuery, "SELECT", "WITH", "VALUES")
	add(0, "BY", "CAST", "CURRENT", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "EXCLUDE", "FALSE", "FIRST", "FOLLOWING",
		"GROUPS", "IF", "LAST", "MATERIALIZED", "NO", "OTHERS", "PARTITION", "PRECEDING", "RANGE", "RECURSIVE", "ROW", "ROWS", "TEMP",
		"TEMPORARY", "TIES", "TRUE", "UNBOUNDED", "VIEW")
	table.fill(means)
	return table
}()

func (t *keywordTable) fill(means map[string]meaning) {
	for word, mean := range means {
		at := slotOf(word)
		t[at] = append(t[at], keyword{word, mean})
	}
}

// maxKeyword is the length of the longest keyword.
const maxKeyword = len("CURRENT_TIMESTAMP")

// slotOf is where in the table a word would be, in any case.
func slotOf(word string) int {
	first, second, last := word[0]|0x20, word[1]|0x20, word[len(word)-1]|0x20
	return (int(first)*5 + int(second)*37 + int(last)*101 + len(word)*11) & 1023
}

// of returns the keyword that a word is, "" for none.
func (t *keywordTable) of(word string) keyword {
	if len(word) < 2 || len(word) > maxKeyword {
		return keyword{}
	}
	for _, k := range t[slotOf(word)] {
		if len(k.word) == len(word) && foldsTo(word, k.word) {
			return k
		}
	}
	return keyword{}
}

// foldsTo reports whether a text in capitals is the word; lengths are equal.
func foldsTo(text, word string) bool {
	for i := range len(text) {
		b := text[i]
		if b >= 'a' && b <= 'z' {
			b -= 'a' - 'A'
		}
		if b != word[i] {
			return false
		}
	}
	return true
}

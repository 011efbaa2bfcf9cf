package projections

// Lost is what no longer has to be ignored since calls were erased: of each
// issue how often, and where it was seen only in what was erased.
type Lost map[IssueKey]lost

type lost struct {
	count int64
	gone  Issue // of entries in which it is seen no more; no count: none
}

// Add takes what folding one entry ignored before and after calls were erased.
func (l Lost) Add(before, after Issues) {
	for key, b := range before {
		left := after[key].Count
		entry := l[key]
		entry.count += b.Count - left
		if left == 0 {
			gone := Issues{}
			if entry.gone.Count > 0 {
				gone[key] = entry.gone
			}
			gone.merge(key, b)
			entry.gone = gone[key]
		}
		if entry.count > 0 {
			l[key] = entry
		}
	}
}

// Without returns the issues that are left. It is not sure of them where an
// issue was seen first or last in what was erased: only the log tells where it
// was seen then.
func (is Issues) Without(l Lost) (left Issues, sure bool) {
	left, sure = Issues{}, true
	for key, issue := range is {
		lost := l[key]
		issue.Count -= lost.count
		if issue.Count <= 0 {
			continue
		}
		gone := lost.gone
		if gone.Count > 0 && (gone.First <= issue.First || gone.Last >= issue.Last || gone.Example <= issue.Example) {
			sure = false
		}
		left[key] = issue
	}
	return left, sure
}

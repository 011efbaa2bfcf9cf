package projections

// Lost counts, by issue, the occurrences that an erasure removed, and keeps the
// entries in which none is left.
type Lost map[IssueKey]lost

type lost struct {
	count int64
	gone  Issue // sum over the entries in which none is left; Count 0: no such entry
}

// Add adds the issues of one entry before and after calls of that entry were erased.
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

// Without returns the issues that are left after an erasure. sure is false if the
// first, last or example entry of an issue may be among the erased ones: then only
// the log says where the issue occurs first and last.
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

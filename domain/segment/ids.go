package segment

// CallIDs are the ids of the person that a call belongs to: its userId, and for an
// alias its previousId too; without a userId, its anonymousId. Empty: no such id.
type CallIDs struct{ User, Previous, Anonymous string }

// IDsOf returns the ids of a part.
func IDsOf(part *Part) CallIDs {
	return newCallIDs(part.Kind, part.UserID, part.PreviousID, part.AnonymousID)
}

// IDsOfCall returns the ids of a call.
func IDsOfCall(c *Call) CallIDs {
	return newCallIDs(c.Kind, c.UserID, c.PreviousID, c.AnonymousID)
}

func newCallIDs(kind Kinds, userID, previousID, anonymousID string) CallIDs {
	ids := CallIDs{User: userID}
	if kind == Alias {
		ids.Previous = previousID
	}
	if userID == "" {
		ids.Anonymous = anonymousID
	}
	return ids
}

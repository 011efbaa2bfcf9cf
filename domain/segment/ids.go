package segment

// CallIDs are the ids that a call is of: its userId, and of an alias both; of a
// call without a userId its anonymousId. Empty ones are none.
type CallIDs struct{ User, Previous, Anonymous string }

func IDsOf(part *Part) CallIDs {
	return newCallIDs(part.Kind, part.UserID, part.PreviousID, part.AnonymousID)
}

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

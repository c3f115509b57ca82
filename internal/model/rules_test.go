package model_test

// bounds say how large a world is.
type bounds struct {
	docs                     int8
	writes, anews, failovers int8
	// windows a round, one or two.
	windows           int
	takeovers, resets int8
	snapshot          bool
	// losses are how often all copies may lose what no commit holds: then the
	// settled mark is strict (S2.3.4).
	losses int8
	// holes: a snapshot may lack an operation whose number is given out.
	holes bool
}

// faults are steps of the protocol that are broken on purpose.
type faults struct {
	// alwaysSettled: S follows W at once.
	alwaysSettled bool
	// positionOfBegin: M is not read after the scans.
	positionOfBegin bool
	// ackOnScan: a window counts before its documents are written.
	ackOnScan bool
	// keepW: a new term does not go back to S.
	keepW bool
	// baselineSettled: a restored baseline counts as settled.
	baselineSettled bool
	// refreshFirst: the scan sees a state older than G.
	refreshFirst bool
	// neverRewrite: external is used where external_gte is due.
	neverRewrite bool
	// skipLower: a 409 is skipped although the source's version is lower.
	skipLower bool
	// noLease: the old worker's commit is accepted.
	noLease bool
	// histogramToSMax: counts prove equal sets up to S_max.
	histogramToSMax bool
	// deleteAtOnce: absent counts as deleted before G has reached it.
	deleteAtOnce bool
	// equalIsReplay: an equal version counts as a replay, whatever its content.
	equalIsReplay bool
	// termBefore: before a delete, the term is not read again after G.
	termBefore bool
	// looseRounds, looseDeletes: where checkpoints move before fsync, what is in
	// no commit counts as durable, for rounds, and before a delete.
	looseRounds, looseDeletes bool
	// noFence: what an old worker has on its way arrives after the new one wrote.
	noFence bool
}

// world is one configuration: what may happen, and what the ferry does.
type world struct {
	bounds bounds
	faults faults
}

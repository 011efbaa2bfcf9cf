// Package erasure erases people, exports what relay holds of a person, suppresses
// people whose later calls are to be dropped, and honours the delete calls in the
// log. It knows neither SQL nor who asked.
//
// An erasure rewrites the log and all tables so that what is served is still what
// a replay of the log gives. It goes through these steps:
//
//  1. Wait until the served generations that join ids have read all that the log
//     says of ids. If that takes longer than Forgetter.Patience, ErrBehind is
//     returned and nothing has changed.
//  2. Prepare, without locks: read the people's groups of ids as they are served,
//     and search the log for the calls that go and for the calls that these had
//     shadowed (the same message id, a link from the same id).
//  3. Try, in one transaction. Take the lock of erasures, so that no generation
//     begins or ends its load; lock all generations, so that the live projections
//     stay where they are; search what was appended since step 2. Cut the calls out
//     of the payloads. Erase the rows from every generation (served, former or
//     being built), fold again what the calls had shadowed, and subtract what had
//     been ignored in them from the issues. A generation that is being loaded may
//     have read the calls already: the erasure is noted for it as pending, and
//     carried out before the load ends. Delete the rejected bodies. Take the lock
//     of the log, which ingest waits for, append the control entry that says how
//     much was erased, but not of whom, and commit.
//  4. A try that lacks what takes as long as reading the log returns that as a
//     value and changes nothing: the log is to be searched again since other ids
//     are the people's by now, or a generation's issues are to be counted since an
//     issue was seen first or last in an erased call. The work is done as in step
//     2, and step 3 begins anew. After maxPreparations of these, a last try does
//     all under its locks.
//
// A process that ends before the commit leaves everything as it was; after the
// commit, only pending erasures are left to do, by whoever goes on with the load.
// If readers are in the way of a lock, the try is repeated for some minutes. The
// order of the locks, here and wherever several of them are taken: erasures',
// generations', the log's.
package erasure

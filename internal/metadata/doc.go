// Package metadata carries what makes an index besides its documents: settings,
// mappings, aliases, templates, ingest pipelines and lifecycle policies,
// translated between versions and products. What cannot be carried is a Note, never a silence.
//
// It may touch the leaves and package cluster. How a definition travels:
//
//  1. Translate rewrites settings and mappings for the target; keys keep their
//     order and values their bytes, and what needs no change is untouched;
//  2. CreateBody makes of it the request that creates the index, with the
//     settings an index has while it is filled (TakenOff);
//  3. Ours gives the values to put back at the end;
//  4. AliasActions gives what points aliases to the index at the switch;
//  5. Survey compares policies, pipelines and templates with the target's, Index
//     an index's definition, and Apply puts what is missing;
//  6. Shield keeps the target's templates from an index that is being made.
//
// Not guaranteed: that an analyzer or a field type of a plugin exists on the
// target, where creating the index tells; and that what engines bring along by
// themselves is told from what users made, where the engine does not mark it.
package metadata

// Package results tells what benchmarks measured: each run, medians, and ratios
// to the floor and to esferry, as Markdown for docs/benchmarks.md and as JSON.
//
// It may touch the file that it is told to write. The median of a tool leaves
// out runs that failed; those stand among the runs, with the reason. The floor
// is the median of the tool named limit and that of the one named scroll, added.
//
// Not guaranteed: that a median of few runs says much.
package results

// Package foreign makes text that others wrote fit to be shown: index names,
// document ids, an engine's errors, what a hook prints. Any of them may hold what
// a terminal obeys (escape sequences), what turns the reading direction or hides
// letters (Unicode's format characters), or line ends that forge a line.
//
//  1. Line gives one line of it, for messages and tables;
//  2. Text passes lines on to a writer, for whole outputs and pages;
//  3. JSON passes JSON on, with such characters escaped: the same value;
//  4. Without passes text on less words that are not to be shown.
//
// It touches nothing, and imports nothing of ours. Not guaranteed: that two names
// that look alike are the same; letters of many scripts do.
package foreign

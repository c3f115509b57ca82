// Package measure tells what a program took: time, CPU of it and of the engines
// that it kept busy, and memory. It is for benchmarks on Linux only.
//
// It may touch the processes of this machine by /proc, and starts those that it
// is given. What it counts:
//
//  1. wall time from the start of a program to its end;
//  2. CPU time of the program and of all that it waited for, by the kernel's
//     account at its end;
//  3. CPU time of a process group, such as an engine, between two looks;
//  4. peak memory by the high-water mark of the program's address space, which is
//     looked at while it runs. The account at its end is of no use: it begins
//     with the peak of whoever started the program.
//
// Not guaranteed: that a peak in a program's last hundredths of a second is
// seen, nor the memory of a program's children.
package measure

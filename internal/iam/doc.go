// Package iam writes the policies that Amazon wants before a ferry can go: for
// the role of a snapshot repository, its trust in the service, for who signs
// esferry's requests, and for the buckets. It is pure: a value in, documents out.
//
// It may touch nothing. How the documents come about:
//
//  1. Domain makes the ARN of a managed domain of its address;
//  2. each side gives its repository's role, which the service assumes;
//  3. who signs gets the HTTP verbs that esferry uses there, and iam:PassRole on
//     exactly that role;
//  4. a copy between buckets gets what it reads and what it writes;
//  5. buckets get the same from their own side, which accounts other than the
//     role's ask for.
//
// Not guaranteed: that an account's boundaries and service control policies let
// these through; that a domain with fine-grained access control lets the role in,
// which is a mapping inside the domain.
package iam

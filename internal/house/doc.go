// Package house holds the source tree to the rules of docs/design.md by its tests: which package may import which, where
// assembly may live, and where unsafe.
package house

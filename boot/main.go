//go:build cleave

package main

import "fmt"

func main() {
	fmt.Println("hello from cleave")
	reportExit(0)
}

// Reads dashboards by Grafana's own schema, as the Go types that Grafana generates from it: a field that the schema does
// not know, or one that it needs and that is missing, is an error.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func check(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	board := dashboard.Dashboard{}
	for _, err := range []error{board.UnmarshalJSONStrict(raw), board.Validate()} {
		// Both return lists; an empty one is an error that says nothing.
		if err != nil && err.Error() != "" {
			return err
		}
	}
	return nil
}

func main() {
	plugins.RegisterDefaultPlugins()
	wrong := 0
	for _, file := range os.Args[1:] {
		if err := check(file); err != nil {
			fmt.Printf("%s: %v\n", file, err)
			wrong++
		}
	}
	fmt.Printf("%d of %d dashboards are wrong\n", wrong, len(os.Args)-1)
	if wrong > 0 {
		os.Exit(1)
	}
}

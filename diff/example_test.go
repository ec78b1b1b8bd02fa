package diff_test

import (
	"fmt"

	"github.com/wakeful-dev/wakeful/diff"
)

// A ticket rises to the top, one is new, one is gone: three ops, whatever else
// stands in the list.
func ExampleBetween() {
	item := func(key, data string) diff.Item { return diff.Item{Key: key, Data: []byte(data)} }
	old := []diff.Item{item("1", `{"score":9}`), item("2", `{"score":7}`), item("3", `{"score":5}`)}
	new := []diff.Item{item("3", `{"score":10}`), item("1", `{"score":9}`), item("4", `{"score":8}`)}

	ops := diff.Between(old, new)
	for _, op := range ops {
		switch op.Kind {
		case diff.Removed:
			fmt.Printf("removed %s at %d\n", op.Key, op.At)
		case diff.Added:
			fmt.Printf("added %s at %d: %s\n", op.Key, op.At, op.Data)
		case diff.Changed:
			fmt.Printf("changed %s at %d (moved: %t): %s\n", op.Key, op.At, op.Moved, op.Data)
		}
	}
	list, err := diff.Apply(old, ops)
	fmt.Println(len(list), list[0].Key, list[1].Key, list[2].Key, err)
	// Output:
	// removed 2 at 1
	// changed 3 at 0 (moved: true): {"score":10}
	// added 4 at 2: {"score":8}
	// 3 3 1 4 <nil>
}

package app_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The limits of sizes, in lines and methods.
const (
	mostOfPackage   = 4500
	mostOfFile      = 300
	mostOfFunction  = 50
	mostOfInterface = 5
)

// largerInterfaces lists the interfaces that may have more methods, each with the
// reason why.
var largerInterfaces = map[string]string{
	"relay/adapters/console.Reprojections": "the console offers each of the commands of relay reproject on one page",
	"relay/adapters/postgres.connection":   "it is all that database/sql may ask of a driver's connection",
}

// room is what is counted of a package, its tests aside.
type room struct {
	path          string
	files, lines  int
	arrows, upper int
}

// TestRooms counts the files and lines of every package, and the arrows among its
// files: one leads from file A to file B if A names a definition, method or field
// of B. With -v it prints them.
//
// Files are put in an order in which few arrows lead upward: those that name no
// other file that is left go to the bottom, those that no other names to the top,
// and of a cycle the file that is named most and names least goes to the bottom
// first, and the first by name of several such.
func TestRooms(t *testing.T) {
	t.Parallel()
	fset := token.NewFileSet()
	total := 0
	var rooms []room
	for _, dir := range foldersOf(t) {
		files := parseFolder(t, fset, dir)
		if len(files) == 0 {
			continue
		}
		r := room{path: "relay/" + filepath.ToSlash(strings.TrimPrefix(dir, "../")), files: len(files)}
		for _, f := range files {
			r.lines += fset.File(f.Pos()).LineCount()
			checkSizes(t, fset, r.path, f)
		}
		if r.lines > mostOfPackage {
			t.Errorf("%s has %d lines; %d are the most", r.path, r.lines, mostOfPackage)
		}
		r.arrows, r.upper = countArrows(arrowsOf(fset, files))
		total += r.lines
		rooms = append(rooms, r)
	}
	if len(rooms) < 20 {
		t.Fatalf("%d packages were found", len(rooms))
	}
	slices.SortFunc(rooms, func(a, b room) int { return cmp.Or(b.lines-a.lines, strings.Compare(a.path, b.path)) })
	for _, r := range rooms {
		t.Logf("%-36s %3d files, %3d arrows, %2d upward; %5d lines, %4.1f %%", r.path, r.files, r.arrows, r.upper, r.lines, 100*float64(r.lines)/float64(total))
	}
}

// foldersOf returns the folders of the module that may hold packages.
func foldersOf(t *testing.T) (dirs []string) {
	t.Helper()
	for _, top := range []string{"adapters", "app", "cmd", "domain", "migrations", "projections"} {
		err := filepath.WalkDir("../"+top, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case !d.IsDir():
				return nil
			case d.Name() == "testdata" || d.Name() == "node_modules":
				return filepath.SkipDir
			}
			dirs = append(dirs, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

func parseFolder(t *testing.T, fset *token.FileSet, dir string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// checkSizes checks the sizes of a file, its functions and its interfaces.
func checkSizes(t *testing.T, fset *token.FileSet, path string, f *ast.File) {
	t.Helper()
	name := fset.File(f.Pos()).Name()
	if n := fset.File(f.Pos()).LineCount(); n > mostOfFile {
		t.Errorf("%s has %d lines; %d are the most", name, n, mostOfFile)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if lines := fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1; lines > mostOfFunction {
				t.Errorf("%s: %s has %d lines; %d are the most", name, n.Name.Name, lines, mostOfFunction)
			}
		case *ast.TypeSpec:
			of, ok := n.Type.(*ast.InterfaceType)
			if _, known := largerInterfaces[path+"."+n.Name.Name]; ok && !known && of.Methods.NumFields() > mostOfInterface {
				t.Errorf("%s: interface %s has %d methods; %d are the most", name, n.Name.Name, of.Methods.NumFields(), mostOfInterface)
			}
		}
		return true
	})
}

// arrows holds, by file, the other files that it names something of.
type arrows map[string]map[string]bool

// nothing is an importer of empty packages: only names of the package itself count.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}

func arrowsOf(fset *token.FileSet, files []*ast.File) arrows {
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: nothing{}, Error: func(error) {}} // of what is in other packages nothing is known
	pkg, _ := config.Check("p", fset, files, &info)
	out := arrows{}
	for _, f := range files {
		out[fset.File(f.Pos()).Name()] = map[string]bool{}
	}
	for ident, object := range info.Uses {
		if object.Pkg() != pkg || object.Parent() != nil && object.Parent() != pkg.Scope() || !object.Pos().IsValid() {
			continue // of another package, or within a function
		}
		from, to := fset.File(ident.Pos()).Name(), fset.File(object.Pos()).Name()
		if from != to {
			out[from][to] = true
		}
	}
	return out
}

// countArrows returns how many arrows there are, and how many lead upward.
func countArrows(all arrows) (n, upward int) {
	for _, to := range all {
		n += len(to)
	}
	left := slices.Sorted(maps.Keys(all))
	for len(left) > 0 {
		next, place := left[0], 0
		best := [2]int{-1, 0}
		for i, file := range left {
			names, named := 0, 0
			for _, other := range left {
				names, named = names+count(all[file][other]), named+count(all[other][file])
			}
			rank := [2]int{0, named - names}
			if names == 0 || named == 0 {
				rank[0] = 1 // it is at the bottom, or at the top: no arrow leads upward
			}
			if slices.Compare(rank[:], best[:]) > 0 {
				best, next, place = rank, file, i
			}
		}
		left = slices.Delete(left, place, place+1)
		if best[0] == 1 {
			continue
		}
		for _, other := range left {
			upward += count(all[next][other])
		}
	}
	return n, upward
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

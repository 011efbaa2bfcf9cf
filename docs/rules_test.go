package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const casesFolder = "projections/testdata/rules"

var ruleText = regexp.MustCompile(`(?ms)^### (\d+)\. .*?^Cases: \[([^\]]+)\]\(([^)]+)\)$`)

// TestRulesHaveCases: every rule of rules.md names a folder of cases that has
// its number, and every folder belongs to a rule and holds nothing but cases.
// TestRules of package app runs all of them.
func TestRulesHaveCases(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/rules.md")
	var folders []string
	for i, rule := range ruleText.FindAllStringSubmatch(text, -1) {
		number, folder := rule[1], rule[2]
		if number != fmt.Sprint(i+1) {
			t.Errorf("rule %s stands in the place of rule %d", number, i+1)
		}
		if !strings.HasPrefix(folder, fmt.Sprintf("%02d-", i+1)) || rule[3] != "../"+casesFolder+"/"+folder {
			t.Errorf("rule %s: the cases are in [%s](%s)", number, folder, rule[3])
		}
		folders = append(folders, folder)
	}
	if headings := regexp.MustCompile(`(?m)^### \d+\. `).FindAllString(text, -1); len(headings) != len(folders) {
		t.Errorf("%d rules, of which %d have cases", len(headings), len(folders))
	}
	there, err := os.ReadDir(filepath.Join(root, casesFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range there {
		if !slices.Contains(folders, folder.Name()) {
			t.Errorf("%s/%s belongs to no rule", casesFolder, folder.Name())
		}
		checkCases(t, filepath.Join(casesFolder, folder.Name()))
	}
}

func checkCases(t *testing.T, folder string) {
	t.Helper()
	cases, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil || len(cases) == 0 {
		t.Errorf("%s: %d cases, %v", folder, len(cases), err)
	}
	for _, c := range cases {
		if !strings.HasSuffix(c.Name(), ".json") {
			t.Errorf("%s/%s is no case: cases are files that end in .json", folder, c.Name())
		}
	}
}

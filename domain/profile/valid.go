package profile

import (
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The 183 codes of ISO 639-1.
const languageCodes = "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv " +
	"dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie " +
	"ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv " +
	"mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm " +
	"rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts " +
	"tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"

// Every name of the IANA time zone database, links included, one a line.
//
//go:embed timezones.txt
var timezoneNames string

var (
	languages = setOf(strings.Fields(languageCodes))
	timezones = setOf(strings.Fields(timezoneNames))
)

func setOf(words []string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}

// Valid reports whether value may set the preference.
func (p Preference) Valid(value string) bool {
	switch p {
	case Language:
		return languages[value]
	case Locale:
		return validLocale(value)
	default:
		return timezones[value]
	}
}

// Wants says in words why a value is not valid.
func (p Preference) Wants() string {
	switch p {
	case Language:
		return "not one of the 183 codes of ISO 639-1 (two lower-case letters)"
	case Locale:
		return "not a locale such as en, en_GB or en-GB"
	default:
		return "not an IANA time zone name such as Europe/Berlin"
	}
}

// validLocale: a language, alone or with _ or - and two upper-case letters.
func validLocale(s string) bool {
	if len(s) == 2 {
		return languages[s]
	}
	return len(s) == 5 && languages[s[:2]] && (s[2] == '_' || s[2] == '-') && isUpper(s[3]) && isUpper(s[4])
}

func isUpper(b byte) bool { return 'A' <= b && b <= 'Z' }

// Clean trims surrounding white space off a channel value, and reports whether the
// result is valid for the channel. An empty value is not valid.
func (c Channel) Clean(value string) (string, bool) {
	value = strings.TrimSpace(value)
	n := utf8.RuneCountInString(value)
	switch c {
	case Email:
		return value, 6 <= n && n <= 127 && validEmail(value)
	case SMS, WhatsApp:
		return value, 8 <= n && n <= 32 && validPhone(value)
	default:
		return value, 1 <= n && n <= 4096
	}
}

// Wants says in words why a value is not valid.
func (c Channel) Wants() string {
	switch c {
	case Email:
		return "not an email address of 6 to 127 characters"
	case SMS, WhatsApp:
		return "not a phone number of 8 to 32 characters that starts with + and a country code"
	default:
		return "longer than 4096 characters"
	}
}

// validEmail matches ^\S+@\S+\.\S+$, white space as Unicode has it.
func validEmail(s string) bool {
	if strings.IndexFunc(s, unicode.IsSpace) >= 0 {
		return false
	}
	at := strings.IndexByte(s[min(1, len(s)):], '@') + 1
	if at < 1 {
		return false
	}
	dot := strings.LastIndexByte(s[:max(len(s)-1, 0)], '.')
	return dot >= at+2
}

// validPhone matches ^\+[0-9][0-9 ().-]*$.
func validPhone(s string) bool {
	if len(s) < 2 || s[0] != '+' || !isDigit(s[1]) {
		return false
	}
	for i := 2; i < len(s); i++ {
		if !isDigit(s[i]) && !strings.ContainsRune(" ().-", rune(s[i])) {
			return false
		}
	}
	return true
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

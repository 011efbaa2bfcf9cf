package profile

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPreferenceValid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p     Preference
		value string
		want  bool
	}{
		{Language, "en", true}, {Language, "EN", false}, {Language, "eng", false}, {Language, "", false}, {Language, " en", false}, {Language, "xx", false},
		{Locale, "en", true}, {Locale, "en_GB", true}, {Locale, "en-GB", true}, {Locale, "en_gb", false}, {Locale, "xx_GB", false}, {Locale, "en_GBR", false}, {Locale, "en_", false}, {Locale, "enéé", false},
		{Timezone, "Europe/Berlin", true}, {Timezone, "europe/berlin", false}, {Timezone, "UTC", true}, {Timezone, "Local", false}, {Timezone, "", false}, {Timezone, "America/Argentina/Ushuaia", true},
	} {
		if got := c.p.Valid(c.value); got != c.want {
			t.Errorf("%v %q: %v, want %v", c.p, c.value, got, c.want)
		}
	}
}

var (
	emailPattern = regexp.MustCompile(`^[^\s\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\v]+@[^\s\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\v]+\.[^\s\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\v]+$`)
	phonePattern = regexp.MustCompile(`^\+[0-9][0-9 ().-]*$`)
)

func TestChannelCleanMatchesThePatterns(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.SampledFrom([]rune("a@.é 1\u00a0\n+(")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		raw := text.Draw(t, "value")
		value := strings.TrimSpace(raw)
		n := utf8.RuneCountInString(value)
		if got, ok := Email.Clean(raw); got != value || ok != (n >= 6 && n <= 127 && emailPattern.MatchString(value)) {
			t.Fatalf("email %q: %q %v", raw, got, ok)
		}
		if got, ok := SMS.Clean(raw); got != value || ok != (n >= 8 && n <= 32 && phonePattern.MatchString(value)) {
			t.Fatalf("sms %q: %q %v", raw, got, ok)
		}
	})
}

func TestChannelLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		channel Channel
		value   string
		want    bool
	}{
		{Email, "a@b.cd", true}, {Email, "a@b.c", false}, {Email, strings.Repeat("a", 122) + "@b.cd", true}, {Email, strings.Repeat("a", 123) + "@b.cd", false},
		{SMS, "+1234567", true}, {SMS, "+123456", false}, {WhatsApp, "+1 (555) 010-99.88", true}, {SMS, "01234567", false}, {SMS, "+" + strings.Repeat("1", 31), true}, {SMS, "+" + strings.Repeat("1", 32), false},
		{IOSPushAPNS, "x", true}, {IOSPushAPNS, "  ", false}, {SlackUserID, strings.Repeat("é", 4096), true}, {SlackUserID, strings.Repeat("é", 4097), false},
	} {
		if _, got := c.channel.Clean(c.value); got != c.want {
			t.Errorf("%v %.20q: %v, want %v", c.channel, c.value, got, c.want)
		}
	}
}

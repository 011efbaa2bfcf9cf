package profile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"relay/domain/segment"
)

// AppendProperties appends the traits as one JSON object.
func AppendProperties(dst []byte, traits []Trait) []byte {
	dst = append(dst, '{')
	for i, t := range traits {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, t.Key)
		dst = append(dst, ':')
		dst = append(dst, t.Value...)
	}
	return append(dst, '}')
}

func appendQuoted(dst []byte, s string) []byte {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		return append(append(append(dst, '"'), s...), '"')
	}
	quoted, _ := json.Marshal(s) // a string always marshals
	return append(dst, quoted...)
}

// AppendChannels appends two JSON objects of arrays, channel by channel. values
// holds each channel's values, oldest first and equal times in byte order; seen
// holds, in the same places, the least and the greatest observed-at in
// microseconds since 1970.
func AppendChannels(dst, dstSeen []byte, channels []ChannelValue) (values, seen []byte) {
	ordered := slices.Clone(channels)
	slices.SortFunc(ordered, func(a, b ChannelValue) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.First, b.First), strings.Compare(a.Value, b.Value))
	})
	values, seen = append(dst, '{'), append(dstSeen, '{')
	for i, v := range ordered {
		if i > 0 && ordered[i-1].Channel == v.Channel {
			values, seen = append(values, ','), append(seen, ',')
		} else {
			values, seen = openChannel(values, i, v.Channel), openChannel(seen, i, v.Channel)
		}
		values = appendQuoted(values, v.Value)
		seen = append(seen, '[')
		seen = strconv.AppendInt(seen, int64(v.First), 10)
		seen = append(seen, ',')
		seen = strconv.AppendInt(seen, int64(v.Last), 10)
		seen = append(seen, ']')
	}
	if len(ordered) > 0 {
		values, seen = append(values, ']'), append(seen, ']')
	}
	return append(values, '}'), append(seen, '}')
}

func openChannel(dst []byte, i int, c Channel) []byte {
	if i > 0 {
		dst = append(dst, ']', ',')
	}
	return append(append(append(dst, '"'), c.String()...), '"', ':', '[')
}

// ParseChannels reads what AppendChannels wrote, white space aside.
func ParseChannels(values, seen []byte) ([]ChannelValue, error) {
	var texts map[string][]string
	var times map[string][][2]int64
	if err := json.Unmarshal(values, &texts); err != nil {
		return nil, fmt.Errorf("%w: channels: %w", ErrCorrupt, err)
	}
	if err := json.Unmarshal(seen, &times); err != nil {
		return nil, fmt.Errorf("%w: times of channels: %w", ErrCorrupt, err)
	}
	var out []ChannelValue
	for name, list := range texts {
		c, known := ParseChannel(name)
		if !known || len(list) != len(times[name]) {
			return nil, fmt.Errorf("%w: channel %q", ErrCorrupt, name)
		}
		for i, text := range list {
			first, last := times[name][i][0], times[name][i][1]
			out = append(out, ChannelValue{Channel: c, Value: text, First: segment.Instant(first), Last: segment.Instant(last)})
		}
	}
	return SortChannels(out), nil
}

package profile

import (
	"encoding/binary"
	"slices"

	"relay/domain/eventlog"
)

// AppendTraitStamps appends the stamps of a person's traits; the values are JSON in
// another column. The traits of most people share one stamp, and then only that
// stamp is written.
func AppendTraitStamps(dst []byte, traits []Trait) []byte {
	if len(traits) > 0 && !slices.ContainsFunc(traits, func(t Trait) bool { return t.Stamp != traits[0].Stamp }) {
		return appendStamp(binary.AppendUvarint(dst, 1), traits[0].Stamp)
	}
	order, keys := groupByStamp(traits)
	dst = binary.AppendUvarint(dst, uint64(len(order)))
	for i, stamp := range order {
		dst = appendStamp(dst, stamp)
		if i == 0 {
			continue // the first stamp is that of every key that no other stamp lists
		}
		dst = binary.AppendUvarint(dst, uint64(len(keys[stamp])))
		for _, key := range keys[stamp] {
			dst = appendBytes(dst, key)
		}
	}
	return dst
}

// groupByStamp returns the stamps, the most frequent first and the others as
// they appear, with the keys of each.
func groupByStamp(traits []Trait) (order []eventlog.Stamp, keys map[eventlog.Stamp][]string) {
	keys = make(map[eventlog.Stamp][]string, 2)
	for _, t := range traits {
		if _, known := keys[t.Stamp]; !known {
			order = append(order, t.Stamp)
		}
		keys[t.Stamp] = append(keys[t.Stamp], t.Key)
	}
	most := 0
	for i, stamp := range order {
		if len(keys[stamp]) > len(keys[order[most]]) {
			most = i
		}
	}
	if len(order) > 0 {
		order[0], order[most] = order[most], order[0]
	}
	return order, keys
}

// TraitStamps are the stamps of a person's traits by key.
type TraitStamps struct {
	common eventlog.Stamp
	others map[string]eventlog.Stamp
}

// Of returns the stamp of the trait.
func (s TraitStamps) Of(key string) eventlog.Stamp {
	if stamp, ok := s.others[key]; ok {
		return stamp
	}
	return s.common
}

// DecodeTraitStamps reads what AppendTraitStamps wrote.
func DecodeTraitStamps(data []byte) (TraitStamps, error) {
	r := reader{data: data}
	var s TraitStamps
	for i := range r.count(3) {
		stamp := r.stamp()
		if i == 0 {
			s.common = stamp
			continue
		}
		if s.others == nil {
			s.others = make(map[string]eventlog.Stamp)
		}
		for range r.count(1) {
			s.others[r.string()] = stamp
		}
	}
	return s, r.end()
}

// AppendSettingStamps appends the stamps of the settings; the values have columns of
// their own.
func AppendSettingStamps(dst []byte, settings [PreferenceCount]Setting) []byte {
	for _, s := range settings {
		dst = appendStamp(dst, s.Stamp)
	}
	return dst
}

// DecodeSettingStamps reads what AppendSettingStamps wrote into settings.
func DecodeSettingStamps(data []byte, settings *[PreferenceCount]Setting) error {
	r := reader{data: data}
	for i := range settings {
		settings[i].Stamp = r.stamp()
	}
	return r.end()
}

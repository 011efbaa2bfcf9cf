package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// object is a JSON object.
type object = map[string]any

// sent is a payload of the shop's day.
type sent struct {
	at     time.Time
	source string // name of its key
	body   any
}

// person is a customer of the shop.
type person struct {
	id, name, language, timezone string
}

// mailbox is the part of the person's addresses before the @.
func (p *person) mailbox() string {
	return strings.ReplaceAll(strings.ToLower(strings.Fields(p.name)[0]), "í", "i")
}

// customers sign up in this order, one after the other.
var customers = []person{
	{id: "u_1042", name: "Asha Verma", language: "hi", timezone: "Asia/Kolkata"},
	{id: "97980cfea0067", name: "Peter Gibbons", language: "en", timezone: "America/Chicago"},
	{id: "u_1043", name: "Jonas Weber", language: "de", timezone: "Europe/Berlin"},
	{id: "u_1044", name: "Marie Laurent", language: "fr", timezone: "Europe/Paris"},
	{id: "u_1045", name: "Kenji Watanabe", language: "ja", timezone: "Asia/Tokyo"},
	{id: "u_1046", name: "Lucía Fernández", language: "es", timezone: "Europe/Madrid"},
	{id: "u_1047", name: "Oluwaseun Ade", language: "yo", timezone: "Africa/Lagos"},
	{id: "u_1048", name: "Nora Lind", language: "swedish", timezone: "Europe/Stockholm"},
	{id: "u_1049", name: "Tom Becker", language: "de", timezone: "Europe/Vienna"},
	{id: "u_1050", name: "Wei Chen", language: "zh", timezone: "Asia/Shanghai"},
	{id: "u_1051", name: "Ana Souza", language: "pt", timezone: "America/Sao_Paulo"},
	{id: "u_1052", name: "Milan Novák", language: "cs", timezone: "Europe/Prague"},
	{id: "u_1053", name: "Fatima Zahra", language: "ar", timezone: "Africa/Casablanca"},
	{id: "u_1054", name: "Emma Clarke", language: "en", timezone: "GMT plus one"},
	{id: "u_1055", name: "Rohan Mehta", language: "hi", timezone: "Asia/Kolkata"},
	{id: "u_1056", name: "Sofia Rossi", language: "it", timezone: "Europe/Rome"},
}

var plans = []string{"free", "premium", "Pro Annual"}

var products = []object{
	{"sku": "TEA-012", "name": "Darjeeling, 250 g", "price": 12.5}, {"sku": "POT-003", "name": "Cast-iron pot", "price": 64.0},
	{"sku": "CUP-020", "name": "Two cups", "price": 18.9}, {"sku": "TEA-044", "name": "Sencha, 100 g", "price": 9.75},
}

// day makes the calls of a shop's day, the same each time.
type day struct {
	random *rand.Rand
	people []person
	joined int // how many of them have signed up
	n      int // of the calls made
}

func newDay() *day {
	return &day{random: rand.New(rand.NewPCG(7, 11)), people: customers}
}

// hours returns what is sent from so many hours ago to so many ago, busier at
// times.
func (d *day) hours(now time.Time, from, to int) (all []sent) {
	for h := from; h > to; h-- {
		calls := 40 + int(110*math.Pow(math.Sin(float64(h+10)*math.Pi/24), 2)) + d.random.IntN(25)
		for i := range calls {
			hour := now.Add(-time.Duration(h) * time.Hour)
			at := hour.Add(time.Hour*time.Duration(i)/time.Duration(calls) + time.Duration(d.random.IntN(40))*time.Second)
			all = append(all, d.payload(at))
		}
	}
	return all
}

// payload makes the next payload.
func (d *day) payload(at time.Time) sent {
	if d.n/60 >= d.joined && d.joined < len(d.people) {
		p := &d.people[d.joined]
		d.joined++
		return sent{at, "shop", d.identify(p, at)}
	}
	p := &d.people[d.random.IntN(d.joined)]
	switch d.random.IntN(20) {
	case 0, 1:
		return sent{at, "crm", d.changed(p, at)}
	case 2:
		return sent{at, "crm", d.call("group", at, "userId", p.id, "groupId", "g_17", "traits", object{"name": "Initech", "seats": 40})}
	case 3:
		return sent{at, "shop", d.call("alias", at, "userId", p.id, "previousId", fmt.Sprintf("lead-%04d", d.random.IntN(9999)))}
	case 4, 5:
		return sent{at, "app", d.call("screen", at, "userId", p.id, "name", "Cart")}
	case 6, 7, 8:
		return sent{at, "shop", d.call("page", at, "anonymousId", fmt.Sprintf("anon-%05x", d.random.IntN(1<<20)),
			"name", "Pricing", "properties", object{"path": "/pricing"})}
	case 9, 10:
		return sent{at, "app", object{"batch": []any{d.track(p, at, "Product Viewed"), d.track(p, at, "Product Added")}}}
	case 11:
		if d.random.IntN(6) > 0 {
			break
		}
		return sent{at, "app", d.call("track", at, "userId", p.id, "properties", object{"path": "/checkout"})} // it has no name
	}
	return sent{at, "shop", d.track(p, at, []string{"Product Viewed", "Product Viewed", "Product Added", "Order Completed"}[d.random.IntN(4)])}
}

// call returns a call of a type as JSON. more holds keys and values by turns, in
// the order in which the call has them.
func (d *day) call(kind string, at time.Time, more ...any) json.RawMessage {
	d.n++
	members := append([]any{"type", kind}, more...)
	members = append(members, "timestamp", at.UTC().Format(time.RFC3339), "messageId", fmt.Sprintf("msg-%05d", d.n))
	out := []byte("{")
	for i := 0; i+1 < len(members); i += 2 {
		value, err := json.Marshal(members[i+1])
		if err != nil {
			panic(err) // members are texts, numbers and objects of these
		}
		out = append(fmt.Appendf(out, "%q:", members[i]), append(value, ',')...)
	}
	return append(out[:len(out)-1], '}')
}

func (d *day) identify(p *person, at time.Time) json.RawMessage {
	mail := p.mailbox()
	phone := fmt.Sprintf("+1555%07d", 1_000_000+d.random.IntN(8_999_999))
	if p.id == "u_1044" || p.id == "u_1052" {
		phone = "555-0134" // no country
	}
	return d.call("identify", at, "userId", p.id, "traits", object{
		"name": p.name, "email": mail + "@example.com", "phone": phone, "language": p.language, "tz": p.timezone,
		"plan": plans[d.random.IntN(len(plans))], "slack_email": mail + "@work.example.com", "whatsapp": phone,
		"address": object{"city": strings.ReplaceAll(p.timezone[strings.Index(p.timezone, "/")+1:], "_", " ")},
	})
}

// changed makes the identify call with which the shop's staff changes a customer
// later.
func (d *day) changed(p *person, at time.Time) json.RawMessage {
	traits := object{"plan": plans[d.random.IntN(len(plans))], "orders": d.random.IntN(30)}
	if d.random.IntN(3) == 0 {
		traits["email"] = p.mailbox() + "@new.example.com"
	}
	return d.call("identify", at, "userId", p.id, "traits", traits)
}

func (d *day) track(p *person, at time.Time, event string) json.RawMessage {
	product := products[d.random.IntN(len(products))]
	properties := object{"currency": "EUR", "quantity": 1 + d.random.IntN(3)}
	for key, value := range product {
		properties[key] = value
	}
	if event == "Order Completed" {
		properties = object{
			"orderId": fmt.Sprintf("o-%d", 50_000+d.n), "total": product["price"],
			"currency": "EUR", "coupon": d.random.IntN(4) == 0,
		}
	}
	return d.call("track", at, "userId", p.id, "event", event, "properties", properties)
}

func text(body any) (string, error) {
	data, err := json.Marshal(body)
	return string(data), err
}

package lookupstore

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// scramVerifier is what the server keeps of a password (RFC 5803). Made here, the
// password itself does not reach the server, whose log shows statements.
func scramVerifier(password string) (string, error) {
	const iterations = 4096 // the server's own number
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt[:], iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	stored := sha256.Sum256(hmacOf(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt[:]), encode(stored[:]), encode(hmacOf(salted, "Server Key"))), nil
}

func hmacOf(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// ofOneUser are parameters of a connection string that are not for others.
var ofOneUser = []string{"user", "password", "passfile", "sslcert", "sslkey", "sslpassword"}

// parameter is one of a connection string in the form of key=value.
var parameter = regexp.MustCompile(`(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)`)

// urlAs returns the connection string for another user. The database has to be
// named, since it is called as the user unless it is. Name and password hold
// nothing that would have to be quoted.
func urlAs(given, database, name, password string) (string, error) {
	if !strings.HasPrefix(given, "postgres://") && !strings.HasPrefix(given, "postgresql://") {
		return keyValuesAs(given, database, name, password), nil
	}
	u, err := url.Parse(given)
	if err != nil {
		return "", fmt.Errorf("read the database URL: %w", err)
	}
	values := u.Query()
	for _, key := range append(ofOneUser, "dbname") {
		values.Del(key)
	}
	u.User, u.Path, u.RawQuery = url.UserPassword(name, password), "/"+database, values.Encode()
	return u.String(), nil
}

func keyValuesAs(given, database, name, password string) string {
	var out []string
	for _, match := range parameter.FindAllStringSubmatch(given, -1) {
		if !strings.Contains(" dbname "+strings.Join(ofOneUser, " ")+" ", " "+match[1]+" ") {
			out = append(out, match[1]+"="+match[2])
		}
	}
	quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(database) + "'"
	return strings.Join(append(out, "dbname="+quoted, "user="+name, "password="+password), " ")
}

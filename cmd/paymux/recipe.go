package main

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/paymux/paymux/providers"
	"github.com/paymux/paymux/providers/secret"
)

// recipe is what a person needs to let `paymux serve` take payments at simulators: a configuration, and the commands
// to run with it. It is text to copy; nothing is written anywhere.
type recipe struct {
	config  string // sandbox.yaml
	secrets string // the variables of the environment that it refers to, for a shell
}

// sandboxURL is where `paymux serve` with a recipe is reached; testdata/sandbox.yaml has it too.
const sandboxURL = "http://127.0.0.1:8080"

// exampleSecretKey is for trying paymux out: with it links and webhooks outlive a restart.
const exampleSecretKey = "pmx-example-of-a-secret-key-for-tests"

// sandboxAccount is the name of a simulator's account in a recipe.
func sandboxAccount(provider string) string { return provider + "-sandbox" }

// sandboxFeedback is where the feedback of simulators must go for it.
const sandboxFeedback = sandboxURL + "/feedback/{provider}-sandbox"

// recipeFor is the recipe for simulators whose feedback goes to an address of the program that is to be configured; empty:
// the usual one.
func recipeFor(running []*simulator, feedback string) (recipe, error) {
	at := fmt.Sprintf("public_url: %s\n", sandboxURL)
	if u, err := url.Parse(feedback); err == nil && u.Host != "" && u.Scheme+"://"+u.Host != sandboxURL {
		at = fmt.Sprintf("public_url: %s://%s\nlisten: %s\n", u.Scheme, u.Host, u.Host)
	}
	var accounts, secrets strings.Builder
	var names []string
	for _, s := range running {
		names = append(names, sandboxAccount(s.provider))
		fmt.Fprintf(&accounts, "  %s:\n    provider: %s\n", sandboxAccount(s.provider), s.provider)
		hidden := secretsOf(s.provider)
		for _, key := range slices.Sorted(maps.Keys(s.settings)) {
			switch value := s.settings[key]; {
			case key == "provider":
			case hidden[key]:
				variable := strings.ToUpper(s.provider + "_" + key)
				fmt.Fprintf(&accounts, "    %s: ${env:%s}\n", key, variable)
				fmt.Fprintf(&secrets, " %s='%s'", variable, strings.ReplaceAll(fmt.Sprint(value), "'", `'\''`))
			default:
				var one yaml.Node
				if err := one.Encode(value); err != nil {
					return recipe{}, err
				}
				one.Style = yaml.FlowStyle // a list on its line
				text, err := yaml.Marshal(&one)
				if err != nil {
					return recipe{}, err
				}
				fmt.Fprintf(&accounts, "    %s: %s", key, text)
			}
		}
	}
	return recipe{
		config: fmt.Sprintf("%sdatabase: sqlite:sandbox.db\nmode: test\nsecret_key: ${env:PAYMUX_EXAMPLE_KEY}\nwebhooks: {allow_loopback: true}\nmerchants:\n  main:\n    accounts: [%s]\naccounts:\n%s",
			at, strings.Join(names, ", "), accounts.String()),
		secrets: fmt.Sprintf("export PAYMUX_EXAMPLE_KEY='%s'%s", exampleSecretKey, secrets.String()),
	}, nil
}

// secretsOf are the settings of a provider's account that a configuration only refers to.
func secretsOf(provider string) map[string]bool {
	hidden := map[string]bool{}
	for key, t := range fieldsOf(providers.Settings(provider)) {
		hidden[key] = t == reflect.TypeFor[secret.Secret]()
	}
	return hidden
}

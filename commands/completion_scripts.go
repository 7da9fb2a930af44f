package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// completionScripts writes the scripts for all shells, by file name.
func completionScripts(root *cobra.Command) (map[string]string, error) {
	scripts := make(map[string]string)
	for shell, name := range map[string]string{"bash": "kgo.bash", "zsh": "_kgo", "fish": "kgo.fish", "powershell": "kgo.ps1"} {
		text, err := completionScript(root, shell, true)
		if err != nil {
			return nil, err
		}
		scripts[name] = text
	}
	return scripts, nil
}

// completionScript is cobra's script for a shell, taught to complete the tools under the names of Kafka's scripts too. Those names run
// kgo, never the script itself: who has Apache Kafka's own in the path would otherwise start a JVM by Tab.
func completionScript(root *cobra.Command, shell string, descriptions bool) (string, error) {
	var b strings.Builder
	var err error
	switch shell {
	case "bash":
		err = root.GenBashCompletionV2(&b, descriptions)
	case "zsh":
		err = root.GenZshCompletion(&b)
		if !descriptions {
			b.Reset()
			err = root.GenZshCompletionNoDesc(&b)
		}
	case "fish":
		err = root.GenFishCompletion(&b, descriptions)
	case "powershell":
		err = root.GenPowerShellCompletionWithDesc(&b)
		if !descriptions {
			b.Reset()
			err = root.GenPowerShellCompletion(&b)
		}
	}
	if err != nil {
		return "", fmt.Errorf("completion script for %s: %w", shell, err)
	}
	names := strings.Join(completedNames(root, shell), " ")
	text := b.String()
	for _, e := range completionEdits[shell] {
		if strings.Count(text, e.after) != 1 {
			return "", fmt.Errorf("completion script for %s: there is no %q in what cobra generates", shell, e.after)
		}
		text = strings.Replace(text, e.after, e.after+strings.ReplaceAll(e.insert, "SCRIPTS", names), 1)
	}
	return text, nil
}

// completedNames are the names of the scripts that a shell completes, with their endings and without.
func completedNames(root *cobra.Command, shell string) []string {
	suffixes := []string{"", ".sh"}
	if shell == "powershell" {
		suffixes = []string{"", ".bat", ".sh"}
	}
	names := scriptNames(root, suffixes)
	if shell == "powershell" {
		return []string{"'" + strings.Join(names, "', '") + "'"}
	}
	return slices.Compact(names)
}

// completionEdit is inserted in a script that cobra generates.
type completionEdit struct{ after, insert string }

var completionEdits = map[string][]completionEdit{
	"bash": {
		{after: "    complete -o default -o nospace -F __start_kgo kgo\nfi\n", insert: `
# Without the package bash-completion, the words that bash has cut at = and : are put together here.
__kgo_init_completion()
{
    COMPREPLY=()
    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local i last=-1 word rest=$COMP_LINE
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $last -ge 0 && -n $word && $rest != [[:space:]]* && (${words[last]} == *[=:] || $word == [=:]*) ]]; then
            words[last]+=$word
        else
            last=$((last + 1))
            words[last]=$word
        fi
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$word"}
    done
    cword=$last
    cur=${words[last]}
    prev=
    if [[ $last -gt 0 ]]; then
        prev=${words[last-1]}
    fi
}

# A tool under the name of Kafka's script is kgo's.
__start_kgo_script()
{
    local tool=${COMP_WORDS[0]##*/}
    tool=${tool%.sh}
    local line="kgo ${tool#kafka-}${COMP_LINE#"${COMP_WORDS[0]}"}"
    COMP_POINT=$((COMP_POINT + ${#line} - ${#COMP_LINE}))
    COMP_LINE=$line
    COMP_WORDS=(kgo "${tool#kafka-}" "${COMP_WORDS[@]:1}")
    COMP_CWORD=$((COMP_CWORD + 1))
    __start_kgo
}

if [[ $(type -t compopt) = "builtin" ]]; then
    complete -o default -F __start_kgo_script SCRIPTS
else
    complete -o default -o nospace -F __start_kgo_script SCRIPTS
fi
`},
	},
	"zsh": {
		{after: "#compdef kgo", insert: " SCRIPTS"},
		{after: "\ncompdef _kgo kgo", insert: " SCRIPTS"},
		{after: "    local -a completions\n", insert: `
    # A tool under the name of Kafka's script is kgo's.
    if [[ ${service} == (kafka|connect|zookeeper)-* ]]; then
        words=(kgo ${${service%.sh}#kafka-} "${(@)words[2,-1]}")
        (( CURRENT++ ))
    fi
`},
	},
	"fish": {
		{after: "    set -l args (commandline -opc)\n", insert: `
    # A tool under the name of Kafka's script is kgo's.
    set -l script (string replace -r '^.*/' '' -- $args[1] | string replace -r '\.sh$' '')
    if string match -r -q '^(kafka|connect|zookeeper)-' -- $script
        set args kgo (string replace -r '^kafka-' '' -- $script) $args[2..-1]
    end
`},
		{after: "complete -k -c kgo -n '__kgo_requires_order_preservation && __kgo_prepare_completions' -f -a '$__kgo_comp_results'\n", insert: `
for script in SCRIPTS
    complete -c $script -e
    complete -c $script -n '__kgo_clear_perform_completion_once_result'
    complete -c $script -n 'not __kgo_requires_order_preservation && __kgo_prepare_completions' -f -a '$__kgo_comp_results'
    complete -k -c $script -n '__kgo_requires_order_preservation && __kgo_prepare_completions' -f -a '$__kgo_comp_results'
end
`},
	},
	"powershell": {
		{after: "    $Program,$Arguments = $Command.Split(\" \",2)\n", insert: `
    # A tool under the name of Kafka's script is kgo's.
    $Script = ($Program -split '[\\/]')[-1] -replace '\.(sh|bat|exe)$', ''
    if ($Script -match '^(kafka|connect|zookeeper)-') {
        $Program = 'kgo'
        $Arguments = ($Script -replace '^kafka-', '') + ' ' + $Arguments
    }
`},
		{after: "Register-ArgumentCompleter -CommandName 'kgo'", insert: ", SCRIPTS"},
	},
}

// completeScripts makes the commands below kgo completion print the scripts of completionScript.
func completeScripts(root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		for _, shell := range c.Commands() {
			shell.Run, shell.RunE = nil, func(cmd *cobra.Command, _ []string) error {
				bare, err := cmd.Flags().GetBool("no-descriptions")
				if err != nil {
					return err
				}
				text, err := completionScript(root, cmd.Name(), !bare)
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(cmd.OutOrStdout(), text)
				return err
			}
		}
	}
}

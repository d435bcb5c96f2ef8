# lmsample.bash - bash completion of lmsample, without the bash-completion package.
# A new option belongs here, in lmsample.fish and in _lmsample: tests compare all with --help.
# shellcheck shell=bash

# Sets `options': what a command takes.
_lmsample_options()
{
    local sampling='-t --temperature -k --top-k -p --top-p --min-p --preset -s --seed --step
        -d --device'
    case $1 in
        devices) options='-j --json -n --names -T --test' ;;
        sample)
            options="-l --logits --bfloat16 --draws --params -f --format -o --output --details
                --logprobs --raw-logprobs --edited-logprobs --ranks --raw-ranks --entropy
                --raw-entropy --kept --probs --batch --history --penalties
                --repetition-penalty --frequency-penalty --presence-penalty --penalty-window
                --bias --mask --allowed --banned --bad-words --end-tokens --min-tokens
                --ignore-end --no-repeat-ngram --dry-multiplier --dry-base
                --dry-allowed-length --dry-range --dry-breakers --force --guidance
                --unconditional --target --top-logprobs --logprobs-of $sampling"
            ;;
        tune) options='-d --device -q --quick --seconds -n --dry-run -j --json --show --reset' ;;
    esac
    options+=' -? --help --usage'
}

# Sets `kind': what the value of command:option is, empty where it takes none; and `choices'.
_lmsample_kind()
{
    kind='' choices=''
    case $1 in
        sample:-l | *:--logits | *:--params | *:--logprobs | *:--raw-logprobs | *:--kept | \
            *:--probs | *:-o | *:--output) kind='file' ;;
        sample:--history | sample:--bias | sample:--mask | sample:--allowed | sample:--banned | \
            sample:--bad-words | sample:--end-tokens | sample:--dry-breakers | \
            sample:--unconditional | sample:--target | sample:--edited-logprobs | \
            sample:--ranks | sample:--raw-ranks | sample:--entropy | sample:--raw-entropy)
            kind='file'
            ;;
        *:-d | *:--device) kind='device' ;;
        sample:-f | sample:--format) kind='choice' choices='text json npy' ;;
        sample:--penalties)
            kind='choice' choices='vllm hugging-face llama.cpp tensorrt-llm sglang mlc'
            ;;
        sample:--logprobs-of) kind='choice' choices='raw edited processed' ;;
        *:--preset) kind='choice' choices='vllm hugging-face llama.cpp joint' ;;
        sample:--repetition-penalty | sample:--frequency-penalty | sample:--presence-penalty | \
            sample:--penalty-window | sample:--min-tokens | sample:--no-repeat-ngram | \
            sample:--dry-multiplier | sample:--dry-base | sample:--dry-allowed-length | \
            sample:--dry-range | sample:--force | sample:--guidance | sample:--top-logprobs)
            kind='nothing'
            ;;
        completion:arguments) kind='choice' choices='bash zsh fish' ;;
        *:-[tkps] | *:--temperature | *:--top-k | *:--top-p | *:--min-p | *:--seed | *:--step | \
            *:--draws | *:--batch | *:--seconds) kind='nothing' ;;
    esac
}

# Sets `words': the words up to the cursor. `kept' is what bash keeps of the last one.
_lmsample_words()
{
    local rest=${COMP_LINE:0:COMP_POINT} word i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i == 0)) || [[ $rest == [[:blank:]]* ]]; then
            words+=('')
            rest=${rest#"${rest%%[![:blank:]]*}"}
        fi
        if ((i == COMP_CWORD)); then
            word=$rest
            kept=${words[-1]}
            [[ $word != [:=] ]] || kept+=$word
        fi
        words[-1]+=$word
        rest=${rest#"$word"}
    done
}

# Offers each argument that begins with $current. In quotes bash quotes it itself.
_lmsample_offer()
{
    local quote='' plain=$current answer
    case $plain in
        \"* | \'*) quote=${plain:0:1} plain=${plain:1} ;;
        *) plain=${plain//\\/} ;;
    esac
    for answer; do
        [[ $answer == "$plain"* ]] || continue
        [[ -n $quote ]] || printf -v answer %q "$answer"
        answer=$before$answer
        COMPREPLY+=("${answer:${#kept}}")
    done
}

_lmsample_offer_values()
{
    local names
    case $kind in
        file) compopt -o default 2>/dev/null ;;
        choice) read -ra names <<<"$choices" && _lmsample_offer "${names[@]}" ;;
        device)
            mapfile -t names < <("${words[0]}" devices --names 2>/dev/null)
            _lmsample_offer "${names[@]}"
            ;;
    esac
}

_lmsample()
{
    local words kept options kind choices before='' current previous names
    COMPREPLY=()
    _lmsample_words
    current=${words[-1]}
    if ((${#words[@]} == 2)); then
        read -ra names <<<"devices sample tune completion --help --version"
        _lmsample_offer "${names[@]}"
        return
    fi
    previous=${words[-2]}
    if [[ $current == --*=* ]]; then
        before=${current%%=*}=
        current=${current#*=}
        _lmsample_kind "${words[1]}:${before%=}"
    else
        _lmsample_kind "${words[1]}:$previous"
        if [[ $previous != -* || -z $kind ]]; then
            if [[ $current == -* ]]; then
                _lmsample_options "${words[1]}"
                read -rd "" -a names <<<"$options"
                _lmsample_offer "${names[@]}"
                return
            fi
            _lmsample_kind "${words[1]}:arguments"
        fi
    fi
    _lmsample_offer_values
}

complete -F _lmsample lmsample

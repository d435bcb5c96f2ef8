# lmsample.fish - fish completion of lmsample.
# A new option belongs here, in lmsample.bash and in _lmsample: tests compare all with --help.
function __lmsample_is -d 'The command is one of these'
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

function __lmsample_is_first -d 'There is no command yet'
    test (count (commandline -opc)) -eq 1
end

function __lmsample_devices
    command lmsample devices --names 2>/dev/null
end

complete -c lmsample -f
complete -c lmsample -n __lmsample_is_first -l help -d 'List the commands'
complete -c lmsample -n __lmsample_is_first -l version -d 'Show the version'
complete -c lmsample -n __lmsample_is_first -a devices -d 'List the OpenCL devices, and test them'
complete -c lmsample -n __lmsample_is_first -a sample -d 'Sample a token from every row of a file of logits'
complete -c lmsample -n __lmsample_is_first -a tune -d 'Find the fastest shape of the kernels for a device'
complete -c lmsample -n __lmsample_is_first -a completion -d 'Print a completion script for a shell'

# Of all commands, and of all that sample. -x: has a value, and no file for it; -r: has one.
complete -c lmsample -n '__lmsample_is devices sample tune completion' -s '?' -l help -d 'Explain the command and its options'
complete -c lmsample -n '__lmsample_is devices sample tune completion' -l usage -d 'Show the options in short'
complete -c lmsample -n '__lmsample_is sample tune' -s d -l device -x -a '(__lmsample_devices)' -d 'A part of "platform: device"'
complete -c lmsample -n '__lmsample_is sample' -s t -l temperature -x -d '0: greedy'
complete -c lmsample -n '__lmsample_is sample' -s k -l top-k -x -d 'Keep the K most probable tokens'
complete -c lmsample -n '__lmsample_is sample' -s p -l top-p -x -d 'Keep the most probable tokens that reach P together'
complete -c lmsample -n '__lmsample_is sample' -l min-p -x -d 'Keep the tokens at least P times as probable as the best one'
complete -c lmsample -n '__lmsample_is sample' -l preset -x -a 'vllm hugging-face llama.cpp joint' -d 'Order and rules of the filters'
complete -c lmsample -n '__lmsample_is sample' -s s -l seed -x -d 'Names the random numbers'
complete -c lmsample -n '__lmsample_is sample' -l step -x -d 'Names the first draw of a seed'

complete -c lmsample -n '__lmsample_is devices tune' -s j -l json -d 'Print JSON'
complete -c lmsample -n '__lmsample_is devices' -s n -l names -d 'Print only "platform: device", one a line'
complete -c lmsample -n '__lmsample_is devices' -s T -l test -d 'Sample a few rows whose tokens are known on every device'

complete -c lmsample -n '__lmsample_is sample' -s l -l logits -r -F -d 'A .npy file of rows of logits'
complete -c lmsample -n '__lmsample_is sample' -l bfloat16 -d 'Items of 16 bits are bfloat16'
complete -c lmsample -n '__lmsample_is sample' -l draws -x -d 'Draws of each row'
complete -c lmsample -n '__lmsample_is sample' -l params -r -F -d 'A .json or .csv file of parameters'
complete -c lmsample -n '__lmsample_is sample' -s f -l format -x -a 'text json npy' -d 'What is written'
complete -c lmsample -n '__lmsample_is sample' -s o -l output -r -F -d 'Where to'
complete -c lmsample -n '__lmsample_is sample' -l details -d 'JSON has log-probabilities and what the filters kept, too'
complete -c lmsample -n '__lmsample_is sample' -l logprobs -r -F -d 'Log-probabilities of the tokens'
complete -c lmsample -n '__lmsample_is sample' -l raw-logprobs -r -F -d 'The same before temperature and filters'
complete -c lmsample -n '__lmsample_is sample' -l kept -r -F -d 'How many tokens the filters keep'
complete -c lmsample -n '__lmsample_is sample' -l probs -r -F -d 'The probabilities that are drawn from'
complete -c lmsample -n '__lmsample_is sample' -l edited-logprobs -r -F -d 'The same after edits'
complete -c lmsample -n '__lmsample_is sample' -l ranks -r -F -d 'How many tokens are at least as probable'
complete -c lmsample -n '__lmsample_is sample' -l raw-ranks -r -F -d 'The same before edits'
complete -c lmsample -n '__lmsample_is sample' -l entropy -r -F -d 'Entropy of what is drawn from'
complete -c lmsample -n '__lmsample_is sample' -l raw-entropy -r -F -d 'The same of the logits as they are'
complete -c lmsample -n '__lmsample_is sample' -l history -r -F -d 'The rows\' tokens so far'
complete -c lmsample -n '__lmsample_is sample' -l penalties -x -a 'vllm hugging-face llama.cpp tensorrt-llm sglang mlc' -d 'Whose tokens the penalties count'
complete -c lmsample -n '__lmsample_is sample' -l repetition-penalty -x -d 'Logits of tokens that are there are divided by it'
complete -c lmsample -n '__lmsample_is sample' -l frequency-penalty -x -d 'Subtracted for each time that the token is there'
complete -c lmsample -n '__lmsample_is sample' -l presence-penalty -x -d 'Subtracted if the token is there'
complete -c lmsample -n '__lmsample_is sample' -l penalty-window -x -d 'Only the last N tokens count for the penalties'
complete -c lmsample -n '__lmsample_is sample' -l bias -r -F -d 'Added to logits'
complete -c lmsample -n '__lmsample_is sample' -l mask -r -F -d 'Tokens that may be'
complete -c lmsample -n '__lmsample_is sample' -l allowed -r -F -d 'All other tokens are banned'
complete -c lmsample -n '__lmsample_is sample' -l banned -r -F -d 'Tokens that may not be'
complete -c lmsample -n '__lmsample_is sample' -l bad-words -r -F -d 'Sequences of tokens that may not be'
complete -c lmsample -n '__lmsample_is sample' -l end-tokens -r -F -d 'What ends a text'
complete -c lmsample -n '__lmsample_is sample' -l min-tokens -x -d 'End tokens are banned until N tokens are generated'
complete -c lmsample -n '__lmsample_is sample' -l ignore-end -d 'End tokens are banned'
complete -c lmsample -n '__lmsample_is sample' -l no-repeat-ngram -x -d 'No N tokens twice'
complete -c lmsample -n '__lmsample_is sample' -l dry-multiplier -x -d 'A penalty of what would repeat tokens'
complete -c lmsample -n '__lmsample_is sample' -l dry-base -x -d 'What the penalty grows by with each token'
complete -c lmsample -n '__lmsample_is sample' -l dry-allowed-length -x -d 'So many tokens may be repeated'
complete -c lmsample -n '__lmsample_is sample' -l dry-range -x -d 'Looks at the last N tokens'
complete -c lmsample -n '__lmsample_is sample' -l dry-breakers -r -F -d 'Sequences at which a repetition ends'
complete -c lmsample -n '__lmsample_is sample' -l force -x -d 'The only token that may be'
complete -c lmsample -n '__lmsample_is sample' -l guidance -x -d 'Away from the unconditional logits'
complete -c lmsample -n '__lmsample_is sample' -l unconditional -r -F -d 'Logits to go away from'
complete -c lmsample -n '__lmsample_is sample' -l target -r -F -d 'Results are those of this token'
complete -c lmsample -n '__lmsample_is sample' -l top-logprobs -x -d 'JSON has the N most probable tokens'
complete -c lmsample -n '__lmsample_is sample' -l logprobs-of -x -a 'raw edited processed' -d 'Of which logits'
complete -c lmsample -n '__lmsample_is sample' -l batch -x -d 'Rows in memory at once'

complete -c lmsample -n '__lmsample_is tune' -s q -l quick -d 'Fewer shapes, in about 20 seconds'
complete -c lmsample -n '__lmsample_is tune' -l seconds -x -d 'How long to measure'
complete -c lmsample -n '__lmsample_is tune' -s n -l dry-run -d 'Store nothing'
complete -c lmsample -n '__lmsample_is tune' -l show -d 'Print the shapes in use'
complete -c lmsample -n '__lmsample_is tune' -l reset -d 'Remove what was stored for the device'

complete -c lmsample -n '__lmsample_is completion' -a 'bash zsh fish'

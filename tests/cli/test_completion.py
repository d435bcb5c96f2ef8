"""lmsample completion: each script has every option of --help and no other; what each shell, with
the script read, offers for a line."""

import os
import pathlib
import re
import select
import shutil
import subprocess
import time

import pytest

from conftest import open_terminal

PROGRAM = pathlib.Path(os.environ["LMSAMPLE"])
COMMANDS = ["devices", "sample", "tune", "completion"]
PRESETS = ["vllm", "hugging-face", "llama.cpp", "joint"]
PENALTIES = ["vllm", "hugging-face", "llama.cpp", "tensorrt-llm", "sglang", "mlc"]


def program_output(*arguments):
    return subprocess.run([PROGRAM, *arguments], check=True, capture_output=True, text=True,
                          timeout=60).stdout


def devices():
    """As the program finds them; test_devices.py compares those with clinfo's."""
    return program_output("devices", "--names").splitlines()


class Shell:
    """An interactive shell in a terminal of its own, in which a key inserts all that it offers."""

    def __init__(self, words, folder, set_up, key):
        self.key = key
        self.buffer = b""
        environment = {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "HOME": str(folder),
                       "TERM": "dumb", "INPUTRC": "/dev/null", "LC_ALL": "C.UTF-8"}
        for name in ("OCL_ICD_VENDORS", "LD_LIBRARY_PATH", "LMS_CACHE_DIR"):
            if name in os.environ:
                environment[name] = os.environ[name]
        self.terminal, end = open_terminal()
        self.process = subprocess.Popen(words, stdin=end, stdout=end, stderr=end, cwd=folder,
                                        env=environment, start_new_session=True)
        os.close(end)
        (folder / "set-up").write_text(set_up)
        self.ask(". ./set-up; show ready\n")

    def ask(self, text):
        """Sends text and returns the words of the line in angle brackets that answers."""
        self.buffer = b""
        os.write(self.terminal, text.encode())
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([self.terminal], [], [], 0.5)[0]:
                self.buffer += os.read(self.terminal, 65536)
            done = re.search(rb"[\r\n]@\[(.*)\]@\r?\n", self.buffer, re.S)
            if done:
                return done.group(1).decode().replace("\r", "").split("\x1f")[:-1]
        raise AssertionError(f"no answer: {self.buffer}")

    def complete(self, line, key=None):
        """All words of the line after completion at its end."""
        return self.ask(line + (key or self.key) + "\x01show \x05\n")

    def offers(self, line, begin=0):
        """What the last word of the line becomes."""
        words = self.complete(line)
        return sorted(words[begin:])

    def close(self):
        os.close(self.terminal)
        self.process.kill()
        self.process.wait()


SHOW = "show() { printf '@['; printf '%s\\037' \"$@\"; printf ']@\\n'; }\n"
BASH = SHOW + r"""
PS1='$ '
bind 'set bell-style none'
bind '"\C-xa": insert-completions'
"""
ZSH = SHOW + r"""
PS1='$ '
unsetopt prompt_sp beep
zmodload zsh/zle
bindkey -e
autoload -U compinit
compinit -u -D
zle -C all-matches complete-word _generic
bindkey '^Xa' all-matches
zstyle ':completion:all-matches::::' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert true
"""


class Fish:
    """fish says by itself what it would offer."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "script").write_text(program_output("completion", "fish"))

    def offers(self, line, begin=0):
        del begin  # fish leaves the words before out
        quoted = line.replace("\\", "\\\\").replace("'", "\\'")
        path = f"{PROGRAM.parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"source script; complete -C '{quoted}'"],
            cwd=self.folder, check=True, capture_output=True, text=True, timeout=60,
            env={**os.environ, "PATH": path, "HOME": str(self.folder)})
        assert done.stderr == ""
        return sorted(offer.split("\t")[0] for offer in done.stdout.splitlines())

    def close(self):
        pass


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def shell(request, tmp_path_factory):
    """Each shell that is there, in a folder with a file and a folder."""
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param}")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "logits.npy").write_text("")
    (folder / "with blank.npy").write_text("")
    (folder / "logs").mkdir()
    (folder / "script").write_text(program_output("completion", request.param))
    if request.param == "bash":
        made = Shell(["bash", "--norc", "--noprofile", "-i"], folder, BASH + ". ./script\n",
                     "\x18a")
    elif request.param == "zsh":
        made = Shell(["zsh", "-f", "-i"], folder, ZSH + ". ./script\n", "\x18a")
    else:
        made = Fish(folder)
    made.name = request.param
    yield made
    made.close()


def test_commands(shell):
    offered = shell.offers("lmsample ", 1)
    assert [word for word in offered if not word.startswith("-")] == sorted(COMMANDS)
    assert shell.offers("lmsample sam", 1) == ["sample"]


# --- What the scripts have, against --help -----------------------------------------------------


def help_options(command):
    """Each option that --help shows, short or long: its placeholder, "" if it takes no value."""
    options = {}
    for short, long, value in re.findall(r"^ +(?:-(.), )?--([a-z0-9-]+)(?:=(\S+))?",
                                         program_output(command, "--help"), re.M):
        options[f"--{long}"] = value
        if short:
            options[f"-{short}"] = value
    return options


def choices_of(options):
    """The words among which a value is chosen."""
    choices = {name: value.split("|") for name, value in options.items() if "|" in value}
    named = {"--preset": PRESETS, "--penalties": PENALTIES}
    return {**choices, **{name: words for name, words in named.items() if name in options}}


def bash_options(script, command):
    """What bash's functions know of a command: kind and choices of each option's value."""
    show = f"""set -f; _lmsample_options {command}
        for option in $options; do
            _lmsample_kind "{command}:$option"; echo "$option|$kind|$choices"
        done"""
    done = subprocess.run(["bash", "-c", f"complete() {{ :; }}; {script}\n{show}"], check=True,
                          capture_output=True, text=True, timeout=60)
    rows = [line.split("|") for line in done.stdout.splitlines()]
    return {name: (kind != "", words.split()) for name, kind, words in rows}


def zsh_options(script, command):
    """The specifications behind a command, with those of the arrays that it names."""
    def specifications(text):
        return re.findall(r"^ *(?:device=\()?['\"](?:[^'{]*'(?=\{))?\*?(\{[^}]*\}|-[^[]*)['\"]?"
                          r"\[[^]]*\](.*)$", text, re.M)
    arrays = dict(re.findall(r"^    (every|device|sampling)=\((.*?)\)$", script, re.M | re.S))
    section = re.search(rf"^        {command}\)(.*?);;", script, re.M | re.S).group(1)
    texts = [section]
    for name in re.findall(r"\$(\w+)", section):
        texts += [arrays[other] for other in re.findall(r"\$(\w+)", arrays[name]) + [name]]
    options = {}
    for names, action in (found for text in texts for found in specifications(text)):
        for name in names.strip("{}").replace("\\", "").split(","):
            words = re.search(r":\(([^)]*)\)", action)
            options[name.rstrip("=+")] = (name[-1] in "=+", words.group(1).split() if words else [])
    return options


def fish_options(script, command):
    options = {}
    for commands, rest in re.findall(r"^complete -c lmsample -n '__lmsample_is ([a-z ]*)' (.*)$",
                                     script, re.M):
        names = re.findall(r"-[sl] '?([^ ']+)", rest.split(" -d ")[0])
        words = re.search(r"-a '([^(']*)'", rest)
        if command in commands.split():
            for name in names:
                options[f"-{name}" if len(name) == 1 else f"--{name}"] = (
                    re.search(" -[rx] ", rest) is not None, words.group(1).split() if words else [])
    return options


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("shell_name, options_of", [
    ("bash", bash_options), ("zsh", zsh_options), ("fish", fish_options)])
def test_scripts_have_the_options_of_help(shell_name, options_of, command):
    """Needs no shell but bash: a new option that is missing in one of them is found anywhere."""
    expected = help_options(command)
    found = options_of(program_output("completion", shell_name), command)
    assert {name: takes for name, (takes, _) in found.items()} == {
        name: value != "" for name, value in expected.items()}
    assert {name: words for name, (_, words) in found.items() if words} == choices_of(expected)


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_scripts_have_the_commands(shell_name):
    commands = re.findall(r"^  ([a-z]+) ", program_output("--help"), re.M)
    commands.remove("help")  # an option does the same
    assert commands == COMMANDS
    script = program_output("completion", shell_name)
    assert all(re.search(rf"\b{command}\b", script) for command in commands)


# --- What the shells offer ---------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_options_are_those_of_help(shell, command):
    offered = shell.offers(f"lmsample {command} --", 2)
    assert [word.rstrip("=") for word in offered] == sorted(
        name for name in help_options(command) if name.startswith("--"))


def test_options_by_their_begin(shell):
    offered = [word.rstrip("=") for word in shell.offers("lmsample sample --top", 2)]
    assert offered == ["--top-k", "--top-logprobs", "--top-p"]
    offered = [word.rstrip("=") for word in shell.offers("lmsample sample -k 3 --min-p", 4)]
    assert offered == ["--min-p"]


def test_choices(shell):
    assert shell.offers("lmsample sample --preset ", 3) == sorted(PRESETS)
    assert shell.offers("lmsample sample --preset hug", 3) == ["hugging-face"]
    assert shell.offers("lmsample sample --logprobs-of ", 3) == ["edited", "processed", "raw"]
    assert shell.offers("lmsample sample --penalties hug", 3) == ["hugging-face"]
    assert shell.offers("lmsample completion ", 2) == ["bash", "fish", "zsh"]


def test_choices_after_an_equals_sign(shell):
    assert shell.offers("lmsample sample --preset=hug", 2) == ["--preset=hugging-face"]
    offered = shell.offers("lmsample sample --preset=", 2)
    assert sorted(word.replace("--preset=", "") for word in offered) == sorted(PRESETS)


def test_devices(shell):
    assert shell.offers("lmsample sample --device ", 3) == sorted(devices())
    assert shell.offers("lmsample sample -d ", 3) == sorted(devices())


def test_devices_by_their_begin(shell):
    name = devices()[0]
    assert shell.offers(f"lmsample sample --device {name[:4]}", 3) == [
        other for other in sorted(devices()) if other.startswith(name[:4])]


@pytest.mark.parametrize("more", [0, 1, 2, 4])
def test_devices_with_a_colon(shell, more):
    """bash begins a new word at a colon."""
    name = devices()[0]
    begin = name[:name.index(":") + more]
    line = "lmsample sample --device " + begin.replace(" ", "\\ ")
    assert shell.offers(line, 3) == [name]


def test_devices_in_quotes(shell):
    """By the usual key, which ends the quotes too."""
    name = devices()[0]
    begin = name[:name.index(":") + 4]
    if shell.name == "fish":
        assert shell.offers(f"lmsample sample --device '{begin}") == [name]
    else:
        for quote in "'\"":
            assert shell.complete(f"lmsample sample --device {quote}{begin}", "\t")[3:] == [name]


def test_numbers_have_no_offers(shell):
    if shell.name == "fish":
        assert shell.offers("lmsample sample --top-k ") == []
    else:
        assert shell.complete("lmsample sample --top-k ") == ["lmsample", "sample", "--top-k"]


def test_files_and_folders(shell):
    def names(offered):
        return [word.rstrip("/") for word in offered]
    assert names(shell.offers("lmsample sample --logits lo", 3)) == ["logits.npy", "logs"]
    assert shell.offers("lmsample sample --logits with", 3) in (["with blank.npy"],
                                                               ["with\\ blank.npy"])


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_script_is_valid(shell_name, tmp_path):
    if shutil.which(shell_name) is None:
        pytest.skip(f"there is no {shell_name}")
    script = tmp_path / "script"
    script.write_text(program_output("completion", shell_name))
    subprocess.run([shell_name, "-n", script], check=True, timeout=60)


def test_zsh_script_as_a_function(tmp_path):
    """As _lmsample in a folder of $fpath, where compinit finds it."""
    if shutil.which("zsh") is None:
        pytest.skip("there is no zsh")
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "_lmsample").write_text(program_output("completion", "zsh"))
    shell = Shell(["zsh", "-f", "-i"], tmp_path, "fpath=($PWD/functions $fpath)\n" + ZSH,
                  "\x18a")
    try:
        assert shell.offers("lmsample comp", 1) == ["completion"]
        assert shell.offers("lmsample completion z", 2) == ["zsh"]
    finally:
        shell.close()


def test_wrong_shells(fails):
    fails(2, ["bash, zsh or fish"], "completion")
    fails(2, ["ksh", "bash, zsh or fish"], "completion", "ksh")
    fails(2, ["one shell", "zsh"], "completion", "bash", "zsh")


def test_output_that_fails(fails):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "completion", "bash"], stdout=full, timeout=60,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1 and "No space left" in done.stderr

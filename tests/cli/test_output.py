"""Files that lmsample writes: there whole or not at all, with the right name and mode."""

import io
import os
import pathlib
import resource
import signal
import stat
import subprocess
import threading
import time

import numpy as np
import pytest

PROGRAM = os.environ["LMSAMPLE"]
ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = 6


def logits(rows=ROWS, vocab=50):
    file = io.BytesIO()
    np.save(file, np.eye(rows, vocab, 3, dtype="f4"))
    return file.getvalue()


TOKENS = "".join(f"{row + 3}\n" for row in range(ROWS))


@pytest.fixture
def write(lmsample):
    """write("file"): six known tokens, a line each."""
    def run(path, *more, **keywords):
        return lmsample("sample", "--logits", "-", "-t", 0, "-o", path, *more, input=logits(),
                        **keywords)
    return run


@pytest.fixture(autouse=True)
def no_rest(tmp_path):
    """No test leaves a temporary file."""
    yield
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".lmsample")]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


#: Names of one file, d/a, from the folder that test_files_are_compared_not_their_names makes.
SAME = ["d/a", "./d/a", "d//a", "d/../d/a", "link/a", "d/to-a", "d/to-to-a"]


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("other", SAME)
def test_files_are_compared_not_their_names(fails, tmp_path, other, is_there):
    """A second result must not take the place of the first one."""
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("d")
    (tmp_path / "d/to-a").symlink_to("a")
    (tmp_path / "d/to-to-a").symlink_to(tmp_path / "link/to-a")
    if is_there:
        (tmp_path / "d/a").write_text("old")
    (tmp_path / "x.npy").write_bytes(logits())
    words = ["sample", "-l", "x.npy", "-t", 0]
    for one, two in (("d/a", other), (other, str(tmp_path / "d/a"))):
        fails(2, ["--logprobs", two, "--output"], *words, "-o", one, "--logprobs", two)
        fails(2, ["--kept", two, "--probs"], *words, "--probs", two, "--kept", one)
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == sorted(
        ["to-a", "to-to-a"] + ["a"] * is_there)
    assert not is_there or (tmp_path / "d/a").read_text() == "old"


def test_what_is_read_is_not_written(fails, tmp_path):
    (tmp_path / "x.npy").write_bytes(logits())
    (tmp_path / "p.json").write_text("{}")
    os.link(tmp_path / "x.npy", tmp_path / "hard")
    (tmp_path / "soft").symlink_to("x.npy")
    for name in ("x.npy", "hard", "soft", f"../{tmp_path.name}/x.npy"):
        fails(2, ["--output", name, "--logits"], "sample", "-l", "x.npy", "-t", 0, "-o", name)
    fails(2, ["--output", "p.json", "--params"], "sample", "-l", "x.npy", "--params", "p.json",
          "-o", "./p.json")
    assert (tmp_path / "x.npy").read_bytes() == logits()
    # By redirection, too.
    with open(tmp_path / "x.npy", "rb") as file:
        done = subprocess.run([PROGRAM, "sample", "-l", "-", "-t", "0", "-o", "x.npy"], stdin=file,
                              cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--output: is \"x.npy\", the file of --logits" in done.stderr
    with open(tmp_path / "out", "wb") as file:
        done = subprocess.run([PROGRAM, "sample", "-l", "x.npy", "-t", "0", "--kept", "out"],
                              stdout=file, stderr=subprocess.PIPE, cwd=tmp_path, text=True,
                              check=False)
    assert done.returncode == 2 and "--kept: is \"out\", the file of --output" in done.stderr


def test_files_that_may_be_the_same(lmsample, tmp_path):
    (tmp_path / "x.npy").write_bytes(logits())
    (tmp_path / "d").mkdir()
    words = ["sample", "-l", "x.npy", "-t", 0]
    lmsample(*words, "-o", "/dev/null", "--kept", "/dev/null", "--logprobs", "/dev/null")
    lmsample(*words, "-o", "a", "--kept", "d/a", "--logprobs", "d/b")
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == ["a", "b"]


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o000])
def test_new_file_has_the_mode_of_the_umask(write, tmp_path, mask):
    write("new", umask=mask)
    assert (tmp_path / "new").read_text() == TOKENS
    assert mode(tmp_path / "new") == 0o666 & ~mask


def test_old_file_is_replaced_and_keeps_its_mode(write, tmp_path):
    old = tmp_path / "old"
    old.write_text("x" * 10000)
    old.chmod(0o640)
    before = old.stat().st_ino
    with open(old) as reader:
        write("old")
        assert reader.read() == "x" * 10000  # who reads the old one goes on to
    assert old.read_text() == TOKENS
    assert mode(old) == 0o640
    assert old.stat().st_ino != before


def test_read_only_file_stays(fails, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    (tmp_path / "old").write_text("old")
    (tmp_path / "old").chmod(0o444)
    fails(5, ["old", "Permission denied"], "sample", "--logits", "-", "-o", "old",
          input=logits())
    assert (tmp_path / "old").read_text() == "old"


def test_links_are_followed(write, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("old")
    (tmp_path / "one").symlink_to("folder/two")
    (tmp_path / "folder" / "two").symlink_to("file")
    write("one")
    assert (tmp_path / "one").is_symlink() and (tmp_path / "folder" / "two").is_symlink()
    assert (tmp_path / "folder" / "file").read_text() == TOKENS
    (tmp_path / "folder" / "file").unlink()
    write("one")
    assert (tmp_path / "one").is_symlink()
    assert (tmp_path / "folder" / "file").read_text() == TOKENS


def test_link_circle(fails, tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    fails(5, ["one", "symbolic links"], "sample", "--logits", "-", "-o", "one", input=logits())


@pytest.mark.parametrize("path, part", [
    ("", "empty"), ("folder", "is a folder"), ("folder/", "is a folder"), ("new/", "is a folder"),
    ("no/file", "No such file"), ("file/x", "Not a directory"), ("a" * 300, "too long")])
def test_bad_places(fails, tmp_path, path, part):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    fails(5, part, "sample", "--logits", "-", "-o", path, input=logits())


def test_devices_are_written_directly(write):
    assert write("/dev/null").out == ""
    assert write("/dev/stdout").out == TOKENS
    assert write("-").out == TOKENS
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_dev_stdout_of_a_file(tmp_path):
    """It is written, not replaced, and at its end."""
    with open(tmp_path / "log", "w") as log:
        log.write("before\n")
        log.flush()
        subprocess.run([PROGRAM, "sample", "--logits", "-", "-t", "0", "-o", "/dev/stdout"],
                       input=logits(), stdout=log, check=True, timeout=60)
    assert (tmp_path / "log").read_text() == "before\n" + TOKENS


def test_named_pipe(write, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_text()))
    reader.start()
    write("pipe")
    reader.join(60)
    assert found == [TOKENS]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_full_device(fails):
    fails(5, ["/dev/full: cannot write: No space left"], "sample", "--logits", "-", "-o",
          "/dev/full", input=logits())
    fails(5, ["/dev/full: cannot write: No space left"], "sample", "--logits", "-", "--probs",
          "/dev/full", "-o", "tokens", input=logits())


def run_to(stdout, *arguments, **more):
    return subprocess.run([PROGRAM, "sample", "--logits", "-", *arguments], input=logits(),
                          stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False, **more)


def test_full_standard_output():
    with open("/dev/full", "wb") as full:
        done = run_to(full)
    assert done.returncode == 5
    assert done.stderr == (b"lmsample sample: standard output: cannot write: No space left on "
                           b"device\n")


def test_reader_that_goes_away():
    reader, writer = os.pipe()
    os.close(reader)
    done = run_to(writer)
    os.close(writer)
    assert done.returncode == 5
    assert done.stderr == b"lmsample sample: standard output: cannot write: Broken pipe\n"


def test_closed_standard_output():
    done = subprocess.run(["sh", "-c", '"$0" sample --logits - >&-', PROGRAM], input=logits(),
                          stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 5
    assert done.stderr == (b"lmsample sample: standard output: cannot write: Bad file "
                           b"descriptor\n")


def test_pipe_that_does_not_wait():
    """A writer must wait by itself where the other end has set O_NONBLOCK."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    data = logits(20000, 50)
    with subprocess.Popen([PROGRAM, "sample", "--logits", "-", "-t", "0", "-f", "json"],
                          stdin=subprocess.PIPE, stdout=writer) as process:
        os.close(writer)
        feeder = threading.Thread(target=lambda: (process.stdin.write(data),
                                                  process.stdin.close()))
        feeder.start()
        time.sleep(1.5)  # the pipe is full by then
        got = b""
        while part := os.read(reader, 1 << 16):
            got += part
        feeder.join()
    os.close(reader)
    assert process.returncode == 0
    assert len(got) > 1 << 17 and got.rstrip().endswith(b"]")


def test_failure_leaves_the_old_file(fails, tmp_path):
    (tmp_path / "old").write_text("old")
    data = logits()
    fails(3, "ends in row", "sample", "--logits", "-", "-o", "old", "--probs", "p.npy",
          input=data[:-5])
    assert (tmp_path / "old").read_text() == "old"


def test_second_output_that_fails(fails):
    """All of a run's files or none, as far as can be known before."""
    fails(5, "no/p.npy", "sample", "--logits", "-", "-o", "tokens", "--probs", "no/p.npy",
          input=logits())


def test_file_that_grows_too_large(tmp_path):
    def limit():  # with room for what the device's compiler writes
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    done = subprocess.run(
        [PROGRAM, "sample", "--logits", "-", "--probs", "p.npy", "-o", "tokens"],
        input=logits(4000, 500), stderr=subprocess.PIPE, cwd=tmp_path, preexec_fn=limit,
        timeout=60, check=False)
    assert done.returncode == 5
    assert b"p.npy: cannot write: File too large" in done.stderr
    assert not list(tmp_path.glob("p.npy"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_remove_what_is_half_written(tmp_path, number):
    (tmp_path / "old").write_text("old")
    with subprocess.Popen([PROGRAM, "sample", "--logits", "-", "-o", "old", "--probs", "p.npy",
                           "--batch", "1"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                          cwd=tmp_path) as process:
        process.stdin.write(logits()[:-50 * 4])
        process.stdin.flush()
        end = time.monotonic() + 60
        while len(list(tmp_path.glob(".lmsample-*"))) < 2:
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == -number
    assert error == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_nohup(tmp_path):
    """A signal that is ignored stays so, also while kernels are compiled: the runtime's compiler
    brings a handler, which would take its files away."""
    environment = {**os.environ, "POCL_CACHE_DIR": str(tmp_path / "kernels")}

    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    data = logits()
    with subprocess.Popen([PROGRAM, "sample", "--logits", "-", "-t", "0", "-o", "tokens"],
                          stdin=subprocess.PIPE, cwd=tmp_path, preexec_fn=ignore,
                          env=environment) as process:
        process.stdin.write(data[:-5])
        process.stdin.flush()
        end = time.monotonic() + 60
        while not list(tmp_path.glob(".lmsample-*")):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.02)
        for _ in range(60):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        process.stdin.write(data[-5:])
        process.stdin.close()
        assert process.wait(60) == 0
    assert (tmp_path / "tokens").read_text() == TOKENS


def test_signals_at_any_time(tmp_path):
    """Killed a little later each time: the file is there whole, or nothing is."""
    data = logits(3000, 200)
    whole = None
    for delay in range(40):
        with subprocess.Popen([PROGRAM, "sample", "--logits", "-", "-t", "0", "-o", "tokens"],
                              stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              cwd=tmp_path) as process:
            feeder = threading.Thread(target=feed, args=(process.stdin, data))
            feeder.start()
            time.sleep(0.005 * delay)
            process.terminate()
            process.wait(60)
            feeder.join()
        files = list(tmp_path.iterdir())
        if files:
            assert files == [tmp_path / "tokens"]
            whole = files[0].read_bytes()
            assert whole.count(b"\n") == 3000
            files[0].unlink()


def feed(pipe, data):
    try:
        pipe.write(data)
        pipe.close()
    except BrokenPipeError:
        pass


def test_folder_that_cannot_be_written(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder = pathlib.Path(tmp_path / "folder")
    folder.mkdir(0o555)
    done = run_to(subprocess.PIPE, "-o", str(folder / "file"))
    assert done.returncode == 5 and b"Permission denied" in done.stderr

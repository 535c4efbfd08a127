"""Keys live apart from data, and a destroyed key is gone: rules K2, K3, K4, K7 and S3, promise 7."""

from __future__ import annotations

import fcntl
import os
import random
import sqlite3
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage import keys
from storage.keys import BadKeys, KeyGone, KeyStore, Tampered

SECRET = "5a" * 32
EVERYONE_SAYS = ["سلام، حالتان چطور است؟", "👩‍👩‍👧 ok", ""]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def store(directory: Path) -> Iterator[KeyStore]:
    with closing(KeyStore.open(directory)) as store:
        yield store


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyStore]:
    """One store for the many examples of a property."""
    with closing(KeyStore.open(tmp_path_factory.mktemp("lasting") / "keys")) as store:
        yield store


many_examples = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
text = st.text(st.characters())


# ── The first run and the runs after it ──────────────────────────────────────────────────────────────────────────────


def test_the_first_run_makes_a_store_and_says_so_and_later_runs_open_it(directory: Path) -> None:
    with closing(KeyStore.open(directory)) as store:
        assert store.created
        person = store.new_person()
        blob = store.seal(person, "address", "r1", b"+93 70 123 4567")
        found = store.lookup("sms", "main", "+93701234567")
    with closing(KeyStore.open(directory)) as store:
        assert not store.created
        assert store.unseal("address", "r1", blob) == b"+93 70 123 4567"
        assert store.lookup("sms", "main", "+93701234567") == found


def test_only_the_owner_can_open_the_directory_and_its_files_whatever_the_umask(directory: Path) -> None:
    before = os.umask(0)
    try:
        with closing(KeyStore.open(directory)) as store:
            store.new_person()
            modes = {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()}
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert modes == dict.fromkeys(["secret.key", "people.db", "people.db-wal", "people.db-shm"], 0o600)


def test_a_secret_given_as_a_setting_takes_the_place_of_the_file(directory: Path) -> None:
    with closing(KeyStore.open(directory, secret=SECRET)) as store:
        assert store.created
        blob = store.seal(store.new_person(), "address", "r1", b"a")
    assert not (directory / "secret.key").exists()
    with closing(KeyStore.open(directory, secret=f" {SECRET}\n")) as store:
        assert not store.created
        assert store.unseal("address", "r1", blob) == b"a"


def test_the_secret_of_the_file_may_move_into_the_setting(store: KeyStore, directory: Path) -> None:
    blob = store.seal(store.new_person(), "address", "r1", b"a")
    secret = (directory / "secret.key").read_text()
    with closing(KeyStore.open(directory, secret=secret)) as again:
        assert again.unseal("address", "r1", blob) == b"a"


def test_a_first_run_that_was_killed_half_way_is_begun_again(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    (directory / "secret.key.new").write_text("5a5a")
    with closing(KeyStore.open(directory)) as store:
        assert store.created
    # Killed between the store and the lasting name of its secret.
    (directory / "secret.key").rename(directory / "secret.key.new")
    with closing(KeyStore.open(directory)) as store:
        assert store.seal(store.new_person(), "address", "r1", b"a")
    assert {file.name for file in directory.iterdir()} == {"secret.key", "people.db"}


def _loose(directory: Path) -> None:
    directory.chmod(0o750)


def _loose_secret(directory: Path) -> None:
    (directory / "secret.key").chmod(0o644)


def _short_secret(directory: Path) -> None:
    file = directory / "secret.key"
    file.write_text(file.read_text()[:40])


def _no_hex(directory: Path) -> None:
    (directory / "secret.key").write_bytes(b"\xff" * 64)


def _other_secret(directory: Path) -> None:
    (directory / "secret.key").write_text(SECRET)


def _no_secret(directory: Path) -> None:
    (directory / "secret.key").unlink()


def _no_people(directory: Path) -> None:
    (directory / "people.db").unlink()


def _empty_people(directory: Path) -> None:
    (directory / "people.db").write_bytes(b"")


def _torn_people(directory: Path) -> None:
    (directory / "people.db").write_bytes(b"not a database at all, but long enough to look like one" * 100)


@pytest.mark.parametrize(
    ("harm", "advice"),
    [
        pytest.param(_loose, "chmod 700", id="others can read the directory"),
        pytest.param(_loose_secret, "chmod 600", id="others can read the secret"),
        pytest.param(_short_secret, "Put back your copy", id="the secret is cut short"),
        pytest.param(_no_hex, "Put back your copy", id="the secret is not hex"),
        pytest.param(_other_secret, "made with another secret", id="the secret is another store's"),
        pytest.param(_no_secret, "is missing", id="the secret is lost"),
        pytest.param(_no_people, "latest snapshot", id="the keys are lost"),
        pytest.param(_empty_people, "latest snapshot", id="the keys are empty"),
        pytest.param(_torn_people, "latest snapshot", id="the keys are torn"),
    ],
)
def test_a_store_that_lost_something_is_refused_and_left_as_it_is(
    directory: Path, harm: Callable[[Path], None], advice: str
) -> None:
    KeyStore.open(directory).close()
    harm(directory)
    before = {file.name: file.read_bytes() for file in directory.iterdir()}
    with pytest.raises(BadKeys, match=advice) as refused:
        KeyStore.open(directory)
    assert str(directory) in str(refused.value)
    assert SECRET not in str(refused.value)
    after = {file.name: file.read_bytes() for file in directory.iterdir() if not file.name.endswith(("-wal", "-shm"))}
    assert after == before


@pytest.mark.parametrize(
    ("place", "apart"),
    [
        pytest.param("var/keys", False, id="in var"),
        pytest.param("srv/serai/var/deep/keys", False, id="deep in var"),
        pytest.param("link/keys", False, id="in var by a link"),
        pytest.param("various/keys", True, id="beside it"),
    ],
)
def test_keys_are_never_kept_with_the_data(tmp_path: Path, place: str, apart: bool) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "var")
    if apart:
        KeyStore.open(tmp_path / place).close()
    else:
        with pytest.raises(BadKeys, match="must not lie with the data"):
            KeyStore.open(tmp_path / place)
        assert not (tmp_path / place).exists()


@pytest.mark.parametrize(
    ("place", "apart"),
    [("/var/lib/serai/keys", True), ("/var/lib/serai/var/keys", False), ("/private/var/x/keys", True)],
)
def test_the_var_of_the_system_is_not_the_var_of_a_hub(place: str, apart: bool) -> None:
    if apart:
        keys._must_lie_apart(Path(place))
    else:
        with pytest.raises(BadKeys):
            keys._must_lie_apart(Path(place))


@pytest.mark.parametrize("secret", ["changeme", "5a" * 15, " " * 40])
def test_a_short_secret_is_refused_with_the_command_that_makes_one(directory: Path, secret: str) -> None:
    with pytest.raises(BadKeys, match="openssl rand -hex 32"):
        KeyStore.open(directory, secret=secret)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").touch(mode=0o600)
    with pytest.raises(BadKeys, match="not a directory"):
        KeyStore.open(tmp_path / "keys")


def test_nothing_secret_shows_in_its_repr_or_in_errors(store: KeyStore, directory: Path) -> None:
    root = (directory / "secret.key").read_text().strip()
    blob = store.seal(store.new_person(), "address", "r1", b"+93701234567")
    with pytest.raises(Tampered) as error:
        store.unseal("address", "r2", blob)
    for shown in (repr(store), str(store), repr(error.value)):
        assert root not in shown
        assert "93701234567" not in shown


# ── Sealing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(words=st.binary(), purpose=text, record=text)
@example(words=EVERYONE_SAYS[0].encode(), purpose="said", record="r1")
@example(words=EVERYONE_SAYS[1].encode(), purpose="said", record="r1")
@many_examples
def test_what_is_sealed_opens_again(lasting: KeyStore, words: bytes, purpose: str, record: str) -> None:
    person = lasting.new_person()
    assert lasting.unseal(purpose, record, lasting.seal(person, purpose, record, words)) == words


@given(words=st.binary(), sealed=st.tuples(text, text), opened=st.tuples(text, text))
@example(words=b"", sealed=("a", "bc"), opened=("ab", "c"))
@example(words=b"", sealed=("a", ""), opened=("", "a"))
@many_examples
def test_it_never_opens_for_another_purpose_or_record(
    lasting: KeyStore, words: bytes, sealed: tuple[str, str], opened: tuple[str, str]
) -> None:
    blob = lasting.seal(lasting.new_person("aa" * 16), *sealed, words)
    if sealed == opened:
        assert lasting.unseal(*opened, blob) == words
    else:
        with pytest.raises(Tampered):
            lasting.unseal(*opened, blob)


@given(words=st.binary(max_size=64), data=st.data())
@many_examples
def test_it_never_opens_with_a_byte_changed_cut_or_added(lasting: KeyStore, words: bytes, data: st.DataObject) -> None:
    blob = lasting.seal(lasting.new_person("aa" * 16), "said", "r1", words)
    at = data.draw(st.integers(0, len(blob) - 1))
    changed = bytearray(blob)
    changed[at] ^= data.draw(st.integers(1, 255))
    for tampered in (bytes(changed), blob[:at], blob[:at] + blob[at + 1 :], blob + b"\0"):
        with pytest.raises((Tampered, KeyGone)):
            lasting.unseal("said", "r1", tampered)


def test_it_never_opens_with_the_key_of_somebody_else(store: KeyStore) -> None:
    one, other = store.new_person(), store.new_person()
    blob = store.seal(one, "said", "r1", b"words")
    with pytest.raises(Tampered):
        store.unseal("said", "r1", blob.replace(bytes.fromhex(one), bytes.fromhex(other)))


def test_the_same_words_never_seal_to_the_same_bytes(store: KeyStore) -> None:
    person = store.new_person()
    assert len({store.seal(person, "said", "r1", b"yes") for _ in range(100)}) == 100


def test_the_same_key_id_again_leaves_the_key_as_it_is(store: KeyStore, directory: Path) -> None:
    person = store.new_person()
    blob = store.seal(person, "said", "r1", b"words")
    assert store.new_person(person) == person
    with closing(KeyStore.open(directory)) as again:
        assert again.unseal("said", "r1", blob) == b"words"


@pytest.mark.parametrize("key_id", ["", "aa", "aa" * 17, "zz" * 16])
def test_what_is_no_key_id_is_a_bug_of_the_caller(store: KeyStore, key_id: str) -> None:
    for deed in (store.new_person, store.destroy, lambda key_id: store.seal(key_id, "said", "r1", b"")):
        with pytest.raises(ValueError):
            deed(key_id)


def test_a_wrapped_key_cannot_be_moved_to_another_person(store: KeyStore, directory: Path) -> None:
    mine, theirs = store.new_person(), store.new_person()
    with closing(sqlite3.connect(directory / "people.db")) as thief:
        thief.execute(
            "UPDATE person SET wrapped = (SELECT wrapped FROM person WHERE id = ?) WHERE id = ?",
            (bytes.fromhex(theirs), bytes.fromhex(mine)),
        )
        thief.commit()
    with pytest.raises(Tampered, match="damaged"):
        store.seal(mine, "said", "r1", b"words")


def test_keys_beyond_those_remembered_still_open(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "REMEMBERED", 3)
    people = store.new_people(20)
    blobs = [store.seal(person, "said", "r1", person.encode()) for person in people]
    assert [store.unseal("said", "r1", blob).decode() for blob in blobs] == people
    assert len(store._remembered) == 3


# ── Erasing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_an_erased_person_said_is_gone_for_good(store: KeyStore, directory: Path) -> None:
    person, other = store.new_person(), store.new_person()
    blob, kept = store.seal(person, "said", "r1", b"words"), store.seal(other, "said", "r1", b"kept")
    store.destroy(person)
    store.destroy(person)  # twice is once
    with pytest.raises(KeyGone):
        store.unseal("said", "r1", blob)
    with pytest.raises(KeyGone):
        store.seal(person, "said", "r2", b"more")
    assert store.unseal("said", "r1", kept) == b"kept"
    store.close()
    with closing(KeyStore.open(directory)) as again, pytest.raises(KeyGone):
        again.unseal("said", "r1", blob)


def test_an_erasure_reaches_the_memory_of_every_other_process_at_once(store: KeyStore, directory: Path) -> None:
    with closing(KeyStore.open(directory)) as other:
        person = store.new_person()
        blob = store.seal(person, "said", "r1", b"words")
        assert other.unseal("said", "r1", blob) == b"words"
        store.destroy(person)
        with pytest.raises(KeyGone):
            other.unseal("said", "r1", blob)


def _wrapped(directory: Path) -> dict[str, bytes]:
    with closing(sqlite3.connect(directory / "people.db")) as thief:
        return {
            key.hex(): wrapped
            for key, wrapped in thief.execute("SELECT id, wrapped FROM person WHERE id IS NOT NULL").fetchall()
        }


def _fragments(wrapped: bytes) -> set[bytes]:
    return {wrapped[at : at + 12] for at in range(12, len(wrapped) - 11, 12)}


def _traces(directory: Path, of: set[bytes], size: int) -> int:
    found = 0
    for file in directory.iterdir():
        raw = file.read_bytes()
        found += sum(raw[at : at + size] in of for at in range(len(raw) - size + 1))
    return found


def test_no_byte_of_an_erased_key_stays_in_any_file(store: KeyStore, directory: Path) -> None:
    """S3. With enough people for pages to split and to be joined, which is what leaves copies behind."""
    chance = random.Random(7)
    here: dict[str, bytes] = {}
    gone: dict[str, bytes] = {}
    for _ in range(3):
        store.new_people(1000)
        for _ in range(20):
            store.new_person()
        here = _wrapped(directory)
        for person in chance.sample(sorted(here), len(here) * 2 // 3):
            store.destroy(person)
            gone[person] = here.pop(person)
    wrapped = {fragment for key in gone.values() for fragment in _fragments(key)}
    assert len(wrapped) == 4 * len(gone)
    assert _traces(directory, wrapped, 12) == 0
    # The scan does find what is there.
    assert _traces(directory, {fragment for key in here.values() for fragment in _fragments(key)}, 12) >= 4 * len(here)
    assert set(_wrapped(directory)) == set(here)


def test_a_foreign_reader_delays_the_scrubbing_and_not_the_erasure(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PATIENCE_MS", 50)
    with closing(KeyStore.open(directory)) as store, closing(sqlite3.connect(directory / "people.db")) as reader:
        person = store.new_person()
        wrapped = {_wrapped(directory)[person]}
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM person").fetchall()
        store.destroy(person)
        with pytest.raises(KeyGone):
            store.seal(person, "said", "r1", b"words")
        assert not store.scrub()
        reader.rollback()
        assert store.scrub()
        assert _traces(directory, wrapped, 60) == 0


def test_every_connection_deletes_securely_and_reads_do_not_write(store: KeyStore) -> None:
    for connection in (store._writer, store._reader):
        assert connection.execute("PRAGMA secure_delete").fetchall() == [(1,)]
        assert connection.execute("PRAGMA synchronous").fetchall() == [(2,)]
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store._reader.execute("DELETE FROM person")


# ── Many at once ─────────────────────────────────────────────────────────────────────────────────────────────────────

MAKE_PEOPLE = """
import sys
from pathlib import Path
from storage.keys import KeyStore
store = KeyStore.open(Path(sys.argv[1]))
print(store.created)
for n in range(100):
    person = store.new_person()
    print(person, store.seal(person, "said", "r1", person.encode()).hex())
    if n % 5 == 0:
        store.destroy(store.new_person())
store.close()
"""


def test_processes_begin_and_fill_one_store_at_once(directory: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", MAKE_PEOPLE, str(directory)]
    runs = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [run.communicate(timeout=120)[0].splitlines() for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert sorted(lines[0] for lines in told) == ["False", "False", "True"]
    with closing(KeyStore.open(directory)) as store:
        for lines in told:
            for line in lines[1:]:
                person, blob = line.split()
                assert store.unseal("said", "r1", bytes.fromhex(blob)).decode() == person
        assert store._reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(_wrapped(directory)) == 300


def test_many_first_runs_at_the_same_instant_make_one_store(tmp_path: Path) -> None:
    for attempt in range(10):
        directory = tmp_path / f"keys{attempt}"
        start = threading.Barrier(8)
        opened: list[KeyStore] = []

        def run(directory: Path = directory, start: threading.Barrier = start, opened: list[KeyStore] = opened) -> None:
            start.wait()
            opened.append(KeyStore.open(directory))

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(store.created for store in opened) == [False] * 7 + [True]
        assert len({store.lookup("sms", "main", "1") for store in opened}) == 1
        for store in opened:
            store.close()


def test_a_write_waits_for_that_of_another_process_though_not_for_ever(
    store: KeyStore, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C5: two that write or checkpoint at once can corrupt the file."""
    person = store.new_person()
    other = os.open(directory, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with monkeypatch.context() as impatient:
        impatient.setattr(keys, "PATIENCE_MS", 20)
        for write in (store.new_person, lambda: store.destroy(person), store.scrub):
            with pytest.raises(TimeoutError):
                write()
        assert store.seal(person, "said", "r1", b"words")
    timer = threading.Timer(0.1, os.close, [other])
    timer.start()
    store.destroy(person)
    timer.join()
    with pytest.raises(KeyGone):
        store.seal(person, "said", "r1", b"words")


def test_threads_share_a_store(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "REMEMBERED", 5)
    faults: list[Any] = []

    def live_and_die() -> None:
        try:
            for _ in range(30):
                person = store.new_person()
                blob = store.seal(person, "said", "r1", b"words")
                assert store.unseal("said", "r1", blob) == b"words"
                store.destroy(person)
                with pytest.raises(KeyGone):
                    store.unseal("said", "r1", blob)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=live_and_die) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_key_is_on_the_disk_before_its_id_is_told(directory: Path) -> None:
    """Killed right after: the row is there. (What the operating system holds back is SQLite's synchronous=FULL.)"""
    script = MAKE_PEOPLE.replace("store.close()", "import os; sys.stdout.flush(); os.kill(os.getpid(), 9)")
    run = subprocess.run(
        [sys.executable, "-c", script, str(directory)], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert run.returncode == -9
    with closing(KeyStore.open(directory)) as store:
        for line in run.stdout.splitlines()[1:]:
            person, blob = line.split()
            assert store.unseal("said", "r1", bytes.fromhex(blob)).decode() == person


# ── Snapshots ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_snapshot_opens_as_it_is_and_goes_its_own_way(store: KeyStore, tmp_path: Path) -> None:
    person = store.new_person()
    blob = store.seal(person, "said", "r1", b"words")
    store.snapshot(tmp_path / "snapshots" / "monday")
    store.destroy(person)
    copy = tmp_path / "snapshots" / "monday"
    assert {file.name: file.stat().st_mode & 0o777 for file in copy.iterdir()} == {
        "secret.key": 0o600,
        "people.db": 0o600,
    }
    assert copy.stat().st_mode & 0o777 == 0o700
    with closing(KeyStore.open(copy)) as restored:
        assert not restored.created
        assert restored.unseal("said", "r1", blob) == b"words"
    with pytest.raises(BadKeys, match="new directory"):
        store.snapshot(copy)
    with pytest.raises(BadKeys, match="must not lie with the data"):
        store.snapshot(tmp_path / "var" / "monday")
    assert [folder.name for folder in copy.parent.iterdir()] == ["monday"]


def test_a_snapshot_holds_nobody_who_was_erased_before(store: KeyStore, tmp_path: Path, directory: Path) -> None:
    person = store.new_person()
    wrapped = {_wrapped(directory)[person]}
    store.destroy(person)
    store.snapshot(tmp_path / "copy")
    assert _traces(tmp_path / "copy", wrapped, 60) == 0


def test_a_snapshot_without_the_file_of_the_secret_needs_the_setting(tmp_path: Path, directory: Path) -> None:
    with closing(KeyStore.open(directory, secret=SECRET)) as store:
        blob = store.seal(store.new_person(), "said", "r1", b"words")
        store.snapshot(tmp_path / "copy")
    with pytest.raises(BadKeys, match="secret_key"):
        KeyStore.open(tmp_path / "copy")
    with closing(KeyStore.open(tmp_path / "copy", secret=SECRET)) as restored:
        assert restored.unseal("said", "r1", blob) == b"words"


def test_closing_twice_is_closing_once(store: KeyStore) -> None:
    store.close()
    store.close()


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────────────────

field = st.text(st.characters(categories=["L", "N", "P"]), max_size=8)
three = st.tuples(field, field, field)


def _normal(fields: tuple[str, str, str]) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", one).strip() for one in fields)


@given(one=three, other=three)
@example(one=("a", "bc", ""), other=("ab", "c", ""))
@example(one=("", "", "a"), other=("a", "", ""))
@many_examples
def test_two_addresses_share_a_lookup_only_when_they_are_one(
    lasting: KeyStore, one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (lasting.lookup(*one) == lasting.lookup(*other)) == (_normal(one) == _normal(other))
    assert len(lasting.lookup(*one)) == 32


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("  a@b.org\n", "a@b.org"), ("re\u0301fugie\u0301@b.org", "r\u00e9fugi\u00e9@b.org"), ("\u200aناصر", "ناصر")],
)
def test_an_address_is_found_however_it_was_typed(store: KeyStore, typed: str, stored: str) -> None:
    assert store.lookup("email", "main", typed) == store.lookup("email", "main", stored)


@given(one=st.lists(text, max_size=3), other=st.lists(text, max_size=3))
@example(one=["a"], other=["a", ""])
@example(one=[], other=[""])
@many_examples
def test_a_keyed_hash_tells_fields_and_purposes_apart(lasting: KeyStore, one: list[str], other: list[str]) -> None:
    assert (lasting.hash("seen", *one) == lasting.hash("seen", *other)) == (one == other)
    assert lasting.hash("seen", *one) != lasting.hash("session", *one)


def test_another_hub_finds_under_other_hashes(store: KeyStore, tmp_path: Path) -> None:
    with closing(KeyStore.open(tmp_path / "other")) as other:
        assert other.lookup("sms", "main", "1") != store.lookup("sms", "main", "1")
        assert other.hash("seen", "1") != store.hash("seen", "1")
        assert other.receipt_hash("1") != store.receipt_hash("1")


def test_a_receipt_is_found_in_any_script_and_grouping(store: KeyStore) -> None:
    found = store.receipt_hash("0700 1234 5678 9012")
    assert found == store.receipt_hash("0700123456789012") == store.receipt_hash("۰۷۰۰-۱۲۳۴-۵۶۷۸-۹۰۱۲")
    assert found != store.receipt_hash("0700123456789013")
    assert len(found) == 32
    assert store.receipt_hash("no digits at all") != found

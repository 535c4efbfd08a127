"""The keys of persons: one random data key each, kept apart from the data (rules K2 to K4).

All that is personal is sealed with its person's key, so destroying the key erases the person in every backup of the
data.
The keys lie in a directory of their own, wrapped by a key derived from its root secret::

    keys/secret.key    the root secret, 64 hex digits (absent where the setting ``secret_key`` holds it)
    keys/people.db     a row per person: key id, id of the wrapping key, wrapped data key

Any number of threads, and of processes of one machine, may use the directory. ``new_person``, ``destroy``, ``snapshot``
(the disk) and ``receipt_hash`` (the processor) take their time: an event loop calls them in a thread.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import secrets
import sqlite3
import struct
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

import structlog
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

log = structlog.get_logger()

VERSION: Final = b"\x01"
ID: Final = 16
NONCE: Final = 12
TAG: Final = 16
HEAD: Final = 1 + ID + NONCE
REMEMBERED: Final = 10_000  # unwrapped keys in memory; about 20 MB
SHORTEST_SECRET: Final = 32
PATIENCE_MS: Final = 5_000  # for another process's write

# Rows are only ever added at the end and overwritten where they are: when SQLite splits or joins pages, copies of rows
# stay in the unused part of a page, where secure_delete does not reach them. An erased person leaves a row of zeros.
# (The index does split; what can stay of it is a random id.)
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS person (n INTEGER PRIMARY KEY, id BLOB, wrap BLOB NOT NULL, wrapped BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS person_id ON person (id) WHERE id IS NOT NULL;
CREATE TABLE IF NOT EXISTS store (wrap BLOB NOT NULL, erasures INTEGER NOT NULL);
"""
ERASE: Final = "UPDATE person SET id = NULL, wrap = zeroblob(8), wrapped = zeroblob(length(wrapped)) WHERE id = ?"


class BadKeys(Exception):
    """The key directory cannot be used as it is. Says what to do; stops the start."""


class KeyGone(Exception):
    """There is no such key (any more): what it sealed can never be read again."""


class Tampered(Exception):
    """The blob is not what was sealed for this purpose and record."""


class KeyStore:
    """All keys of one hub. ``created`` is true when ``open`` began a new store."""

    def __init__(
        self, directory: Path, root: bytes, lock: int, writer: sqlite3.Connection, reader: sqlite3.Connection
    ) -> None:
        """Use ``open``."""
        self._directory, self._root = directory, root
        self._lock, self._writer, self._reader = lock, writer, reader
        self._sub_keys: dict[str, bytes] = {}
        self._wrap = AESGCM(self._sub_key("wrap"))
        self._wrap_id = self._sub_key("wrap id")[:8]
        self._remembered: OrderedDict[bytes, AESGCM] = OrderedDict()
        self._data_version = self._erasures = -1
        self._writing_here = threading.Lock()
        self._reading_here = threading.Lock()
        self._hashing_a_receipt = threading.Lock()
        self._closed = False
        self.created = self._begin()

    def __repr__(self) -> str:
        return f"KeyStore({str(self._directory)!r})"

    @classmethod
    def open(cls, directory: Path, *, secret: str = "") -> KeyStore:
        """Open the store in ``directory``, or make one; ``secret`` takes the place of the root secret's file.

        Refuses with ``BadKeys`` rather than begin anew beside a store that lost a part.
        """
        directory = directory.resolve()
        _must_lie_apart(directory)
        _make(directory)
        file = directory / "people.db"
        with ExitStack() as unless_it_opens:
            lock = _open_directory(directory)
            unless_it_opens.callback(os.close, lock)
            try:
                with _held(lock):  # two first runs at once make one store
                    root = _given(secret) if secret else _root(directory)
                    _create(file)
                    writer = unless_it_opens.enter_context(closing(_connect(file)))
                    reader = unless_it_opens.enter_context(closing(_connect(file, query_only=True)))
                    store = cls(directory, root, lock, writer, reader)
                    _settle_root(directory)
            except sqlite3.OperationalError as error:
                raise BadKeys(
                    f"The key store {file} cannot be opened ({error}). Look at its rights and the disk."
                ) from error
            except sqlite3.DatabaseError as error:
                raise BadKeys(
                    f"The key store {file} is damaged ({error}). Put the latest snapshot in its place."
                ) from error
            unless_it_opens.pop_all()
        return store

    def close(self) -> None:
        """Close the files. The store is of no use afterwards."""
        if self._closed:
            return
        with self._reading_here, self._writing():  # whoever closes last checkpoints
            self._closed = True
            self._remembered.clear()
            self._reader.close()
            self._writer.close()
        os.close(self._lock)

    # ── Persons ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def new_person(self, key_id: str | None = None) -> str:
        """A fresh data key, on disk before this returns. The same ``key_id`` again leaves its key as it is."""
        key = _parsed(key_id) if key_id is not None else secrets.token_bytes(ID)
        self._add([key])
        return key.hex()

    def new_people(self, count: int) -> list[str]:
        """``count`` fresh keys with one write to the disk, for imports."""
        keys = [secrets.token_bytes(ID) for _ in range(count)]
        self._add(keys)
        return [key.hex() for key in keys]

    def destroy(self, key_id: str) -> None:
        """Erase a person: no process of this machine can open what the key sealed once this returns.

        A key that is already gone is no error.
        """
        key = _parsed(key_id)
        with self._writing() as writer:
            with _transaction(writer):
                writer.execute(ERASE, (key,))
                writer.execute("UPDATE store SET erasures = erasures + 1")
            with self._reading_here:
                self._remembered.pop(key, None)
            if not _scrub(writer):
                log.warning("keys.not_scrubbed", why="somebody else reads the key store")

    def scrub(self) -> bool:
        """Leave no erased key in the write-ahead log, as ``destroy`` does. False when a foreign reader prevents it."""
        with self._writing() as writer:
            return _scrub(writer)

    def snapshot(self, to: Path) -> None:
        """A copy, in the new directory ``to``, that ``open`` takes as it is.

        Whoever is erased later lives on in it, so it is kept for a day at most.
        """
        to = to.resolve()
        _must_lie_apart(to)
        if to.exists():
            raise BadKeys(
                f"A snapshot goes into a new directory, and {to} exists. Give another name or remove it first."
            )
        part = to.with_name(f"{to.name}.{secrets.token_hex(4)}.part")
        part.mkdir(mode=0o700, parents=True)
        _create(part / "people.db")
        # On a connection of its own, so that nobody waits; VACUUM, so that no free pages come along.
        with closing(_connect(self._directory / "people.db")) as source:
            source.execute("VACUUM INTO ?", (str(part / "people.db"),))
        with (part / "people.db").open("rb") as copy:
            os.fsync(copy.fileno())
        if (self._directory / "secret.key").exists():
            _write_secret(part / "secret.key", (self._directory / "secret.key").read_text())
        part.rename(to)
        _sync(to.parent)

    # ── Sealing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def seal(self, key_id: str, purpose: str, record: str, words: bytes) -> bytes:
        """Version, key id, nonce and AES-256-GCM of ``words``; opens for the same ``purpose`` and ``record`` only."""
        key = _parsed(key_id)
        nonce = secrets.token_bytes(NONCE)
        return VERSION + key + nonce + self._opened(key).encrypt(nonce, words, _packed(purpose, record) + key)

    def unseal(self, purpose: str, record: str, blob: bytes) -> bytes:
        """What ``seal`` was given. ``KeyGone`` when the person was erased, ``Tampered`` when it does not open."""
        if len(blob) < HEAD + TAG or blob[:1] != VERSION:
            raise Tampered(f"This {purpose} is not a sealed blob.")
        key, nonce = blob[1 : 1 + ID], blob[1 + ID : HEAD]
        try:
            return self._opened(key).decrypt(nonce, blob[HEAD:], _packed(purpose, record) + key)
        except InvalidTag:
            raise Tampered(f"This {purpose} was not sealed as this record's.") from None

    # ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def lookup(self, channel: str, account: str, address: str) -> bytes:
        """The keyed hash under which an address is found: 32 bytes. It finds, it does not hide (K7)."""
        return _mac(
            self._sub_key("lookup"),
            *(unicodedata.normalize("NFC", field).strip() for field in (channel, account, address)),
        )

    def hash(self, purpose: str, *fields: str) -> bytes:
        """A keyed hash of ``fields`` as they are, with a key of its own for each ``purpose``: 32 bytes."""
        return _mac(self._sub_key(f"hash {purpose}"), *fields)

    def receipt_hash(self, digits: str) -> bytes:
        """A slow hash of a receipt's digits, of any script and however grouped. One at a time, for each takes 32 MB."""
        number = "".join(str(unicodedata.decimal(sign)) for sign in digits if sign.isdecimal())
        salt = self._sub_key("receipt")[:16]
        with self._hashing_a_receipt:
            return hash_secret_raw(
                number.encode(), salt, time_cost=2, memory_cost=32 * 1024, parallelism=1, hash_len=32, type=Type.ID
            )

    # ── Inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sub_key(self, purpose: str) -> bytes:
        if purpose not in self._sub_keys:
            derive = HKDF(SHA256(), 32, salt=b"serai keys 1", info=purpose.encode()).derive
            self._sub_keys[purpose] = derive(self._root)
        return self._sub_keys[purpose]

    def _begin(self) -> bool:
        """True when the store is new; refuses one that was made with another root secret."""
        self._writer.executescript(SCHEMA)
        rows = self._writer.execute("SELECT wrap FROM store").fetchall()
        if not rows:
            self._writer.execute("INSERT INTO store VALUES (?, 0)", (self._wrap_id,))
            _scrub(self._writer)  # into the file itself: an empty one means that it was lost
        elif rows != [(self._wrap_id,)]:
            raise BadKeys(
                f"The keys in {self._directory} were made with another secret. Give back the secret.key or the setting "
                "secret_key that they were made with; no other can open them."
            )
        return not rows

    def _add(self, keys: list[bytes]) -> None:
        rows = [(key, self._wrap_id, self._wrapped(key)) for key in keys]
        with self._writing() as writer, _transaction(writer):
            writer.executemany("INSERT OR IGNORE INTO person (id, wrap, wrapped) VALUES (?, ?, ?)", rows)

    def _wrapped(self, key: bytes) -> bytes:
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._wrap.encrypt(nonce, AESGCM.generate_key(256), self._wrap_id + key)

    def _opened(self, key: bytes) -> AESGCM:
        with self._reading_here:  # held until it is remembered, so that destroy cannot slip in between
            self._forget_if_erased()
            cipher = self._remembered.get(key)
            if cipher is None:
                cipher = self._remembered[key] = self._unwrapped(key)
                if len(self._remembered) > REMEMBERED:
                    self._remembered.popitem(last=False)
            else:
                self._remembered.move_to_end(key)
            return cipher

    def _forget_if_erased(self) -> None:
        """Another process may have erased somebody; ``data_version`` tells whether anything was written at all."""
        ((version,),) = self._reader.execute("PRAGMA data_version").fetchall()
        if version != self._data_version:
            ((erasures,),) = self._reader.execute("SELECT erasures FROM store").fetchall()
            if erasures != self._erasures:
                self._remembered.clear()
            self._data_version, self._erasures = version, erasures

    def _unwrapped(self, key: bytes) -> AESGCM:
        # fetchall everywhere: a cursor that is not read to its end holds a snapshot, and the log cannot be truncated
        rows = self._reader.execute("SELECT wrap, wrapped FROM person WHERE id = ?", (key,)).fetchall()
        if not rows:
            raise KeyGone(f"There is no key {key.hex()}.")
        ((wrap_id, wrapped),) = rows
        if wrap_id != self._wrap_id:
            raise Tampered(f"The key {key.hex()} is wrapped by a key that is not here.")
        try:
            return AESGCM(self._wrap.decrypt(wrapped[:NONCE], wrapped[NONCE:], wrap_id + key))
        except InvalidTag:
            raise Tampered(f"The key {key.hex()} is damaged in the key store; take its row from a snapshot.") from None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """C5: one writer on this machine, for SQLite before 3.51.3 can corrupt a file that two write or checkpoint."""
        with self._writing_here, _held(self._lock):
            yield self._writer


# ── The directory and its files ──────────────────────────────────────────────────────────────────────────────────────


def _must_lie_apart(directory: Path) -> None:
    """K2: not in a hub's ``var``, for whoever copies that would have both. The system's own /var is no such folder."""
    parts = directory.parts[1:]
    within_system = 2 if parts[:2] == ("private", "var") else 1 if parts[:1] == ("var",) else 0
    if "var" in parts[within_system:]:
        raise BadKeys(
            f"The keys must not lie with the data, and {directory} is inside a var directory. Set keys to a place "
            "outside of it."
        )


def _make(directory: Path) -> None:
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700)
        _sync(directory.parent)
    except FileExistsError:
        _must_be_private(directory, 0o700)
    except OSError as error:
        raise BadKeys(
            f"The key directory {directory} cannot be made ({error.strerror}). Make it, or set keys to another."
        ) from error
    if not directory.is_dir():
        raise BadKeys(f"{directory} is not a directory. Set keys to a directory of its own.")


def _must_be_private(path: Path, mode: int) -> None:
    if path.stat().st_mode & 0o077:
        raise BadKeys(f"Others on this machine can open {path}. Run: chmod {mode:o} {path}")


def _open_directory(directory: Path) -> int:
    try:
        return os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise BadKeys(
            f"The key directory {directory} cannot be read ({error.strerror}). Give it to the user that runs the hub."
        ) from error


def _given(secret: str) -> bytes:
    secret = secret.strip()
    if len(secret) < SHORTEST_SECRET:
        raise BadKeys(
            f"The setting secret_key is shorter than {SHORTEST_SECRET} characters. Make one with: openssl rand -hex 32"
        )
    return _from_hex(secret) or secret.encode()


def _root(directory: Path) -> bytes:
    """The root secret from its file. On the first run it has its lasting name only once the store is whole."""
    file, new, people = directory / "secret.key", directory / "secret.key.new", directory / "people.db"
    if file.exists():
        _must_be_private(file, 0o600)
        if not people.exists() or not people.stat().st_size:
            raise BadKeys(
                f"The key store {people} is missing, and its root secret opens nothing without it. Put back the latest "
                f"snapshot. If nobody ever used this hub, remove {directory} and start again."
            )
        if root := _from_hex(_text(file)):
            return root
        raise BadKeys(f"The root secret {file} is damaged: it should be 64 hex digits. Put back your copy of it.")
    if new.exists() and (root := _from_hex(_text(new))):
        return root
    if people.exists():
        raise BadKeys(
            f"The root secret {file} is missing, and the keys beside it cannot be opened without it. Put back your "
            "copy of it, or give it as the setting secret_key."
        )
    root = secrets.token_bytes(32)
    _write_secret(new, root.hex() + "\n")
    return root


def _settle_root(directory: Path) -> None:
    new = directory / "secret.key.new"
    if new.exists():
        new.rename(directory / "secret.key")
        _sync(directory)


def _text(file: Path) -> str:
    return file.read_bytes().decode("ascii", "replace").strip()


def _from_hex(text: str) -> bytes:
    """The 32 bytes of 64 hex digits; nothing when it is anything else."""
    try:
        return bytes.fromhex(text) if len(text) == 64 else b""
    except ValueError:
        return b""


def _write_secret(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)  # cut short by a crash, or it would not be written anew
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    _sync(file.parent)


def _create(file: Path) -> None:
    """Private before SQLite opens it: its log takes over the mode of the file."""
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        _must_be_private(file, 0o600)


def _sync(directory: Path) -> None:
    entry = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


@contextmanager
def _held(lock: int, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """The directory's lock. A process that is paused while it holds it must not stop all others for ever."""
    for _ in range(PATIENCE_MS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            sleep(0.001)
    else:
        raise TimeoutError("Another process keeps the key store locked.")
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _connect(file: Path, *, query_only: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=PATIENCE_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA temp_store=MEMORY")
        ((secure,),) = connection.execute("PRAGMA secure_delete=ON").fetchall()
        if secure != 1:  # S3: an SQLite built without it would keep what was erased
            raise BadKeys("This build of SQLite cannot delete securely (secure_delete). Use one that can.")
        if query_only:
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("PRAGMA query_only=ON")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _scrub(connection: sqlite3.Connection) -> bool:
    """S3: what was overwritten stays in the log until that is truncated."""
    ((busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return not busy


# ── Bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _parsed(key_id: str) -> bytes:
    key = bytes.fromhex(key_id)
    if len(key) != ID:
        raise ValueError(f"A key id is {2 * ID} hex digits.")
    return key


def _packed(*fields: str) -> bytes:
    """Each field with its length before it, so that ("a", "bc") is not ("ab", "c")."""
    return b"".join(
        struct.pack(">Q", len(raw)) + raw for raw in (field.encode("utf-8", "surrogatepass") for field in fields)
    )


def _mac(key: bytes, *fields: str) -> bytes:
    return hmac.digest(key, _packed(*fields), "sha256")

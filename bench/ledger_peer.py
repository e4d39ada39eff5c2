"""The same ledger on Flask, SQLAlchemy and SQLite, in one file, as careful as ours or as usual.

Careful is the same route: entries have numbers, balances and hashes, and the account's number is
checked as it is written. The usual form reads a balance and writes it back.

Run by `bench.ledger` under a Python that has Flask and SQLAlchemy. It answers each line of its
standard input with one of its standard output: ``post 500`` with the CPU microseconds that one of
500 requests took, ``race 8 50`` with what 8 threads of 50 posts to one account left behind.
"""

import hashlib
import io
import json
import sys
import threading
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from sqlalchemy import ForeignKey, create_engine, event, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

_TRIES = 100


class Base(DeclarativeBase):
    """The tables."""


class Account(Base):
    """An account, and what its last entry says."""

    __tablename__ = "accounts"
    id: Mapped[str] = mapped_column(primary_key=True)
    balance: Mapped[int] = mapped_column(default=0)
    sequence: Mapped[int] = mapped_column(default=0)
    hash: Mapped[str] = mapped_column(default="0" * 64)


class Transaction(Base):
    """A transaction, and the entry that it is in its account."""

    __tablename__ = "transactions"
    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    amount: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(index=True)
    balance: Mapped[int]
    sequence: Mapped[int]
    hash: Mapped[str]

    def shown(self) -> dict[str, Any]:
        """Return the transaction as the contract shows it."""
        return {
            "transaction_id": self.id,
            "account_id": self.account_id,
            "amount": self.amount,
            "created_at": self.created_at.isoformat(),
        }


def make_app(folder: Path, *, naive: bool) -> Flask:
    """Return the API on a database in ``folder``; ``naive`` reads a balance to write it back."""
    app, session = Flask(__name__), _sessions(folder / f"naive-{naive}.db")
    add = _add_naively if naive else _add

    @app.post("/transactions")
    def post() -> tuple[Response, int]:
        body = request.get_json()
        amount = body.get("amount")
        if not isinstance(amount, int) or isinstance(amount, bool):
            return jsonify(error="amount must be an integer"), 400
        try:
            account_id = str(uuid.UUID(body.get("account_id")))
        except (TypeError, ValueError):
            return jsonify(error="account_id must be a UUID"), 400
        for _ in range(_TRIES):
            with suppress(LookupError, OperationalError), session.begin() as database:
                return _created(add(database, account_id, amount)), 201
        return jsonify(error="too many writers"), 503

    @app.get("/accounts/<uuid:account_id>")
    def account(account_id: uuid.UUID) -> tuple[Response, int]:
        with session() as database:
            found = database.get(Account, str(account_id))
            if found is None:
                return jsonify(error="no such account"), 404
            return jsonify(account_id=found.id, balance=found.balance), 200

    @app.get("/transactions/<uuid:transaction_id>")
    def transaction(transaction_id: uuid.UUID) -> tuple[Response, int]:
        with session() as database:
            found = database.get(Transaction, str(transaction_id))
            if found is None:
                return jsonify(error="no such transaction"), 404
            return jsonify(found.shown()), 200

    @app.get("/transactions")
    def transactions() -> Response:
        newest = select(Transaction).order_by(Transaction.created_at.desc())
        with session() as database:
            found = database.scalars(newest.limit(int(request.args.get("limit", 10_000))))
            return jsonify([each.shown() for each in found])

    return app


def _sessions(database: Path) -> sessionmaker[Session]:
    """Return what opens sessions on ``database``, which is made and tuned for many writers."""
    engine = create_engine(f"sqlite:///{database}")

    @event.listens_for(engine, "connect")
    def tuned(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    Base.metadata.create_all(engine)
    return sessionmaker(engine)


def _created(made: Transaction) -> Response:
    answer = jsonify(made.shown())
    answer.headers["Location"] = f"/transactions/{made.id}"
    answer.headers["Ledger-Balance"] = str(made.balance)
    answer.headers["Ledger-Sequence"] = str(made.sequence)
    answer.headers["Ledger-Hash"] = made.hash
    return answer


def _add(database: Session, account_id: str, amount: int) -> Transaction:
    """Add up, on the condition that the account still is as it was read."""
    account = _account(database, account_id)
    made = _following(account, amount)
    still = (Account.id == account_id) & (Account.sequence == made.sequence - 1)
    moved = update(Account).where(still).values(**_last(made))
    if not database.execute(moved.execution_options(synchronize_session=False)).rowcount:
        raise LookupError("somebody was first")
    database.add(made)
    database.flush()
    return made


def _add_naively(database: Session, account_id: str, amount: int) -> Transaction:
    """Add up here: whoever writes between the read and the write is forgotten."""
    account = _account(database, account_id)
    made = _following(account, amount)
    for name, value in _last(made).items():
        setattr(account, name, value)
    database.add(made)
    database.flush()
    return made


def _account(database: Session, account_id: str) -> Account:
    account = database.get(Account, account_id)
    if account is None:
        account = Account(id=account_id)
        database.add(account)
        database.flush()
    return account


def _following(account: Account, amount: int) -> Transaction:
    """Return the entry that comes next in the account."""
    made = Transaction(
        id=str(uuid.uuid4()),
        account_id=account.id,
        amount=amount,
        created_at=datetime.now(UTC),
        balance=account.balance + amount,
        sequence=account.sequence + 1,
    )
    said = (account.hash, made.account_id, made.sequence, made.id, amount, made.balance)
    text = "\n".join(map(str, (*said, made.created_at.isoformat(), "")))
    made.hash = hashlib.sha256(text.encode()).hexdigest()
    return made


def _last(made: Transaction) -> dict[str, Any]:
    return {"balance": made.balance, "sequence": made.sequence, "hash": made.hash}


# --- driving it -----------------------------------------------------------------------------------


class Peer:
    """The API, called in this process as a WSGI server would call it."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.account = str(uuid.uuid4())

    def ask(self, method: str, path: str, body: bytes = b"") -> Any:
        """Send a request; return its JSON."""
        status: list[str] = []
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path.partition("?")[0],
            "QUERY_STRING": path.partition("?")[2],
            "SCRIPT_NAME": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        text = b"".join(self._app(environ, lambda said, *_: status.append(said)))
        assert status[0][0] == "2", (status, text)
        return json.loads(text)

    def post(self, account_id: str, amount: int = 1) -> Any:
        """Post a transaction."""
        body = json.dumps({"account_id": account_id, "amount": amount}).encode()
        return self.ask("POST", "/transactions", body)

    def measured(self, route: str, count: int) -> float:
        """Return the CPU microseconds that one of ``count`` requests to a route takes."""
        known = self.post(self.account)["transaction_id"]
        act = {
            "post": lambda: self.post(self.account),
            "account": lambda: self.ask("GET", f"/accounts/{self.account}"),
            "transaction": lambda: self.ask("GET", f"/transactions/{known}"),
            "list": lambda: self.ask("GET", "/transactions?limit=50"),
        }[route]
        started = time.process_time()
        for _ in range(count):
            act()
        return (time.process_time() - started) / count * 1e6

    def race(self, writers: int, posts: int) -> dict[str, int]:
        """Post 1 from many threads to one account; return what was answered and what is there."""
        account = str(uuid.uuid4())
        self.post(account)
        answered: list[int] = []

        def write() -> None:
            for _ in range(posts):
                try:
                    self.post(account)
                    answered.append(1)
                except AssertionError:
                    pass  # refused, and told so

        threads = [threading.Thread(target=write) for _ in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        balance = self.ask("GET", f"/accounts/{account}")["balance"]
        return {"answered": 1 + len(answered), "balance": balance}


def main() -> None:
    """Answer the lines of standard input."""
    folder = Path(sys.argv[1])
    peers = {naive: Peer(make_app(folder, naive=naive)) for naive in (False, True)}
    print("ready", flush=True)
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "race":
            found: Any = {
                "naive" if naive else "careful": peer.race(*map(int, numbers))
                for naive, peer in peers.items()
            }
        else:
            found = peers[False].measured(word, int(numbers[0]))
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()

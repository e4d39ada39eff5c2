"""What is stored for ever: each digest, hash and key as it was first written.

A failure here is no reason to change the value: it says that records which are stored already are
not found any more, are written twice, or no longer prove what they proved.
"""

import io
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from chalicelib.bakery import effects
from chalicelib.bakery.records import Access, Erasure, Extra
from chalicelib.bakery.service import erasing
from chalicelib.core import canonical, shards
from chalicelib.core.outbox import rows
from chalicelib.ledger import chain
from chalicelib.ledger import store as ledger
from chalicelib.ledger.models import BatchPost, Entry, Transaction
from chalicelib.ledger.service import batches
from chalicelib.vending import archives
from chalicelib.vending.names import StoredName
from chalicelib.warranties import archive
from chalicelib.warranties import store as warranties
from chalicelib.warranties.fields import store_id
from chalicelib.warranties.models import Sale
from chalicelib.warranties.rate_card import Offer

CHALICELIB = Path(__file__).parents[2] / "chalicelib"
AT = datetime(2142, 3, 1, 8, 0, 0, 5, tzinfo=UTC)
REQUEST = "0191e7a0-0000-4000-8000-000000000001"
SALE = Sale(
    request_id=REQUEST,
    received_at=AT,
    store_uuid="b21ad0676f26439",
    item_type="furniture",
    item_sku="986kjeo8fy9qhu",
    item_title="Amy's Sectional Sofa",
    item_cost=15000,
    rate_card="2026-11-21",
    offers=(Offer(months=12, price_cents=2250), Offer(months=24, price_cents=3050)),
)
SALE_TEXT = (
    f'{{"request_id":"{REQUEST}","received_at":"2142-03-01T08:00:00.000005+00:00",'
    '"store_uuid":"b21ad0676f26439","item_type":"furniture","item_sku":"986kjeo8fy9qhu",'
    '"item_title":"Amy\'s Sectional Sofa","item_cost":15000,"rate_card":"2026-11-21",'
    '"offers":[{"months":12,"price_cents":2250},{"months":24,"price_cents":3050}],"reason":null}'
)
ENTRY_TEXT = (
    '{"transaction_id":"00000065-0000-4000-8000-000000000065",'
    '"account_id":"00000001-0000-4000-8000-000000000001","sequence":1,"amount":4,"balance":4,'
    '"created_at":"2142-03-01T08:00:01.000000+00:00","previous_hash":"' + "0" * 64 + '",'
    '"hash":"9dc7bfc446fc13cec2a38b0a757b1c94b56476f44e83d344a4021976f5f22dfe"}'
)


@pytest.fixture
def entry() -> Entry:
    return chain.following(
        None,
        account_id="00000001-0000-4000-8000-000000000001",
        amount=4,
        transaction_id="00000065-0000-4000-8000-000000000065",
        now=datetime(2142, 3, 1, 8, 0, 1, tzinfo=UTC),
    )


def test_an_entry_of_the_ledger(entry: Entry) -> None:
    account, at = "00000001-0000-4000-8000-000000000001", "2142-03-01T08:00:01.000000+00:00"

    assert entry.stored_text() == ENTRY_TEXT
    assert Transaction.of(entry).stored_text().endswith(f'"amount":4,"created_at":"{at}"}}')
    assert ledger._account_key(account) == ("ACCOUNTS#5", account)
    assert ledger._entry_key(entry) == (f"ENTRIES#{account}", at)
    assert ledger._row_key(entry) == ("LIST#3", f"{at}#{entry.transaction_id}")
    assert ledger._transaction_key("t") == ("TRANSACTION#t", "ENTRY")
    assert ledger._idempotency_key("k") == ("KEY#k", "ENTRY")


def test_half_of_a_transfer_and_what_is_posted_at_once(entry: Entry) -> None:
    other = "00000002-0000-4000-8000-000000000002"
    half = chain.following(
        entry,
        account_id=entry.account_id,
        amount=-4,
        transaction_id="00000066-0000-4000-8000-000000000066",
        now=AT,
        counterpart=chain.Counterpart("00000067-0000-4000-8000-000000000067", other),
    )
    one, two = entry, half.model_copy(update={"created_at": entry.created_at})

    assert half.hash == "7aea0e2875c5cb0721db7276d997264afafc0c18f4dc0dd4381992186685d9d1"
    assert half.stored_text().endswith(
        f'"counterpart_id":"00000067-0000-4000-8000-000000000067","counterpart_account_id":"{other}"}}'
    )
    (row,) = ledger._rows([one, two])
    assert row["sk"] == {"S": f"2142-03-01T08:00:01.000000+00:00#{two.transaction_id}"}
    assert [Transaction.of(each).stored_text() for each in (one, two)] == [
        text["S"] for text in row["rows"]["L"]
    ]


def test_a_batch_that_a_key_is_reserved_for() -> None:
    posts = [BatchPost(account_id=REQUEST, amount=-4, balance_floor=0)]

    assert batches.digest(posts) == (
        "f1f69d30df7f9d376230dfb2372f700006fd7a4470d77105109135fbb7e1d724"
    )


def test_a_sale_of_the_warranties() -> None:
    place = f"furniture\x1f986kjeo8fy9qhu\x1f2142-03-01T08:00:00.000005+00:00\x1f{REQUEST}"

    assert SALE.stored_text() == SALE_TEXT
    assert store_id("b21ad0676f26439") == "5f6f832c-f895-557d-955c-e415cf0f425e"
    assert warranties._sale_key(REQUEST) == (f"SALE#{REQUEST}", "SALE")
    assert warranties._sold_key(SALE) == ("SOLD#b21ad0676f26439", place)
    assert warranties._list_key(SALE) == ("LIST#0", place)
    assert warranties._item_key("furniture", "s") == ("ITEM#s", "furniture")
    assert warranties._store_key("b") == ("STORE#b", "STORE")
    assert warranties._idempotency_key("k") == ("KEY#k", "SALE")


def test_an_object_of_the_archive() -> None:
    """Its checksum is on record, and whoever retries archives the same bytes."""
    assert archive.key(SALE) == f"warranties/2142/03/01/{REQUEST}.json"
    assert archive.sha256(archive.content(SALE)) == (
        "0703cbf5c88ad3d5b8956ad104ae4ae612c17bda580e75405933cc7abcd3ddfc"
    )
    assert archive.effect(SALE).id == f"archive#{REQUEST}"


def test_effects_of_the_bakery() -> None:
    day = date(2026, 11, 21)
    access = Access(login="ada", holder=7, wanted=True, version=3)

    assert [
        effects.batch_ticket(day).id,
        effects.order_ticket(7).id,
        effects.comment(7).id,
        effects.inspection("ING-1", "0a1b").id,
        effects.ready_notice(7).id,
        effects.ready_notice(7, undone=1).id,
        effects.batch_ticket(Extra(day, 2)).id,
        effects.shortage_notice(7).id,
        effects.filing(7).id,
        effects.access(7, 2, access).id,
        effects.access(7, 4, access.after(holder=None, wanted=False)).id,
        effects.message_erasure(7, "D1/1.2").id,
        effects.document_erasure("1aB").id,
    ] == [
        "jira#batch#2026-11-21",
        "jira#order#7",
        "comment#7",
        "jira#inspect#ING-1#0a1b",
        "ready#7",
        "ready#7#2",
        "jira#batch#2026-11-21#02",
        "short#7",
        "cancelled#7",
        "access#7#grant#v2",
        "access#7#remove#v4",
        "erase#message#7",
        "erase#document#1aB",
    ]


def test_where_effects_stand() -> None:
    requested = rows.requested(archive.effect(SALE), AT)

    assert rows.place("jira#order#7") == ("EFFECT#jira#order#7", "EFFECT")
    assert [rows.shard(each) for each in ("jira#batch#2026-11-21", archive.effect(SALE).id)] == [
        4,
        7,
    ]
    assert (
        rows.list_place(requested) == f"archive#2142-03-01T08:00:00.000005+00:00#archive#{REQUEST}"
    )
    assert rows.wake("jira", AT) == "jira#2142-03-01T08:00:00.000005+00:00"


def test_shards() -> None:
    assert [shards.of(f"a{number}", 16) for number in range(8)] == [5, 3, 9, 15, 12, 10, 0, 6]


def test_files_of_vending() -> None:
    text = b"GM001 2020-02-20T11:29:44Z 1\n"
    packed = archives.pack_log(archives.open_log(io.BytesIO(text), max_bytes=100), member="x.txt")

    assert packed.sha256 == "ae2a9139edde4dd7867071d4a01c5bd4de474acfa82bbaa1a4fe7fb84ef0dda5"
    assert canonical.sha256(packed.content) == (
        "d1faf68799bb5fdf4a8967a33ac064591250726ac92841c8a461af23c54eff32"
    )
    assert str(StoredName("T0001", "GM001", AT.replace(tzinfo=None))) == (
        "T0001.GM001.2142-03-01_080000.zip"
    )


def test_what_proves_who_an_erased_order_was_for() -> None:
    told = {"customer": "Mr. Cakelover", "email": None, "phone": "+49 1", "note": "No nuts"}
    proof = (
        "3d7daee94ed0420649dbda5d0652b373d469a6bcbbc7808976e726c8d842d01b"
        "c7c003c63a38b3fdbdfd58fa04f07bdce36aea8cffe58eb47191c4a0e53ffb8e"
    )

    assert erasing.proves(Erasure(at=AT, salt="5a17", proof=proof), told)
    assert not erasing.proves(Erasure(at=AT, salt="5a17", proof=proof), {**told, "note": None})


# Where else something is hashed, and why it has a form of its own.
ELSEWHERE = {
    "bakery/service/erasing.py": "scrypt over the form, so that nobody guesses names by it",
    "bakery/service/shortages.py": "the signature of a webhook, as Jira makes it",
    "core/aws_json.py": "the signature of a call, as AWS makes it",
    "core/canonical.py": "the form itself",
    "core/etags.py": "the version of a response, stored nowhere",
    "core/shards.py": "the shard of a name, as text",
    "core/values.py": "the hash of a value in a dict or a set, stored nowhere",
    "vending/archives.py": "the text of a file, block by block",
    "vending/parsing.py": "refused lines, four bytes each",
    "vending/service/reading.py": "the text of a file, block by block",
    "vending/store/chunks.py": "compresses, hashes nothing",
    "vending/store/fleet.py": "compresses, hashes nothing",
    "webhooks/signing.py": "the signature of a webhook, as Standard Webhooks makes it",
    "warranties/fields.py": "the id of a store (RFC 9562 version 5)",
}


def test_nothing_is_hashed_but_in_the_canonical_form() -> None:
    hashing = re.compile(
        r"^\s*(?:import|from) (?:hashlib|hmac|zlib)\b|uuid5|\brepr\(|\bhash\(", re.M
    )
    found = {
        str(path.relative_to(CHALICELIB))
        for path in CHALICELIB.rglob("*.py")
        if hashing.search(path.read_text())
    }

    assert found - ELSEWHERE.keys() == set()

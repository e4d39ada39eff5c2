"""Warranties: a price that can be read, a retry that sells nothing twice, an archive."""

from uuid import uuid4

from backroom import warranties_screen
from backroom.demo.story import Story
from backroom.warranties_api import WarrantiesApi, warranties
from chalicelib.warranties.models import SaleAnswer, WarrantyView

_STORE = "demo-store"


def tell(story: Story) -> str:
    """Tell the chapter; return the warranty that it ends with, as JSON."""
    with warranties(story.here) as api:
        sold = _sell_twice(story, api)
        _refuse(story, api)
        return _explain(story, api, sold.warranties[0].id)


def _sell_twice(story: Story, api: WarrantiesApi) -> SaleAnswer:
    key = str(uuid4())
    command = (
        f"warranties create --store {_STORE} --type furniture --sku sofa-1 --cost 150.00 "
        f'--title "Sectional Sofa" --key {key[:8]}...'
    )
    story.step("A store sells a sofa; its till hears nothing, and asks again.", command, command)
    for _ in range(2):
        answer, replayed = api.sell(_sale("furniture", "sofa-1", "Sectional Sofa"), key=key)
        told = ", ".join(
            f"{warranties_screen.amount(each.warranty_price)} for "
            f"{each.warranty_duration_months} months"
            for each in answer.value.warranties
        )
        story.say(f"{told}{', as before' if replayed else ''}.")
    return answer.value


def _refuse(story: Story, api: WarrantiesApi) -> None:
    story.step(
        "There is no plan for a goldfish, and it is counted, so that the card can grow.",
        "warranties plans",
        "warranties plans --refusals",
    )
    sale = _sale("goldfish", "fish-1", "Goldfish")
    answer, _ = api.sell(sale, key=str(uuid4()))
    story.say(f"No warranty: {answer.value.reason}.")


def _explain(story: Story, api: WarrantiesApi, warranty_id: str) -> str:
    story.step(
        "Every warranty says why it costs what it costs; its request and answer are archived.",
        f"warranties show {warranty_id}",
    )
    for _ in story.tries("the sale is not archived"):
        answer = api.warranty(warranty_id)
        if answer.value.archive.state == "done":
            break
    shown: WarrantyView = answer.value
    story.say(warranties_screen.warranty(shown))
    return answer.text


def _sale(item_type: str, sku: str, title: str) -> dict[str, object]:
    return {
        "store_uuid": _STORE,
        "item_type": item_type,
        "item_sku": sku,
        "item_cost": 150,
        "item_title": title,
    }

"""Warranties: a price that can be recomputed, requested twice and stored once."""

from uuid import uuid4

from backroom.demo.story import Story
from backroom.warranties import screens
from backroom.warranties.api import WarrantiesApi, sale

_SKU, _TITLE = "demo-sofa", "Amy's Sectional Sofa"


def play(story: Story) -> str:
    """Tell the chapter; return the warranty that it ends with, as JSON."""
    run = uuid4().hex[:8]
    with story.here.api(WarrantiesApi) as api:
        warranty_id = _sell_twice(story, api, f"demo-{run}")
        story.made.append(("warranties", warranty_id))
        _refuse(story, api, f"demo-{run}")
        return _explain(story, api, warranty_id)


def _sell_twice(story: Story, api: WarrantiesApi, store: str) -> str:
    create = (
        f"warranties create --store {store} --type furniture --sku {_SKU} --cost 150.00 "
        f'--title "{_TITLE}" --key {store}'
    )
    story.step("A store sells a sofa, gets no answer, and retries.", *[create] * 2)
    for _ in range(2):
        answer, replayed = api.sell(sale(store, "furniture", _SKU, "150.00", _TITLE), key=store)
        for line in screens.sold(answer.value, replayed=replayed):
            story.say(line)
    return answer.value.warranties[0].id


def _refuse(story: Story, api: WarrantiesApi, store: str) -> None:
    story.step(
        "A cushion is too cheap for a warranty; what is refused is counted, so the card can grow.",
        f"warranties create --store {store} --type furniture --sku demo-cushion --cost 9.99 "
        "--title Cushion",
        "warranties plans --refusals",
    )
    answer, _ = api.sell(
        sale(store, "furniture", "demo-cushion", "9.99", "Cushion"), key=f"{store}-2"
    )
    for line in screens.sold(answer.value, replayed=False):
        story.say(line)
    story.say(screens.refusals(api.refusals().value))


def _explain(story: Story, api: WarrantiesApi, warranty_id: str) -> str:
    story.step("Each warranty says how it came to its price.", f"warranties show {warranty_id}")
    answer = api.warranty(warranty_id)
    story.say(screens.warranty(answer.value))
    return answer.text

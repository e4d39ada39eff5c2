"""The bakery: tickets for the provider, who lacks eggs; a customer is notified; staff come and go.

The provider is played by the stand-ins that `make up` started; without them the story ends
where a real provider would take over.
"""

from collections.abc import Callable
from contextlib import suppress

import httpx

from backroom.bakery import screens as bakery_screen
from backroom.bakery.api import BakeryApi
from backroom.core import show
from backroom.core.errors import ApiError
from backroom.demo.story import Story
from chalicelib.bakery.answers import EmployeeAnswer, OrderAnswer

_CAKE = "Demo Carrot Cake"
_CAKE_ID = "demo_carrot_cake"
_RECIPE = {
    "carrots": {"amount": 60, "unit": "g"},
    "flour": {"amount": 17, "unit": "g"},
    "eggs": {"amount": 2, "unit": "unit"},
}
_CUSTOMER = "Mr Cakelover"
_LOGIN = "ada"


def play(story: Story) -> str:
    """Tell the chapter; return the employees that it ends with, as JSON."""
    with story.here.api(BakeryApi) as api:
        _bake(story, api)
        _order_for_the_day(story, api)
        short, baked = _order_two_at_once(story, api)
        _lack_eggs(story, api, short)
        _tell_the_customer(story, api, baked)
        story.made.append(("orders", str(baked.id)))
        return _hire_and_fire(story, api)


def _bake(story: Story, api: BakeryApi) -> None:
    story.step(
        "The bakery has a new cake.",
        f'cakes add "{_CAKE}" carrots=60g flour=17g eggs=2',
    )
    with suppress(ApiError):  # it is there since an earlier demo
        api.add_cake({"name": _CAKE, "ingredients": _RECIPE})
    story.say(bakery_screen.cake(api.cake(_CAKE_ID).value))


def _order_for_the_day(story: Story, api: BakeryApi) -> None:
    story.step(
        "An order joins the day's ticket: one, at 06:00 UTC or on request.",
        f'orders place "{_CUSTOMER}" {_CAKE_ID} --persons 2',
        "batches run",
    )
    placed = api.place(_asked(persons=2)).value
    batch = api.run_batch().value
    if placed.id in batch.orders:
        story.say(bakery_screen.batch(batch))
    else:
        text = f"Today's ticket has been created already; order {placed.id} joins tomorrow's."
        story.say(text)


def _order_two_at_once(story: Story, api: BakeryApi) -> tuple[OrderAnswer, OrderAnswer]:
    story.step(
        "Two orders are urgent, and get tickets of their own.",
        f'orders place "{_CUSTOMER}" {_CAKE_ID} --persons 4 --urgent',
        f'orders place "{_CUSTOMER}" {_CAKE_ID} --persons 1 --urgent',
    )
    placed = [api.place({**_asked(persons=persons), "urgent": True}).value for persons in (4, 1)]
    first, second = (_until(story, api, each.id, _has_ticket, "has no ticket") for each in placed)
    for order in (first, second):
        key = order.ticket.key if order.ticket else None
        story.say(f"Order {order.id} is {order.status}: {key} at the provider's.")
    return first, second


def _lack_eggs(story: Story, api: BakeryApi, order: OrderAnswer) -> None:
    key = order.ticket.key if order.ticket else None
    story.step(f"The provider has no eggs: {key} is labelled missing-eggs, and closed.")
    labels = ["missing-ingredients", "missing-eggs"]
    if not _provider_does(story, f"/control/jira/issues/{key}", labels=labels, status="done"):
        return
    ended = _until(story, api, order.id, _is_filed, "was not cancelled")
    story.say(bakery_screen.order(ended))


def _tell_the_customer(story: Story, api: BakeryApi, order: OrderAnswer) -> None:
    story.step(
        "The other cake is ready; its customer is notified once.", f"orders ready {order.id}"
    )
    for _ in range(2):
        api.ready(order.id)
    order = _until(story, api, order.id, _is_notified, "has not notified the customer")
    notice = order.notice
    if notice:
        story.say(f"Order {order.id} is {order.status}; notified by {notice.channel}: {notice.to}.")


def _hire_and_fire(story: Story, api: BakeryApi) -> str:
    story.step(
        "A developer comes, and goes; so does their access to the repository.",
        f"employees hire Ada Lovelace --developer --github {_LOGIN}",
        "employees fire ID",
    )
    hired = api.hire(
        {
            "firstName": "Ada",
            "lastName": "Lovelace (demo)",
            "permissions": {"developer": True},
            "githubUsername": _LOGIN,
        }
    ).value
    for _ in story.tries("no access was granted"):
        now: EmployeeAnswer = api.employee(hired.id).value
        if now.access != "pending":
            break
    story.say(f"{now.first_name} {now.last_name}: access {now.access}.")
    api.fire(hired.id)
    answer = api.employees()
    story.say(f"{show.plural(len(answer.value), 'employee')} left.")
    return answer.text


def _provider_does(story: Story, path: str, **body: object) -> bool:
    """Have the stand-in do what the provider would; return False when there is none."""
    try:
        httpx.post(f"{story.standins}{path}", json=body, timeout=30).raise_for_status()
    except httpx.HTTPError:
        story.say("There is no stand-in for the provider here; a real one does this step.")
        return False
    return True


def _until(
    story: Story,
    api: BakeryApi,
    order_id: int,
    reached: Callable[[OrderAnswer], bool],
    missing: str,
) -> OrderAnswer:
    for _ in story.tries(f"order {order_id} {missing}"):
        order = api.order(order_id).value
        if reached(order):
            return order
    raise AssertionError  # tries ends with an error


def _has_ticket(order: OrderAnswer) -> bool:
    return bool(order.ticket and order.ticket.key)


def _is_filed(order: OrderAnswer) -> bool:
    return order.status == "cancelled" and bool(order.filed)


def _is_notified(order: OrderAnswer) -> bool:
    return bool(order.notice and order.notice.state == "sent")


def _asked(*, persons: int) -> dict[str, object]:
    return {"customer": _CUSTOMER, "recipe": _CAKE_ID, "persons": persons, "quantity": 1}

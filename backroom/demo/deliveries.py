"""Packages: a retry delivers nothing twice, and who has declined gets nothing."""

from datetime import UTC
from uuid import uuid4

from backroom.deliveries import screens as deliveries_screen
from backroom.deliveries.api import DeliveriesApi
from backroom.demo.story import Story
from chalicelib.deliveries.answers import PackageAnswer

_SENDER, _RECIPIENT = "demo-earth", "demo-mars"


def play(story: Story) -> str:
    """Tell the chapter; return the statistics that it ends with, as JSON."""
    run = uuid4().hex[:8]
    with story.here.api(DeliveriesApi) as api:
        _send_twice(story, api, f"demo-{run}-1")
        _decline(story, api, f"demo-{run}-2")
        story.made.append(("packages", f"demo-{run}-2"))
        return _count(story, api)


def _send_twice(story: Story, api: DeliveriesApi, package_id: str) -> None:
    send = f"packages send {package_id} --from {_SENDER} --to {_RECIPIENT} --type personal"
    story.step("Earth sends a package, gets no response, and sends it again.", send, send)
    _choose(story, api, personal=True, marketing=True)
    for _ in range(2):
        story.say(deliveries_screen.outcome(_send(story, api, package_id, "personal")))


def _decline(story: Story, api: DeliveriesApi, package_id: str) -> None:
    story.step(
        "Mars wants no marketing any more; what comes after that is dropped, for good.",
        f"preferences set {_RECIPIENT} --declines marketing",
        f"packages send {package_id} --from {_SENDER} --to {_RECIPIENT} --type marketing",
        f"packages show {package_id}",
    )
    _choose(story, api, marketing=False)
    _send(story, api, package_id, "marketing")
    story.say(deliveries_screen.package(api.package(package_id).value))


def _count(story: Story, api: DeliveriesApi) -> str:
    story.step("The counts are exact, and can be proven.", "stats --recount")
    answer = api.statistics()
    story.say(deliveries_screen.statistics(answer.value))
    return answer.text


def _send(story: Story, api: DeliveriesApi, package_id: str, package_type: str) -> PackageAnswer:
    body = {
        "timestamp": story.here.now().astimezone(UTC).isoformat(),
        "sender_id": _SENDER,
        "recipient_id": _RECIPIENT,
        "package_id": package_id,
        "package_type": package_type,
    }
    return api.send(body).value


def _choose(story: Story, api: DeliveriesApi, **wishes: bool) -> None:
    api.choose(_RECIPIENT, wishes, story.here.now().astimezone(UTC).isoformat())

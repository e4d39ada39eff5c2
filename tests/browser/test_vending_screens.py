"""Files and the fleet in the browser: what a technician and a dispatcher do all day."""

import io
import re
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import FilePayload, Route, expect

from tests.browser.screens import Screens
from tests.support.deployed import Deployed
from tests.support.patience import eventually
from tests.support.vending.crew import Crew, hired, log, settled

IMAGE = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.fixture
def crew(stack: Deployed) -> Crew:
    return hired(stack)


def choose(screens: Screens, name: str, content: bytes, media_type: str = "text/plain") -> None:
    file: FilePayload = {"name": name, "mimeType": media_type, "buffer": content}
    screens.field("file").set_input_files(file)


def fresh(serial: str, *, rows: int = 200, faulty: int = 0) -> bytes:
    """Return a log that ends now."""
    start = datetime.now(UTC) - timedelta(seconds=600 * rows)
    return log(serial, start, rows=rows, faulty=faulty).encode()


def test_v2_a_technician_uploads_a_log_sees_what_was_refused_and_takes_it_back(
    stack: Deployed, screens: Screens, crew: Crew
) -> None:
    screens.show(f"files/mine/{crew.technician}")
    screens.sees("No files yet.")

    choose(screens, "today.txt", fresh(crew.machine) + b"nonsense\n")
    assert screens.field("downloaded_at").input_value()  # proposed: the file's own time
    screens.press("Upload")
    expect(screens.row("today.txt")).to_contain_text("Processed")
    expect(screens.row("today.txt").get_by_role("cell").nth(4)).to_have_text("200")
    screens.sees("200 kept, 1 rejected")

    screens.page.get_by_role("link", name="today.txt").click()
    expect(screens.row("nonsense")).to_contain_text("201")
    machine = screens.page.get_by_role("main").get_by_role("link", name=crew.machine)
    expect(machine).to_have_attribute("href", f"#/fleet/machine/{crew.machine}")

    screens.show(f"files/mine/{crew.technician}")
    screens.press("Delete today.txt")
    screens.confirm("Delete")
    screens.sees("No files yet.")
    assert crew.stack.api.get("/files", params={"technician": crew.technician}).json() == []


def test_v2_a_log_that_is_too_large_for_a_request_goes_to_the_share(
    screens: Screens, crew: Crew
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("log.txt", fresh(crew.machine, rows=150_000))
    assert len(packed.getvalue()) > 4 * 1024 * 1024
    screens.show(f"files/mine/{crew.technician}")

    choose(screens, "large.zip", packed.getvalue())
    screens.press("Upload")

    expect(screens.row("large.zip")).to_contain_text("Processed")
    expect(screens.row("large.zip").get_by_role("cell").nth(4)).to_have_text("150,000")


def test_4c_a_file_tells_its_machine_and_what_fails_on_its_way_goes_again(
    stack: Deployed, screens: Screens
) -> None:
    crew = hired(stack, machines=2)
    first, second = crew.machines
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.txt", log(second, rows=292) + f"{second}|2020-03")
    lost: list[str] = []

    def lose_one(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.url)
        route.abort()

    screens.page.route("**/files?*filename*", lose_one)
    screens.show(f"files/mine/{crew.technician}")
    files: list[FilePayload] = [
        {
            "name": f"{crew.technician}.{first}.2018-09-21_093448.txt",
            "mimeType": "text/plain",
            "buffer": "".join(
                log(first, datetime(2018, 9, day, tzinfo=UTC)) for day in (17, 20)
            ).encode(),
        },
        {"name": "packed.zip", "mimeType": "application/zip", "buffer": packed.getvalue()},
    ]
    screens.field("file").set_input_files(files)
    expect(screens.field("machine").first).to_have_value(first)
    expect(screens.field("downloaded_at").first).to_have_value("2018-09-21T09:34:48")
    expect(screens.field("machine").last).to_have_value(second)

    screens.press("Upload 2 files")

    screens.sees("20 kept; nothing from Tue 18 Sept to Wed 19 Sept")
    screens.sees("292 kept, 1 cut off")
    assert lost


def test_4c_the_days_of_a_file_are_shown_once_its_rows_count(screens: Screens, crew: Crew) -> None:
    asked: list[str] = []

    def not_yet_judged(route: Route) -> None:
        answer = route.fetch()
        file = answer.json()
        if file["state"] == "processed" and asked.count("file") < 2:
            asked.append("file")
            file["judged"] = False
        route.fulfill(response=answer, json=file)

    def days(route: Route) -> None:
        asked.append("days")
        route.continue_()

    screens.page.route(re.compile(r"/files/\d+$"), not_yet_judged)
    screens.page.route("**/machines/*/days?*", days)
    screens.show(f"files/mine/{crew.technician}")
    both = "".join(log(crew.machine, datetime(2018, 9, day, tzinfo=UTC)) for day in (17, 20))

    choose(screens, "late.txt", both.encode())
    screens.press("Upload")

    screens.sees("20 kept; nothing from Tue 18 Sept to Wed 19 Sept")
    assert asked == ["file", "file", "days"]


def test_4c_a_file_whose_machine_is_somebody_else_s_by_now_is_shown_without_its_days(
    screens: Screens, crew: Crew
) -> None:
    file = settled(crew.stack, crew.upload(log(crew.machine)).json()["id"])
    missing = {"title": "Not found", "status": 404}
    screens.page.route(
        "**/machines/*/days?*", lambda route: route.fulfill(status=404, json=missing)
    )

    screens.show(f"files/file/{file['id']}")

    screens.sees("10 kept")
    screens.sees("No rejected lines.")


def test_16_a_file_with_many_rejected_lines_shows_a_page_of_them(
    screens: Screens, crew: Crew
) -> None:
    nonsense = "".join(f"{crew.machine}|nonsense {number}\n" for number in range(1_050))
    uploaded = crew.upload(log(crew.machine) + nonsense)
    file = settled(crew.stack, uploaded.json()["id"])
    assert file["rows_refused"] == 1_050

    screens.show(f"files/file/{file['id']}")

    screens.sees("The first 1,000 of 1,050 lines")
    screens.sees("100 of 1,000")
    lines = screens.page.get_by_role("row").filter(has_text="nonsense")
    expect(lines).to_have_count(100)
    screens.press("Show more")
    expect(lines).to_have_count(200)
    screens.sees("200 of 1,000")


def test_16_many_technicians_are_shown_a_page_at_a_time(screens: Screens) -> None:
    many = [
        {"technician_id": f"T{number:04}", "name": f"Ann {number}", "machines": []}
        for number in range(1, 251)
    ]
    screens.page.route(re.compile(r"/technicians$"), lambda route: route.fulfill(json=many))
    screens.show("fleet/people")

    # The machines of the same screen may be those of such technicians.
    section = screens.page.locator("section").filter(has_text="250 technicians")
    lines = section.get_by_role("row").filter(has_text="Ann ")
    screens.sees("100 of 250")
    expect(lines).to_have_count(100)
    for shown in (200, 250):
        section.get_by_role("button", name="Show more").click()
        expect(lines).to_have_count(shown)
    screens.sees("All 250 shown.")


def test_4d_an_image_is_refused_and_nothing_is_lost(screens: Screens, crew: Crew) -> None:
    screens.show(f"files/mine/{crew.technician}")

    choose(screens, "photo.png", IMAGE, "image/png")
    screens.press("Upload")

    expect(screens.page.get_by_role("alert")).to_contain_text("Content-Type must be")
    expect(screens.field("downloaded_at")).not_to_have_value("")


def test_4d_a_text_that_is_too_large_for_a_request_is_packed_first(
    stack: Deployed, screens: Screens, crew: Crew
) -> None:
    screens.show("files/imports")
    content = fresh(crew.machine, rows=200_000)
    assert len(content) > 4 * 1024 * 1024

    choose(screens, f"large-{crew.machine}.txt", content)
    screens.press("Import")

    expect(screens.row(f"large-{crew.machine}.txt")).to_contain_text("Process")
    screens.page.get_by_role("link", name=f"large-{crew.machine}.txt").first.click()
    tab = screens.page.get_by_role("navigation", name="Files").get_by_role("link", name="Imports")
    expect(tab).to_have_attribute("aria-current", "page")


def test_v6_the_dispatcher_sees_whom_to_send_and_why_sends_and_closes(
    stack: Deployed, screens: Screens, crew: Crew
) -> None:
    crew.upload(fresh(crew.machine, faulty=20).decode(), downloaded_at=f"{datetime.now(UTC):%FT%T}")
    eventually(stack.calm, within_s=60)

    screens.show(f"fleet/worklist/{crew.technician}")
    screens.sees("1 to visit, 0 on the way, $5.00 lost")
    screens.sees("Takes money, gives nothing")
    screens.press(f"Evidence for {crew.machine}")
    screens.sees("20 of 200 credits gave no gumball")
    screens.fill(note="take the <b>wheel</b>")
    screens.press("Send technician")
    screens.sees("On the way")
    screens.sees("take the <b>wheel</b>")

    screens.press("Close visit")
    screens.confirm("Close visit")
    screens.sees("No machine needs a visit.")
    [visit] = stack.api.get("/dispatches", params={"machine": crew.machine}).json()
    assert (visit["state"], visit["note"]) == ("closed", "take the <b>wheel</b>")


def test_v6_a_machine_shows_its_evidence_and_who_looks_after_it(
    stack: Deployed, screens: Screens, crew: Crew
) -> None:
    crew.upload(fresh(crew.machine, faulty=20).decode(), downloaded_at=f"{datetime.now(UTC):%FT%T}")
    eventually(stack.calm, within_s=60)

    screens.show("fleet/machines")
    screens.page.get_by_role("link", name=crew.machine).click()

    screens.sees("20 of 200 credits gave no gumball")
    screens.sees("Paid, nothing given20 ($5.00)")
    expect(screens.page.get_by_role("img", name="20 faults")).to_be_visible()
    expect(screens.page.get_by_role("img", name="hour of the week")).to_be_visible()

    screens.page.get_by_text("Change technician, site or capacity").click()
    screens.field("technician").select_option("")
    screens.fill(capacity="600")
    screens.press("Save")
    screens.sees("No technician is assigned.")
    screens.page.get_by_text("Report a visit").click()
    screens.field("full").check()
    screens.fill(cash_cents="12,345")
    screens.press("Report visit")
    expect(screens.fault("cash_cents")).to_contain_text("whole number")
    screens.fill(cash_cents="12.50")
    screens.press("Report visit")

    screens.sees("Gumballs left600 of 600")
    [visit] = stack.api.get(f"/machines/{crew.machine}/visits").json()
    assert (visit["full"], visit["cash_cents"]) == (True, 1250)


def test_v6_several_are_sent_at_once_and_the_board_follows_what_others_do(
    stack: Deployed, screens: Screens
) -> None:
    crew = hired(stack, machines=3)
    first, second, third = crew.machines
    now = f"{datetime.now(UTC):%FT%T}"
    for serial in crew.machines:
        crew.upload(fresh(serial, faulty=20).decode(), machine=serial, downloaded_at=now)
    eventually(stack.calm, within_s=60)
    screens.show(f"fleet/worklist/{crew.technician}/site")
    screens.sees("3 to visit")

    screens.page.get_by_label(f"Select {first}").check()
    screens.page.get_by_label(f"Select {second}").check()
    screens.page.get_by_label("Note for the technicians").fill("both wheels")
    screens.page.get_by_role("group", name="Selected").get_by_role("button").first.click()
    screens.sees("1 to visit, 2 on the way")
    notes = {each["note"] for each in stack.api.get("/dispatches", params={"state": "open"}).json()}
    assert "both wheels" in notes

    screens.press(f"Evidence for {third}")
    [visit] = stack.api.get("/dispatches", params={"machine": first, "state": "open"}).json()
    stack.api.post(f"/dispatches/{visit['id']}/close")
    screens.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    screens.sees("1 to visit, 1 on the way")
    fold = screens.page.get_by_role("button", name=f"Evidence for {third}")
    expect(fold).to_have_attribute("aria-expanded", "true")
    expect(fold).to_be_focused()

    screens.page.get_by_role("link", name="Print or share route").click()
    screens.sees("Route of Robin")
    screens.sees("2 machines at 1 stop")


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)], ids=["desk", "phone"])
def test_v6_45_machines_to_visit_are_at_most_four_screens_high(
    stack: Deployed, screens: Screens, width: int, height: int
) -> None:
    crew = hired(stack, machines=2)
    for serial, faulty in zip(crew.machines, (20, 200), strict=True):
        now = f"{datetime.now(UTC):%FT%T}"
        crew.upload(fresh(serial, faulty=faulty).decode(), machine=serial, downloaded_at=now)
    eventually(stack.calm, within_s=60)
    query = {"technician": crew.technician}
    found = [*stack.api.get("/worklist", params=query).raise_for_status().json()] * 23
    items = [
        {**item, "machine": f"GM{number:03}", "technician_name": "Zoë Åkerström"}
        | {"site": "mary", "site_name": "St Mary's Primary School, east entrance"}
        for number, item in enumerate(found[:45])
    ]
    screens.page.route("**/worklist?*", lambda route: route.fulfill(json=items))
    screens.page.set_viewport_size({"width": width, "height": height})

    screens.show("fleet/worklist")

    screens.sees("45 to visit")
    assert screens.evaluate("document.documentElement.scrollHeight") <= 4 * height
    screens.press("Evidence for GM000")
    expect(screens.page.get_by_text("Carry: ").first).to_be_visible(visible=width < 720)


def test_v1_somebody_new_gets_a_number_and_a_machine(screens: Screens, crew: Crew) -> None:
    screens.show("fleet/people")
    screens.page.get_by_text("Add or change a machine").click()
    screens.fill(serial="GM1")
    screens.press("Save machine")

    expect(screens.fault("serial")).to_contain_text("GM")
    expect(screens.field("serial")).to_be_focused()

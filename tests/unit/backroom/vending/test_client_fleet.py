"""The fleet's screen, and what is shown of one machine, the work, the visits."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from backroom.vending.screens import fleet as fleet_screen
from backroom.vending.screens.machine_table import Surroundings, machine_table
from chalicelib.vending.models import FleetReport
from tests.support.backroom.desk import NOW, SAMPLE, Desk, fleet, hours_ago, machine, run, words

FAULT = {
    "kind": "over",
    "level": "degraded",
    "faults": 19,
    "rate": 0.058642,
    "wilson_low": 0.03786,
    "first_known_at": "2020-02-04T11:11:42Z",
    "why": "19 of 324 credits gave more than one gumball",
    "clears_when": "no such fault in the first 50 credits after a visit",
    "parts": ["metering wheel", "wheel brush"],
}
GAP = {
    "from": "2020-02-15T23:29:04Z",
    "to": "2020-02-17T00:04:26Z",
    "hours": 24.589,
    "e": 2e-27,
    "why": "none of 6 machines reported for 24.6 h",
}
ILL = machine(
    "GM006",
    "degraded",
    transactions=324,
    over=19,
    given_away_cents=475,
    corrupt_lines=3,
    last_at=hours_ago(30 * 24),
    overdue=True,
    due_at=hours_ago(16 * 24),
    verdicts=[FAULT],
)
WELL = machine("GM001", last_at=hours_ago(3))


def at(desk: Desk, *machines: dict[str, Any], **told: Any) -> Desk:
    """Let the desk answer for a fleet; GM006 stands at the mall and is T0001's."""
    place = {"GM006": {"site": "mall", "technician": "T0001"}}
    views = [each | place.get(each["serial"], {}) for each in machines]
    return desk.on("GET", "/fleet", fleet(*machines, **told)).on("GET", "/machines", views)


def rows(serial: str, *days_ago: int) -> list[dict[str, Any]]:
    return [
        {"id": number, "machine": serial, "at": hours_ago(24 * days), "gumballs": 1}
        for number, days in enumerate(days_ago, 1)
    ]


# --- the fleet ----------------------------------------------------------------------------------


def test_v6_the_fleet_is_shown_in_the_apis_order_with_counts_rates_and_money(desk: Desk) -> None:
    result = at(desk, ILL, WELL).run("fleet", width=120)

    lines = result.stdout.splitlines()
    ill, well = (next(line for line in lines if line.startswith(s)) for s in ("GM006", "GM001"))
    assert lines.index(ill) < lines.index(well)
    assert ill.split()[:6] == ["GM006", "degraded", "T0001,", "mall", "324", "·"]
    for figure in ("19  5.9%", "$4.75", " 3 ", "2026-10-22", "16 d"):
        assert figure in ill
    assert "healthy" in well


def test_v6_under_the_table_each_verdict_says_why_since_when_and_what_to_carry(desk: Desk) -> None:
    told = words(at(desk, ILL, WELL, fleet_gaps=[GAP]).run("fleet"))

    assert "GM006 too many 19 of 324 credits gave more than one gumball" in told
    assert "known since 2020-02-04; carry metering wheel, wheel brush" in told
    assert "24.6 h 2020-02-15 23:29 to 2020-02-17 00:04 none of 6 machines" in told
    assert "2 machines: 1 degraded, 1 healthy, 1 overdue" in told
    assert "$4.75 given away" in told
    assert told.endswith("Next: backroom worklist")


@pytest.mark.parametrize("width", [40, 52, 58, 64, 72])
def test_v6_a_narrow_terminal_leaves_columns_out_and_cuts_no_figure(desk: Desk, width: int) -> None:
    result = at(desk, ILL, WELL).run("fleet", width=width)

    ill = next(line for line in result.stdout.splitlines() if line.startswith("GM006 "))
    assert len(ill) <= width
    assert {"degraded", "$4.75"} <= set(ill.split())
    figures = {"324", "19", "5.9%", "$4.75", "3", "2026-10-22", "16", "d", "·"}
    assert set(ill.split()) <= {"GM006", "degraded", *figures}


@pytest.mark.parametrize("width", [64, 72, 80])
def test_v6_a_narrow_list_of_machines_cuts_neither_ids_nor_days(desk: Desk, width: int) -> None:
    result = at(desk, ILL, WELL).run("machines", "list", width=width)

    told = words(result)
    for whole in ("GM006", "T0001", "2026-11-05"):
        assert whole in told


@pytest.mark.parametrize("width", [80, 90, 100, 110, 120, 140, 200])
def test_v6_the_table_fits_whatever_the_terminal(desk: Desk, width: int) -> None:
    at(desk, ILL, WELL, fleet_gaps=[GAP]).on(
        "GET", "/machines/GM006/transactions", rows("GM006", 30, 31)
    )

    result = desk.run("fleet", width=width)

    assert max(map(len, result.stdout.splitlines())) <= width
    assert "…" not in result.stdout
    for word in ("GM006", "degraded", "5.9%", "$4.75", "2026-10-22", "16 d"):
        assert word in result.stdout


def test_v6_a_wide_terminal_shows_the_rows_of_each_day(desk: Desk) -> None:
    at(desk, WELL)
    desk.on("GET", "/machines/GM001/transactions", rows("GM001", 3, 2, 2, 0))

    result = desk.run("fleet", width=120)

    assert "▄█·▄" in result.stdout
    (asked,) = desk.sent("GET", "/machines/GM001/transactions")
    assert asked.url.params["from"] == "2026-10-24T00:00:00Z"


def test_a_machine_that_fell_silent_before_the_others_has_pale_bars_of_its_own_days() -> None:
    report = FleetReport.model_validate(fleet(WELL, ILL))
    today = NOW.date()
    days = {
        "GM001": {today - timedelta(days=1): 2, today: 4},
        "GM006": {today - timedelta(days=40): 1},
    }

    around = Surroundings(NOW, rows_by_day=days)
    console = Console(width=120)
    table = machine_table(report.machines, around, 120)

    column = next(c for c in table.columns if str(c.header).startswith("Rows a day"))
    cells: Any = column.cells
    well, ill = cells
    assert (well.plain.strip(), ill.plain.strip()) == ("▄█", "█")
    assert "dim" in str(ill.spans)
    with console.capture() as screen:
        fleet_screen.draw(console, report, around)
    assert "Pale bars: silent before the others." in screen.get()


def test_a_large_fleet_folds_its_healthy_machines(desk: Desk) -> None:
    many = [ILL, *(machine(f"GM{number}") for number in range(100, 150))]

    folded = at(desk, *many).run("fleet", width=120)
    whole = desk.run("fleet", "--all", width=120)

    assert "GM100" not in folded.stdout
    assert "and 50 healthy machines; --all lists them" in folded.stdout
    assert "GM149" in whole.stdout


def test_of_a_large_fleet_only_the_most_urgent_machines_have_bars(desk: Desk) -> None:
    serials = [f"GM{number}" for number in range(100, 130)]
    at(desk, *(machine(serial, last_at=hours_ago(3)) for serial in serials))
    for serial in serials:
        desk.on("GET", f"/machines/{serial}/transactions", rows(serial, 0))

    result = desk.run("fleet", width=120)

    asked = {each.url.path for each in desk.requests if "transactions" in each.url.path}
    assert asked == {f"/machines/{serial}/transactions" for serial in serials[:20]}
    assert "Bars: the 20 most urgent." in result.stdout


def test_a_machine_whose_rows_cannot_be_had_is_shown_without_bars(desk: Desk) -> None:
    result = at(desk, WELL).run("fleet", width=120)

    assert result.exit_code == 0
    assert "GM001" in result.stdout


def test_a_machine_with_very_many_rows_is_not_asked_for_them(desk: Desk) -> None:
    busy = machine("GM001", transactions=250_000, last_at=hours_ago(3))

    at(desk, busy).run("fleet", width=120)

    assert desk.sent("GET", "/machines/GM001/transactions") == []


def test_an_empty_fleet_says_what_to_do_next(desk: Desk) -> None:
    result = at(desk).run("fleet")

    assert result.exit_code == 0
    assert "No machines yet." in result.stdout
    assert "Next: backroom import PATH" in result.stdout


def test_a_report_that_is_not_up_to_date_says_so(desk: Desk) -> None:
    assert "Try again in a moment." in words(at(desk, WELL, up_to_date=False).run("fleet"))


def test_a_report_of_some_machines_sums_up_those() -> None:
    report = FleetReport.model_validate(fleet(ILL, WELL))

    part = fleet_screen.only(report, ["GM006"])

    assert [each.serial for each in part.machines] == ["GM006"]
    assert (part.totals.machines, part.totals.given_away_cents) == (1, 475)


# --- one machine --------------------------------------------------------------------------------


def test_v6_a_machine_is_shown_with_its_evidence_and_what_would_clear_it(desk: Desk) -> None:
    desk.on("GET", "/machines/GM006", ILL | {"technician": "T0001"})

    told = words(desk.run("machines", "show", "GM006"))

    for part in (
        "GM006 degraded",
        "site none yet",
        "technician T0001",
        "too many 19 (5.9 %)",
        "$4.75 given away",
        "corrupt lines 3",
        "2026-11-05, 16 days ago",
        "clears when no such fault in the first 50 credits",
        "carry metering wheel, wheel brush",
    ):
        assert part in told


def test_a_machine_without_rows_says_what_to_do_next(desk: Desk) -> None:
    desk.on("GET", "/machines/GM001", machine(transactions=0, site="mall", technician="T0001"))

    told = words(desk.run("machines", "show", "GM001"))

    assert "site mall technician T0001 credits none yet" in told
    assert "Next: backroom files upload PATH --machine GM001" in told


def test_v7_transactions_are_lines_with_what_is_odd_about_them(desk: Desk) -> None:
    odd = [
        {"id": 1, "machine": "GM001", "at": "2020-02-20T11:29:44Z", "gumballs": 0},
        {"id": 2, "machine": "GM001", "at": "2020-02-20T11:29:45Z", "gumballs": 3},
        {
            "id": 3,
            "machine": "GM001",
            "at": "2020-02-20T11:29:45Z",
            "gumballs": 1,
            "suspected_duplicate": True,
        },
    ]
    desk.on("GET", "/machines/GM001/transactions", odd)

    lines = desk.run("machines", "transactions", "GM001").stdout.splitlines()

    assert lines[0].split() == ["Id", "At", "(UTC)", "Gumballs"]
    assert [line.split()[4:] for line in lines[1:]] == [
        ["no", "gumball"],
        ["too", "many"],
        ["suspected", "duplicate"],
    ]


def test_v7_several_pages_are_one_json_array_and_one_csv(desk: Desk) -> None:
    path = "/machines/GM001/transactions"
    more = '</machines/GM001/transactions?cursor=x>; rel="next"'
    desk.on(
        "GET",
        path,
        '[{"id": 1, "machine": "GM001", "at": "2020-02-20T11:29:44Z", "gumballs": 1}]',
        Link=more,
    )
    desk.on("GET", path, "[]")
    csv = Desk()
    csv.on("GET", path, "id,machine\r\n1,GM001\r\n", Link=more)
    csv.on("GET", path, "id,machine\r\n2,GM001\r\n")

    as_json = desk.run("machines", "transactions", "GM001", "--json")
    as_csv = csv.run("machines", "transactions", "GM001", "--csv", "--from", "2020-02-20")

    assert as_json.stdout == (
        '[{"id": 1, "machine": "GM001", "at": "2020-02-20T11:29:44Z", "gumballs": 1}]\n'
    )
    assert as_csv.stdout_bytes == b"id,machine\r\n1,GM001\r\n2,GM001\r\n"
    assert csv.requests[0].url.params["format"] == "csv"
    assert csv.requests[0].url.params["from"] == "2020-02-20T00:00:00+00:00"


def test_v7_no_transaction_in_a_time_is_said(desk: Desk) -> None:
    desk.on("GET", "/machines/GM001/transactions", [])

    result = desk.run("machines", "transactions", "GM001", "--from", "2020-02-20")

    assert "GM001 has no row in that time." in result.stdout


# --- work ---------------------------------------------------------------------------------------

WORK = {
    "machine": "GM006",
    "site": "mall",
    "technician": "T0001",
    "state": "degraded",
    "causes": [
        {
            "kind": "over",
            "since": "2026-10-25T11:11:42Z",
            "why": "19 of 324 credits gave more than one gumball",
            "clears_when": "50 clean credits",
        },
        {"kind": "overdue", "why": "its log was due on 2026-11-05", "clears_when": "a download"},
    ],
    "parts": ["metering wheel", "wheel brush"],
    "since": "2026-10-25T11:11:42Z",
    "overdue": True,
}
VISIT = {
    "id": 4,
    "machine": "GM006",
    "technician": "T0001",
    "note": "take a wheel",
    "state": "open",
    "opened_at": "2026-11-20T08:00:00Z",
}


def test_v8_the_worklist_says_where_why_since_when_and_what_to_carry(desk: Desk) -> None:
    desk.on("GET", "/worklist", [WORK])

    told = words(desk.run("worklist", "--technician", "#1"))

    assert desk.requests[0].url.params["technician"] == "T0001"
    assert "GM006 degraded mall, T0001 since 2026-10-25, 27 days" in told
    assert "too many 19 of 324 credits gave more than one gumball clears when: 50 clean" in told
    assert "overdue its log was due on 2026-11-05" in told
    assert "carry metering wheel, wheel brush" in told
    assert told.endswith('Next: backroom dispatch open GM006 --note "..."')


def test_v8_the_worklist_names_people_and_places_and_says_what_was_lost(desk: Desk) -> None:
    names = {"site_name": "Riverside Mall", "technician_name": "Ann", "given_away_cents": 475}
    desk.on("GET", "/worklist", [WORK | names])

    told = words(desk.run("worklist"))

    assert "Riverside Mall, Ann (T0001)" in told
    assert "money lost $4.75" in told


def test_v8_a_machine_that_somebody_is_on_the_way_to_says_so(desk: Desk) -> None:
    desk.on("GET", "/worklist", [WORK | {"dispatch": VISIT}])

    told = words(desk.run("worklist"))

    assert "on the way dispatch 4, yesterday 08:00: take a wheel" in told
    assert "Next:" not in told


def test_v8_no_work_is_good_news(desk: Desk) -> None:
    desk.on("GET", "/worklist", [])

    told = words(desk.run("worklist", "--technician", "1"))

    assert told.startswith("Nothing to do for T0001")
    assert "Next: backroom fleet" in told


def test_a_dispatch_is_opened_with_a_note(desk: Desk) -> None:
    desk.on("POST", "/dispatches", VISIT, status=201)

    told = words(desk.run("dispatch", "open", "GM006", "--note", "take a wheel"))

    [sent] = desk.sent("POST", "/dispatches")
    assert sent.read() == b'{"machine":"GM006","note":"take a wheel"}'
    assert "Dispatch 4: Technician T0001 has been sent to GM006." in told


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_nobody_is_sent_to_a_machine_without_a_technician(
    desk: Desk, as_json: tuple[str, ...]
) -> None:
    desk.on("GET", "/machines/GM006", machine("GM006"))

    result = desk.run("dispatch", "open", "GM006", *as_json)

    assert result.exit_code == 1
    assert desk.sent("POST", "/dispatches") == []
    assert "GM006 has no technician, so none was sent." in words(result, "stderr")
    assert "Next: backroom machines put GM006 --technician T0001" in words(result, "stderr")


def test_a_technician_who_was_unassigned_in_that_moment_is_not_said_to_be_sent(desk: Desk) -> None:
    desk.on("GET", "/machines/GM006", machine("GM006", technician="T0001"))
    desk.on("POST", "/dispatches", VISIT | {"technician": None}, status=201)

    result = desk.run("dispatch", "open", "GM006")

    assert result.exit_code == 1
    assert "none was sent" in words(result, "stderr")


def test_dispatches_are_listed_with_how_they_ended(desk: Desk) -> None:
    closed = VISIT | {
        "id": 3,
        "state": "closed",
        "closed_at": "2026-11-19T08:00:00Z",
        "closed_by": "file 12",
        "closing_note": "the rows since the visit are clean",
    }
    desk.on("GET", "/dispatches", [VISIT, closed])

    told = words(desk.run("dispatch", "list", "--state", "closed", "--machine", "GM006", width=160))

    assert dict(desk.requests[0].url.params) == {"state": "closed", "machine": "GM006"}
    assert "2026-11-19 by file 12: the rows since the visit are clean" in told


@pytest.mark.parametrize("width", [60, 64, 80])
def test_a_narrow_list_of_dispatches_breaks_no_word(desk: Desk, width: int) -> None:
    closed = VISIT | {
        "state": "closed",
        "technician": "T0001",
        "closed_at": "2026-11-19T08:00:00Z",
        "closed_by": "inspection",
        "closing_note": "rotor exchanged",
    }
    desk.on("GET", "/dispatches", [closed])

    result = desk.run("dispatch", "list", width=width)

    assert max(map(len, result.stdout.splitlines())) <= width
    for word in ("T0001", "closed", "inspection:", "exchanged"):
        assert word in result.stdout


def test_an_empty_list_of_dispatches_says_what_to_do_next(desk: Desk) -> None:
    desk.on("GET", "/dispatches", [])

    told = words(desk.run("dispatch", "list", "--state", "open"))

    assert told.startswith("No dispatches found. Next: backroom worklist")


def test_the_real_fleet_reads_well_without_a_terminal() -> None:
    result = run("audit", Path(SAMPLE), width=80)

    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


# --- a fleet in pages, and made anew ------------------------------------------------------------


def test_a_fleet_of_many_pages_is_shown_whole() -> None:
    first, second = fleet(machine("GM001")), fleet(machine("GM002"))
    desk = Desk()
    desk.on("GET", "/fleet", first, Link='</fleet?cursor=x>; rel="next"')
    desk.on("GET", "/fleet", second)

    result = desk.run("fleet", "--json")

    assert [each["serial"] for each in json.loads(result.stdout)["machines"]] == ["GM001", "GM002"]
    assert [request.url.query for request in desk.requests] == [b"", b"cursor=x"]


def test_a_rebuild_is_followed_until_it_is_done() -> None:
    def told(epoch: int, state: str, machines: int) -> dict[str, Any]:
        return {"epoch": epoch, "state": state, "machines": machines, "parts": 4, "parts_done": 1}

    desk = Desk()
    desk.on("POST", "/fleet/rebuild", told(3, "running", 0), status=202)
    desk.on("GET", "/fleet/rebuild", told(2, "done", 9), told(3, "running", 5), told(3, "done", 12))

    result = desk.run("fleet", "rebuild")

    assert (result.exit_code, result.stdout) == (0, "Rebuilt 12 machines.\n")
    assert len(desk.requests) == 4


# --- days, stock, visits ------------------------------------------------------------------------

AT = "2020-02-20T08:00:00Z"
DAY = {
    "time_zone": "UTC",
    "sales_by_hour": [0] * 24,
    "covered_hours": 24,
    "refused_lines": 0,
    "silences": [],
    "visits": [],
}


def day(number: int, sales: int, **more: Any) -> dict[str, Any]:
    return {**DAY, "day": f"2020-02-{number:02d}", "sales": sales, "under": 0, "over": 0, **more}


def test_v5_a_machine_is_drawn_day_by_day_with_silences_and_downloads(desk: Desk) -> None:
    silence = {"kind": "lost_log", "from": AT, "to": AT, "why": "x"}
    download = {"file": 1, "technician": "T0001", "at": AT}
    desk.on("GET", "/machines/GM001", machine())
    desk.on(
        "GET",
        "/machines/GM001/days",
        [day(1, 8), day(2, 4, under=2), day(3, 0, silences=[silence], visits=[download])],
    )

    shown = words(desk.run("machines", "show", "GM001"))

    assert "█▄░" in shown or "▇▄░" in shown
    assert "2020-02-01 to 2020-02-03, at most 8 sales a day" in shown


def test_what_is_left_and_the_cash_are_shown_where_they_are_known(desk: Desk) -> None:
    stock = {
        "capacity": 850,
        "left": 120,
        "left_at_least": 103,
        "as_of": AT,
        "filled_at": AT,
        "empty_on": "2020-03-04",
        "empty_from": "2020-03-02",
        "empty_to": "2020-03-07",
    }
    desk.on("GET", "/machines/GM001", machine(stock=stock))

    shown = words(desk.run("machines", "show", "GM001"))

    assert "120 of 850 left" in shown
    assert "perhaps 103" in shown
    assert "2020-03-04 (2020-03-02 to 2020-03-07)" in shown


def test_a_visit_is_reported_with_what_was_done(desk: Desk) -> None:
    answer = {"machine": "GM001", "at": AT, "full": True, "cash_cents": 1_225}
    desk.on("POST", "/machines/GM001/visits", answer, status=201)
    desk.on("GET", "/machines/GM001", machine())

    result = desk.run("machines", "visit", "GM001", "--full", "--cash", "12.25", "--at", AT)

    assert result.exit_code == 0, result.output
    assert json.loads(desk.requests[0].content)["cash_cents"] == 1_225
    assert json.loads(desk.requests[0].content)["full"] is True


@pytest.mark.parametrize("wrong", [[], ["--cash", "12.5"], ["--cash", "a lot"], ["--filled", "-1"]])
def test_a_visit_without_a_deed_or_with_a_wrong_amount_is_wrong_usage(
    desk: Desk, wrong: list[str]
) -> None:
    assert desk.run("machines", "visit", "GM001", *wrong).exit_code == 2
    assert desk.requests == []

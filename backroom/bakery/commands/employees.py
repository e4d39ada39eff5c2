"""`backroom employees`: employees, and their access to the repository."""

from typing import Annotated, Any

import typer

from backroom.bakery import screens
from backroom.bakery.api import BakeryApi
from backroom.core import session, sheets, show
from backroom.core.options import Csv, Json, Yes
from chalicelib.bakery.answers import EmployeeAnswer

employees = typer.Typer(no_args_is_help=True, help="Employees, and developers' access.")

EmployeeId = Annotated[int, typer.Argument(metavar="ID", min=1, help="The employee's number.")]
Login = Annotated[str | None, typer.Option("--github", metavar="NAME", help="Their user name.")]


@employees.command("list", epilog="Example: backroom employees list")
def list_employees(context: typer.Context, as_csv: Csv = False, as_json: Json = False) -> None:
    """List the employees."""
    here = session.of(context)
    with here.api(BakeryApi) as api:
        answer = api.employees()
    if sheets.printed(here, answer, EmployeeAnswer, as_json=as_json, as_csv=as_csv):
        return
    if answer.value:
        show.screen().print(screens.employees(answer.value))
    else:
        show.screen().print("No employees yet.")
        show.next_step(show.screen(), "backroom employees hire Ada Lovelace --developer")


@employees.command("show", epilog="Example: backroom employees show 10")
def show_employee(context: typer.Context, employee_id: EmployeeId, as_json: Json = False) -> None:
    """Show an employee, and the state of their access."""
    with session.of(context).api(BakeryApi) as api:
        answer = api.employee(employee_id)
    if as_json:
        typer.echo(answer.text)
    else:
        show.note(show.screen(), screens.employee(answer.value))


@employees.command(
    "hire", epilog="Example: backroom employees hire Ada Lovelace --developer --github ada"
)
def hire(
    context: typer.Context,
    first_name: Annotated[str, typer.Argument(metavar="FIRST", help="The first name.")],
    last_name: Annotated[str, typer.Argument(metavar="LAST", help="The last name.")],
    developer: Annotated[
        bool, typer.Option("--developer", help="They get access to the repository.")
    ] = False,
    github: Login = None,
    as_json: Json = False,
) -> None:
    """Add an employee; a developer's user name can be added later."""
    body: dict[str, Any] = {
        "firstName": first_name,
        "lastName": last_name,
        "permissions": {"developer": developer},
        **({"githubUsername": github} if github else {}),
    }
    with session.of(context).api(BakeryApi) as api:
        answer = api.hire(body)
    if as_json:
        typer.echo(answer.text)
        return
    show.note(show.screen(), screens.employee(answer.value))
    if answer.value.access == "needs_username":
        step = f"backroom employees change {answer.value.id} --github NAME"
        show.next_step(show.screen(), step)


@employees.command("change", epilog="Example: backroom employees change 10 --github ada")
def change(
    context: typer.Context,
    employee_id: EmployeeId,
    first_name: Annotated[str | None, typer.Option("--first", help="The first name.")] = None,
    last_name: Annotated[str | None, typer.Option("--last", help="The last name.")] = None,
    developer: Annotated[
        bool | None,
        typer.Option("--developer/--no-developer", help="Whether they use the repository."),
    ] = None,
    github: Login = None,
    as_json: Json = False,
) -> None:
    """Change an employee; omitted options keep their current value."""
    given = {
        "firstName": first_name,
        "lastName": last_name,
        "permissions": None if developer is None else {"developer": developer},
        "githubUsername": github,
    }
    body = {name: value for name, value in given.items() if value is not None}
    if not body:
        raise typer.BadParameter("name at least one change, such as --github NAME")
    with session.of(context).api(BakeryApi) as api:
        answer = api.change(employee_id, body)
    if as_json:
        typer.echo(answer.text)
    else:
        show.note(show.screen(), screens.employee(answer.value))


@employees.command("fire", epilog="Example: backroom employees fire 10")
def fire(
    context: typer.Context, employee_id: EmployeeId, yes: Yes = False, as_json: Json = False
) -> None:
    """Delete an employee, and a developer's access, invitations and forks."""
    here = session.of(context)
    here.make_sure(
        f"Fire employee {employee_id}? This removes their access and their forks of a private "
        "repository.",
        yes=yes,
    )
    with here.api(BakeryApi) as api:
        api.fire(employee_id)
    if not as_json:
        show.note(show.screen(), f"Employee {employee_id} is deleted.")

"""Employees over HTTP (B14), spelled as the brief spells them."""

from chalice import Response

from chalicelib.bakery.answers import EmployeeAnswer
from chalicelib.bakery.models import EmployeeBody, EmployeeChange, EmployeePath
from chalicelib.bakery.records import Employee
from chalicelib.bakery.service.staff import Person
from chalicelib.bakery.wiring import bakery
from chalicelib.core.http import created, json_list, no_content, ok
from chalicelib.core.routing import Routes

bp = Routes(__name__)


@bp.on("GET", "/employees", access="bakery:staff", response=EmployeeAnswer, as_list=True)
def list_employees() -> Response:
    """List employees by id."""
    return json_list([EmployeeAnswer.of(employee) for employee in bakery().employees.all()])


@bp.on(
    "POST",
    "/employees",
    access="bakery:staff",
    body=EmployeeBody,
    response=EmployeeAnswer,
    status=201,
    errors=(409,),
)
def create_employee(body: EmployeeBody) -> Response:
    """Hire an employee; a developer with a user name gets access to the repository."""
    person = Person(
        first_name=body.first_name,
        last_name=body.last_name,
        developer=body.permissions.developer,
        login=body.github_username,
    )
    employee = bakery().employees.hire(person)
    return created(EmployeeAnswer.of(employee), location=f"/employees/{employee.id}")


@bp.on(
    "GET",
    "/employees/{employee_id}",
    access="bakery:staff",
    path_values=EmployeePath,
    response=EmployeeAnswer,
    errors=(404,),
)
def get_employee(path: EmployeePath) -> Response:
    """Show an employee, with the state of their access to the repository."""
    return ok(EmployeeAnswer.of(bakery().employees.employee(path.employee_id)))


@bp.on(
    "PATCH",
    "/employees/{employee_id}",
    access="bakery:staff",
    path_values=EmployeePath,
    body=EmployeeChange,
    response=EmployeeAnswer,
    errors=(404, 409),
)
def update_employee(path: EmployeePath, body: EmployeeChange) -> Response:
    """Change an employee; omitted fields keep their value."""

    def changed(employee: Employee) -> Person:
        named = "github_username" in body.model_fields_set
        return Person(
            first_name=body.first_name or employee.first_name,
            last_name=body.last_name or employee.last_name,
            developer=body.permissions.developer if body.permissions else employee.developer,
            login=body.github_username if named else employee.login,
        )

    return ok(EmployeeAnswer.of(bakery().employees.change(path.employee_id, changed)))


@bp.on(
    "DELETE",
    "/employees/{employee_id}",
    access="bakery:staff",
    path_values=EmployeePath,
    no_content=True,
    errors=(404,),
)
def delete_employee(path: EmployeePath) -> Response:
    """Delete an employee and revoke their access to the repository and invitations to it."""
    bakery().employees.fire(path.employee_id)
    return no_content()

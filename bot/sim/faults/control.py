"""The control route of a simulated exchange, outside /trade-api: faults put in and taken out.

`GET /control/faults` lists the faults with how often each struck, and all kinds there are;
`POST` adds one fault, or a list of them; `DELETE` ends all, or `/control/faults/{id}` one.
It answers callers on this machine only.
"""

from ipaddress import ip_address
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.sim.faults.active import Faults, Json
from bot.sim.faults.kinds import KINDS, BadFaultError, Number, Parameter, fault_spec

CONTROL_PATH: Final = "/control/faults"
_HEADERS: Final = {"content-type": "application/json"}


class FaultControl:
    """The operations of the control route."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def routes(self) -> list[BaseRoute]:
        """Where the operations are."""
        return [
            Route(CONTROL_PATH, self.all, methods=["GET", "POST", "DELETE"]),
            Route(f"{CONTROL_PATH}/{{fault_id}}", self.one, methods=["DELETE"]),
        ]

    async def all(self, request: Request) -> Response:
        if not _is_near(request):
            return _refused(403, "forbidden", "this route answers callers on this machine only")
        if request.method == "DELETE":
            return _json({"cleared": self._faults.clear()})
        if request.method == "POST":
            return self._add(await request.body())
        waiting = self._faults.waiting()
        listed = {"faults": self._faults.listing(), "waiting": waiting, "kinds": _kinds()}
        return _json(listed)

    async def one(self, request: Request) -> Response:
        """End one fault."""
        if not _is_near(request):
            return _refused(403, "forbidden", "this route answers callers on this machine only")
        fault_id = request.path_params["fault_id"]
        if not self._faults.remove(fault_id):
            return _refused(404, "not_found", f"there is no fault {fault_id}")
        return _json({"cleared": 1})

    def _add(self, body: bytes) -> Response:
        """Add all faults asked for, or none."""
        try:
            asked = orjson.loads(body)
            specs = [fault_spec(one) for one in (asked if isinstance(asked, list) else [asked])]
        except orjson.JSONDecodeError as error:
            return _refused(400, "invalid_json", str(error))
        except BadFaultError as error:
            return _refused(400, "invalid_fault", str(error))
        added = [self._faults.reported(self._faults.add(spec)) for spec in specs]
        return _json({"faults": added}, 201)


def _kinds() -> Json:
    return {
        name: {
            "purpose": kind.purpose,
            "where": list(kind.where),
            "parameters": {key: _parameter(one) for key, one in kind.parameters.items()},
        }
        for name, kind in KINDS.items()
    }


def _parameter(parameter: Parameter) -> Json:
    if isinstance(parameter, Number):
        return {"default": parameter.default, "least": parameter.least, "most": parameter.most}
    return {"default": parameter.default, "choices": list(parameter.choices)}


def _is_near(request: Request) -> bool:
    client = request.client
    if client is None:
        # Over a socket file, which only this machine has.
        return True
    try:
        return ip_address(client.host).is_loopback
    except ValueError:
        return False


def _json(body: Json, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, _HEADERS)


def _refused(status: int, code: str, message: str) -> Response:
    return _json({"error": {"code": code, "message": message}}, status)

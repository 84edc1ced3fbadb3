"""What goes wrong, as answers."""

import json
import logging

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError as PoolTimeout


logger = logging.getLogger("uvicorn.error")


def answer_errors(app: FastAPI) -> None:
    for kind in (InterfaceError, OperationalError, PoolTimeout):
        app.add_exception_handler(kind, unavailable)
    app.add_exception_handler(RequestValidationError, refused)


async def unavailable(request: Request, error: Exception) -> Response:
    """A database that is away is the server's trouble and passes: 503, not 500."""
    logger.warning("%s: the database does not answer: %s", request.url.path, error)
    return JSONResponse(
        {"detail": "the database does not answer"},
        status_code=503,
        headers={"Retry-After": "1"},
    )


async def refused(_request: Request, error: Exception) -> Response:
    """FastAPI's own 422, which repeats the input, made to survive "\\ud800".

    Half a surrogate pair is legal JSON and no legal UTF-8; escaped it can be repeated.
    """
    assert isinstance(error, RequestValidationError)
    detail = json.dumps({"detail": jsonable_encoder(error.errors())})
    return Response(detail, status_code=422, media_type="application/json")

"""The service: `uvicorn main:app`."""

from api.app import create_app
from api.deps import facts_of
from bot import bootstrap

settings = bootstrap.settings()
app = create_app(lambda: bootstrap.running(settings), facts_of(settings))

"""The service: `uvicorn main:app`."""

from api.app import create_app
from api.deps import facts_of
from api.serving.server import serve_within_bounds
from bot.app import bootstrap

settings = bootstrap.settings()
app = create_app(lambda: bootstrap.running(settings), facts_of(settings))
serve_within_bounds(app)

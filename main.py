"""The service: `uvicorn main:app`."""

import gc

# What is imported stays: looking for garbage among it costs a seventh of the start.
gc.disable()

from api.app import create_app
from api.deps import facts_of
from api.serving.server import serve_within_bounds
from bot.app import bootstrap

settings = bootstrap.settings()
app = create_app(lambda: bootstrap.running(settings), facts_of(settings))
serve_within_bounds(app)
# Nor need it be looked through in each collection from now on.
gc.freeze()
gc.enable()

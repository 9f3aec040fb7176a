"""An app below a path, as behind a proxy."""


class Under:
    """An app as a server with `--root-path` hands it requests: the prefix before what came."""

    def __init__(self, app, prefix):
        self.app = app
        self.prefix = prefix
        self.router = app.router
        self.show = app.show

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            raw = self.prefix.encode() + scope["raw_path"]
            path = self.prefix + scope["path"]
            scope = {**scope, "path": path, "raw_path": raw, "root_path": self.prefix}
        await self.app(scope, receive, send)

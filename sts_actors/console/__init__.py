"""The console: what the service does, as JSON for its pages, and the pages themselves."""

from sts_actors.console.routes import Console, add_routes
from sts_actors.console.static import Pages, read_pages

__all__ = ["Console", "Pages", "add_routes", "read_pages"]

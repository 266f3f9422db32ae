"""Pages know the app by a protocol."""

from __future__ import annotations

from tests.tui.conftest import MakeApp
from tui.host import AppHost, host_of


async def test_the_app_is_the_host_of_its_pages(make_app: MakeApp) -> None:
    app = make_app()
    host: AppHost = app
    async with app.run_test():
        assert host_of(app.screen) is host

"""The server that tests talk to, names of their own for each of them, and figures worth printing."""

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.api import Api
from support.server import Server

servers: list[Server] = []
figures: list[str] = []


def run_server(data_dir: Path, settings: dict[str, str] | None = None) -> Iterator[Server]:
    server = Server(data_dir, settings)
    servers.append(server)
    try:
        yield server.start()
        if server.process is not None:
            server.stop()
    finally:
        server.close()
        servers.remove(server)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that most tests share; stopping it at the end has to succeed."""
    yield from run_server(tmp_path_factory.mktemp("data"))


@pytest.fixture
def own_server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server for one test, which may stop and start it. `settings` comes from a `parametrize`."""
    yield from run_server(tmp_path / "data", getattr(request, "param", None))


@pytest.fixture
def api(server: Server) -> Api:
    return Api(server.main)


@pytest.fixture
def service(request: pytest.FixtureRequest) -> str:
    """A service name that only this test uses."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")
    return f"{test[:40]}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def note_figure() -> Callable[[str], None]:
    """Prints a measurement at the end of the run; nothing asserts it."""
    return figures.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.failed:
        for server in servers:
            report.sections.append((f"stderr of the server at {server.main}", server.stderr()))
    return report

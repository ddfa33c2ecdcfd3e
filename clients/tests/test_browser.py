"""An agent's trace is seen in the web interface that the server brings along."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from test_agents import run_agent

SCRIPT = Path(__file__).parent.parent / "browser" / "see_trace.mjs"


@pytest.mark.parametrize("instrumentation, span", [("openinference", "ChatCompletion"), ("openllmetry", "openai.chat")])
def test_an_agents_trace_is_seen_in_a_browser(server, api, service, instrumentation, span):
    told = run_agent(server, service, instrumentation)
    api.trace(told["trace_id"], len(told["spans"]))
    artifacts = Path(os.environ["WATCHKEEP_ARTIFACTS"]) / "clients" / instrumentation
    # What an earlier run left is no picture of this one.
    shutil.rmtree(artifacts, ignore_errors=True)
    command = ["node", SCRIPT, f"http://{server.main}", service, told["trace_id"], span, artifacts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for shot in ["list", "waterfall", "span"]:
        assert (artifacts / f"{shot}.png").stat().st_size > 0

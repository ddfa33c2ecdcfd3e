"""Runs every scenario of an instrumentation against the stub of the providers, and writes what it emitted to
testdata/genai/INSTRUMENTATION/SCENARIO.json, and what a reader has to
find in it to SCENARIO.expected.json.

    python capture.py PROGRAM INSTRUMENTATION [SCENARIO...]
"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from expect import expected
from normalise import normalised
from receiver import receiver
from support.provider_stub import provider_stub

TESTDATA = HERE.parent.parent / "testdata" / "genai"


def environment(endpoint: str, service: str) -> dict[str, str]:
    return {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_SERVICE_NAME": service,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def capture(command: list, scenario: str) -> tuple[dict[str, list], list[dict]]:
    """What one scenario emitted, and the calls that the stub served to it."""
    with provider_stub() as stub, receiver() as (endpoint, received):
        told = environment(endpoint, "shop") | stub.environment()
        subprocess.run([*command, scenario], env=told, check=True, timeout=120, cwd=HERE, stdout=subprocess.DEVNULL)
    return received, stub.calls()


def main() -> None:
    program, instrumentation, *scenarios = sys.argv[1:]
    command = [program, str(HERE / "emit.py"), instrumentation]
    if instrumentation == "vercel":
        command = [program, str(HERE / "node" / "emit.mjs")]
    if not scenarios:
        scenarios = json.loads(subprocess.run(command, env=environment("", ""), check=True, capture_output=True).stdout)
    folder = TESTDATA / instrumentation
    folder.mkdir(parents=True, exist_ok=True)
    for scenario in scenarios:
        emitted, served = capture(command, scenario)
        spans = [s for r in emitted.get("resourceSpans", []) for sc in r["scopeSpans"] for s in sc["spans"]]
        print(f"{instrumentation}/{scenario}: {len(served)} calls, {len(spans)} spans")
        emitted = normalised(emitted)
        write(folder / f"{scenario}.json", emitted)
        write(folder / f"{scenario}.expected.json", expected(emitted, served))


def write(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

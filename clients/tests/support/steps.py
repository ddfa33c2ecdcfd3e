"""What the API says about steps, beside what it has to say: see `expect.py` among the dialects, and what was said to
the models and by them, as far as the emission holds it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "dialects"))

from expect import EVENTS, Span, spans_of

from support.provider_stub import ANSWER, ARGUMENTS

QUESTION = "order 4711"
FINISH = {"tool_calls": "tool", "tool_call": "tool", "tool_use": "tool", "stop": "stop", "end_turn": "stop", "completed": "stop"}
SAME = {"provider": "provider", "model": "model", "response_id": "response_id", "session": "session", "user": "user", "agent": "agent", "tool": "tool"}


def differences(step: dict | None, want: dict) -> Iterator[str]:
    """What of a step is not as it has to be."""
    kind = step and step["kind"]
    if kind not in want["kinds"]:
        yield f"{kind} is none of {want['kinds']}"
    if step is None:
        return
    for name in SAME:
        if name in want and step[name] != want[name]:
            yield f"{name}: {step[name]!r} is not {want[name]!r}"
    if "finish" in want and [FINISH.get(one.replace("-", "_")) for one in step["finish_reasons"]] != [want["finish"]]:
        yield f"it ended for {step['finish_reasons']}, not {want['finish']}"
    if "usage" in want and step["tokens"]["buckets"] != want["usage"]:
        yield f"tokens: {step['tokens']['buckets']} are not {want['usage']}"
    if "error" in want and bool(step["error"]) != want["error"]:
        yield f"error: {step['error']!r}, where {want['error']} was expected"
    if "first_token" in want and not step["first_token_ns"]:
        yield "the time to the first token is missing"
    if want.get("reported_cost") and step["cost"]["reported_usd"] != pytest.approx(want["reported_cost"]):
        yield f"reported cost: {step['cost']['reported_usd']} is not {want['reported_cost']}"


def spoken_about(captured: dict) -> dict[str, str]:
    """By the id of each span all that it and the log records in it hold, as text."""
    said = {span.raw["spanId"]: text_of(span.raw, "attributes", "events") for span in spans_of(captured)}
    for resource in captured.get("resourceLogs", []):
        for record in (record for scope in resource["scopeLogs"] for record in scope["logRecords"]):
            if record.get("spanId") in said:
                said[record["spanId"]] += text_of(record, "attributes", "body")
    return said


def text_of(raw: dict, *members: str) -> str:
    return json.dumps([raw.get(member) for member in members])


def unheard(step: dict, said: str, served: dict | None) -> Iterator[str]:
    """What was said by the emission, and is not in the content of the step."""
    content = step["content"]
    if step["kind"] == "tool" and step["tool"] in ARGUMENTS:
        wanted = ARGUMENTS[step["tool"]]
        if all(str(one) in said for pair in wanted.items() for one in pair) and content["arguments"] != wanted:
            yield f"arguments: {content['arguments']}"
        if "shipped" in said and "shipped" not in json.dumps(content["result"]):
            yield f"result: {content['result']}"
    if step["kind"] != "llm" or served is None:
        return
    asked, answered = parts_of(content["input"], "user"), parts_of(content["output"], "assistant")
    if QUESTION in said and not any(QUESTION in part.get("text", "") for part in asked):
        yield f"the question: {content['input']}"
    if served["tool"]:
        id = f"{'toolu' if served['api'] == 'messages' else 'call'}_{served['number']}"
        calls = [part for part in answered if part["type"] == "tool_call" and part["id"] == id]
        # None at all are sometimes not told.
        told = [(call["name"], call["arguments"] or {}) for call in calls]
        if id in said and told != [(served["tool"], ARGUMENTS[served["tool"]])]:
            yield f"the call of a tool: {content['output']}"
    elif ANSWER in said and "".join(part["text"] for part in answered if part["type"] == "text") != ANSWER:
        yield f"the answer: {content['output']}"


def parts_of(messages: list[dict], role: str) -> list[dict]:
    return [part for message in messages if message["role"] == role for part in message["parts"]]


def wrong_steps(captured: dict, expected: dict, steps: list[dict]) -> list[str]:
    """What is not as it has to be in the steps that the API tells of spans."""
    by_span, said = {step["span_id"]: step for step in steps}, spoken_about(captured)
    served = {call["number"]: call for call in expected["served"]}
    wrong = []
    for want in expected["steps"]:
        step = by_span.pop(want["span"], None)
        found = list(differences(step, want))
        if step is not None:
            found += unheard(step, said[want["span"]], served.get(want.get("served")))
        wrong += [f"{want['name']}: {one}" for one in found]
    return wrong + [f"{step['name']} is of no span" for step in by_span.values()]


def wrong_records(expected: dict, steps: list[dict]) -> list[str]:
    """As `wrong_steps`, of log records that are steps. Only the ledger knows these, and it keeps one cost."""
    wants = [{**want, "reported_cost": None} for want in expected["records"] if want["name"] in EVENTS]
    told = [step for step in steps if step["name"].removeprefix("claude_code.") in EVENTS]
    told.sort(key=lambda step: int(step["start_unix_nano"]) + step["duration_ns"])
    assert len(wants) == len(told), [step["name"] for step in steps]
    return [f"{want['name']}: {one}" for step, want in zip(told, wants) for one in differences(step, want)]

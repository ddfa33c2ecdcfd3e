"""What a reader has to find in a capture: written from what the stub served and from what the instrumentations
say of themselves, not from what any reader finds.

The n-th span of a model call in a scope is the n-th call that was served, since the programs call one after the
other. What the emission does not hold (a bucket, the response's id, why it ended) is not expected of a reader.
"""

import json
import re
from dataclasses import dataclass

# Scope, name of the span, kind. The first that matches counts; `null` for a span that speaks no dialect. Two kinds
# where either is true of it.
KINDS = [
    (r"com\.anthropic\.sdk\.python", r"anthropic\.messages\.create", ["llm"]),
    (r"shop\.agents|pydantic-ai", r"invoke_agent .*|agent run", ["agent"]),
    (r"shop\.agents|pydantic-ai", r"execute_tool .*|running tool", ["tool"]),
    (r"shop", r"POST /questions", [None]),
    (r"shop", r"support", ["agent"]),
    (r"shop", r"look_up_order|weather", ["tool"]),
    (r"langfuse-sdk", r"POST /questions", ["other", "workflow"]),
    (r"langfuse-sdk", r"OpenAI-generation|ChatOpenAI|answer", ["llm"]),
    # Langfuse 5 calls embeddings what they are.
    (r"langfuse-sdk", r"OpenAI-embedding", ["embedding"]),
    (r"langfuse-sdk", r"look_up_order|weather", ["tool"]),
    (r"langfuse-sdk", r"model|tools", ["workflow"]),
    (r"langfuse-sdk", r"support", ["agent", "workflow"]),
    (r"openinference\.instrumentation\.(openai|anthropic)", r"ChatCompletion|Response|messages\.create", ["llm"]),
    (r"openinference\.instrumentation\.openai", r"CreateEmbeddings", ["embedding"]),
    (r"openinference\.instrumentation\.langchain", r"ChatOpenAI", ["llm"]),
    (r"openinference\.instrumentation\.langchain", r"model|tools", ["workflow"]),
    (r"openinference\.instrumentation\.langchain", r"support", ["agent", "workflow"]),
    (r"openinference\.instrumentation\.openai_agents", r"response", ["llm"]),
    (r"openinference\.instrumentation\.openai_agents", r"desk|clerk", ["agent"]),
    (r"openinference\.instrumentation\.openai_agents", r"turn", ["workflow"]),
    (r"openinference\.instrumentation\.openai_agents", r"Agent workflow", ["agent", "workflow"]),
    (r"openinference\..*", r"look_up_order|weather|handoff to clerk", ["tool"]),
    (r"openlit\.instrumentation\..*", r"chat .*", ["llm"]),
    (r"openlit\.instrumentation\..*", r"embeddings .*", ["embedding"]),
    (r"openlit", r"support", ["agent", "workflow", "other", None]),
    (r"traceloop\.tracer|.*\.(openai_agents|langchain)", r".*\.tool|execute_tool .*", ["tool"]),
    (r"traceloop\.tracer|.*\.(openai_agents|langchain)", r".*\.agent|invoke_agent .*", ["agent"]),
    # LangGraph's is a workflow that invokes an agent.
    (r".*\.langchain", r"support\.workflow", ["workflow", "agent"]),
    (r"traceloop\.tracer|.*\.(openai_agents|langchain)", r".*\.(workflow|task)|execute_task .*|Agent Workflow", ["workflow"]),
    (r"opentelemetry\.instrumentation\.openai_agents", r".*\.handoff", ["agent", "tool", "workflow", "other"]),
    (r"opentelemetry\.instrumentation\..*", r".*embeddings.*", ["embedding"]),
    (r"opentelemetry\.instrumentation\..*|pydantic-ai", r"openai\.(chat|response)|anthropic\.chat|ChatOpenAI\.chat|chat .*", ["llm"]),
    (r"logfire", r"POST /questions", [None, "workflow", "other"]),
    (r"logfire\..*", r"Embedding.*", ["embedding"]),
    (r"logfire\..*", r".*", ["llm"]),
    (r"ai", r"ai\.(generateText\.doGenerate|streamText\.doStream)", ["llm"]),
    (r"ai", r"ai\.embed(Many)?\.doEmbed", ["embedding"]),
    (r"ai", r"ai\.toolCall", ["tool"]),
    (r"ai", r"ai\..*", ["agent", "workflow"]),
]
AGENT_OF_NAME = re.compile(r"(?:invoke_agent )?(support|desk|clerk)(?:\.agent)?")
SESSION_KEYS = ["session.id", "gen_ai.conversation.id", "ai.telemetry.metadata.sessionId", "traceloop.association.properties.session_id"]
USER_KEYS = ["user.id", "ai.telemetry.metadata.userId", "traceloop.association.properties.user_id", "gen_ai.user", "gen_ai.request.user"]
TOOLS = ["look_up_order", "weather", "ask_clerk"]
# USD a million tokens, by what providers publish.
PRICES = {
    "gpt-5-mini": {"input": 0.25, "input_cached": 0.025, "output": 2.0, "reasoning": 2.0},
    "claude-sonnet-4-5": {"input": 3.0, "input_cached": 0.3, "cache_write_5m": 3.75, "cache_write_1h": 6.0, "output": 15.0},
    "text-embedding-3-small": {"input": 0.02},
}


def cost(model: str, usage: dict[str, int]) -> float:
    """USD for tokens by bucket."""
    return sum(PRICES[model][bucket] * tokens for bucket, tokens in usage.items()) / 1e6


def input_of(usage: dict[str, int]) -> int:
    return sum(tokens for bucket, tokens in usage.items() if bucket not in ("output", "reasoning"))


def value_of(value: dict):
    [(kind, held)] = value.items()
    if kind == "arrayValue":
        return [value_of(one) for one in held.get("values", [])]
    if kind == "kvlistValue":
        return {one["key"]: value_of(one["value"]) for one in held.get("values", [])}
    return int(held) if kind == "intValue" else held


@dataclass
class Span:
    scope: str
    raw: dict

    def __post_init__(self) -> None:
        self.name = self.raw["name"]
        self.attributes = {one["key"]: value_of(one["value"]) for one in self.raw.get("attributes", [])}

    @property
    def kinds(self) -> list:
        found = (kinds for scope, name, kinds in KINDS if re.fullmatch(scope, self.scope) and re.fullmatch(name, self.name))
        kinds = next(found, None)
        if self.calls_a_model_only_by_name(kinds):
            return [None, *kinds]
        assert kinds is not None, f"nothing is known of {self.scope!r}: {self.name!r}"
        return kinds

    def calls_a_model_only_by_name(self, kinds: list | None) -> bool:
        """OpenLIT's spans of calls that failed have no attribute at all."""
        return kinds == ["llm"] and not self.attributes

    @property
    def calls_model(self) -> bool:
        return self.kinds[-1] in ("llm", "embedding")

    def numbers(self):
        """Every number of the emission by its path of keys, those in JSON texts too."""
        yield from numbers(self.attributes, "")

    def tells(self, tokens: int, word: str) -> bool:
        return any(number == tokens and re.search(word, path.lower()) for path, number in self.numbers())

    def has(self, value: str) -> bool:
        return value in (one for one in self.attributes.values() if isinstance(one, str))

    def tells_response(self, name: str) -> bool:
        """By an attribute, or in the response itself, which OpenInference keeps as a text."""
        if any(value == name for key, value in self.attributes.items() if key.endswith("response.id")):
            return True
        whole = str(self.attributes.get("output.value", "")) if self.scope.startswith("openinference") else ""
        return re.search(rf'"id": ?"{name}"', whole) is not None

    def first_of(self, keys: list[str]) -> str:
        return next((str(self.attributes[key]) for key in keys if self.attributes.get(key)), "")


def numbers(value, path: str):
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        yield path, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from numbers(one, f"{path}/{key}")
    elif isinstance(value, list):
        for one in value:
            yield from numbers(one, path)
    elif isinstance(value, str) and value[:1] in "{[" and re.search(r"usage|metadata|output\.value", path.lower()):
        try:
            yield from numbers(json.loads(value), path)
        except ValueError:
            return


def spans_of(captured: dict) -> list[Span]:
    made = [
        Span(scope["scope"].get("name", ""), span)
        for resource in captured.get("resourceSpans", [])
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    return sorted(made, key=lambda span: int(span.raw["startTimeUnixNano"]))


def usage_told(span: Span, call: dict) -> dict[str, int]:
    """The served tokens, as far as the span tells them apart."""
    usage = dict(call["usage"])
    read = input_of(usage)
    if not any(span.tells(one, "token|usage|input|prompt") for one in {read, usage.get("input")}):
        return {}
    whole = span.tells(read, "token|usage|input|prompt")

    def merge(one: str, other: str) -> None:
        """What is not told apart is in the other bucket, where the sum is told, and lost where it is not."""
        tokens = usage.pop(one)
        if whole or other == "cache_write_5m":
            usage[other] = usage.get(other, 0) + tokens

    wrote = usage.get("cache_write_5m", 0) + usage.get("cache_write_1h", 0)
    if "cache_write_1h" in usage and not span.tells(usage["cache_write_1h"], "1h"):
        merge("cache_write_1h", "cache_write_5m")
    if "cache_write_5m" in usage and not span.tells(wrote, "cach") and not span.tells(usage["cache_write_5m"], "5m"):
        merge("cache_write_5m", "input")
    if "input_cached" in usage and not span.tells(usage["input_cached"], "cach"):
        merge("input_cached", "input")
    if "reasoning" in usage and not span.tells(usage["reasoning"], "reason"):
        usage["output"] += usage.pop("reasoning")
    if call["stream"] and span.scope == "opentelemetry.instrumentation.anthropic":
        # It adds the one token of the first event to the total of the last.
        usage["output"] += 1
    return usage


def of_call(span: Span, call: dict) -> dict:
    told = {"served": call["number"], "provider": call["provider"], "usage": usage_told(span, call)}
    if "langfuse-sdk" in span.scope or "openai_agents" in span.scope or not told["provider"]:
        told.pop("provider")
    if call["status"] != 200:
        return {**told, "error": True}
    if span.has(call["model"]):
        told["model"] = call["model"]
    elif span.has(call["request_model"]):
        told["model"] = call["request_model"]
    if call["id"] and span.tells_response(call["id"]):
        told["response_id"] = call["id"]
    if call["api"] != "responses" and any(re.search(r"finish|stop_reason", key) for key in span.attributes):
        told["finish"] = "tool" if call["tool"] else "stop"
    if call["stream"] and any(re.search(r"tofirst|to_first|completion_start_time", key.lower()) for key in span.attributes):
        told["first_token"] = True
    if "operation.cost" in span.attributes:
        told["reported_cost"] = round(cost(call["request_model"], call["usage"]), 12)
    return told


def of_span(span: Span) -> dict:
    told = {"error": span.raw.get("status", {}).get("code") == 2}
    if span.kinds == ["agent"] and (named := AGENT_OF_NAME.fullmatch(span.name)):
        told["agent"] = named.group(1)
    if span.kinds == ["tool"]:
        tool = next((tool for tool in TOOLS if tool in span.name or span.has(tool)), "")
        if tool:
            told["tool"] = tool
    return told


def expected(captured: dict, served: list[dict]) -> dict:
    """The steps of every span, and what all traces together come to."""
    places: dict[str, int] = {}
    steps, told = [], {}
    for span in spans_of(captured):
        step = {"span": span.raw["spanId"], "name": span.name, "kinds": span.kinds}
        if span.calls_model:
            layer = f"{span.scope} {span.name}"
            place = places.get(layer, 0)
            places[layer] = place + 1
            call = served[place]
            step |= of_call(span, call)
            # The span that tells the most of a call is the one that counts for it.
            before = told.get(call["number"], {})
            told[call["number"]] = max(before, step["usage"], key=lambda usage: (input_of(usage), len(usage), -usage.get("output", 0)))
        elif span.kinds != [None]:
            step |= of_span(span)
        if None not in span.kinds:
            if session := span.first_of(SESSION_KEYS):
                step["session"] = session
            if user := span.first_of(USER_KEYS):
                step["user"] = user
        steps.append(step)
    totals: dict[str, int] = {}
    for usage in told.values():
        for bucket, tokens in usage.items():
            totals[bucket] = totals.get(bucket, 0) + tokens
    money = sum(cost(call["request_model"], told.get(call["number"], {})) for call in served)
    return {"steps": steps, **records(captured, served), "totals": totals, "cost_usd": round(money, 12), "served": served}


# Events of Claude Code that are steps, by their kind.
EVENTS = {"api_request": "llm", "api_error": "llm", "tool_result": "tool"}


def records(captured: dict, served: list[dict]) -> dict:
    """The steps of Claude Code's log events, in their order; none for captures without them."""
    found, calls = [], iter(served)
    for resource in captured.get("resourceLogs", []):
        for scope in resource["scopeLogs"]:
            if scope["scope"].get("name") == "com.anthropic.claude_code.events":
                found += [of_event(record, calls) for record in scope["logRecords"]]
    return {"records": found} if found else {}


def of_event(record: dict, calls) -> dict:
    told = {one["key"]: value_of(one["value"]) for one in record["attributes"]}
    kind = EVENTS.get(told["event.name"])
    if kind is None:
        # Whether a prompt or a decision is a step is the reader's to say; it has no tokens.
        return {"name": told["event.name"], "kinds": [None, "other", "agent", "prompt", "guardrail"]}
    step = {"name": told["event.name"], "kinds": [kind], "session": "session-3", "user": "user-7"}
    if kind == "tool":
        return {**step, "tool": told["tool_name"], "error": told["success"] == "false"}
    call = next(calls)
    if call["status"] != 200:
        return {**step, "error": True}
    usage = dict(call["usage"])
    if "cache_write_1h" in usage:
        usage["cache_write_5m"] += usage.pop("cache_write_1h")
    cost_usd = round(cost(call["request_model"], usage), 12)
    return {**step, "provider": "anthropic", "model": call["model"], "usage": usage, "reported_cost": cost_usd, "error": False}

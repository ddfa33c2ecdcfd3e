"""Two agents of the OpenAI Agents SDK; the first hands over to the second."""

import agents

import calls


@agents.function_tool
def look_up_order(order: int) -> str:
    """Tells where an order is."""
    return calls.look_up_order(order)


def run() -> None:
    clerk = agents.Agent(name="clerk", instructions="You look up orders.", model=calls.CHAT_MODEL, tools=[look_up_order])
    desk = agents.Agent(name="desk", instructions="You hand over.", model=calls.CHAT_MODEL, handoffs=[clerk])
    agents.Runner.run_sync(desk, calls.QUESTIONS["reasoning"])
    agents.flush_traces()

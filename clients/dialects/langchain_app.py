"""An agent of LangChain's, on OpenAI."""

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

import calls


@tool
def look_up_order(order: int) -> str:
    """Tells where an order is."""
    return calls.look_up_order(order)


@tool
def weather(city: str) -> str:
    """Tells how the weather is."""
    return f"It rains in {city}."


def run(callbacks=()) -> None:
    model = ChatOpenAI(model=calls.CHAT_MODEL, max_retries=0)
    agent = create_agent(model, [look_up_order, weather], system_prompt=calls.SYSTEM, name="support")
    agent.invoke(
        {"messages": [{"role": "user", "content": calls.QUESTIONS["tools"] + " The manual helps."}]},
        config={"configurable": {"thread_id": "session-3"}, "callbacks": list(callbacks)},
    )

"""Langfuse's own SDK: moved here by changing the host, it traces, scores, and reads its scores back."""

import uuid

import pytest
from langfuse import Langfuse

from support.api import Api
from support.server import Server


@pytest.fixture
def langfuse(server: Server, service: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", service)
    # A key of its own, since the SDK keeps one client for each.
    client = Langfuse(public_key=f"pk-{service}", secret_key="sk", host=f"http://{server.main}")
    yield client
    client.shutdown()


def test_keys_are_accepted(langfuse: Langfuse) -> None:
    assert langfuse.auth_check()


def test_a_trace_and_its_scores_arrive(langfuse: Langfuse, api: Api) -> None:
    with langfuse.start_as_current_observation(name="answer", as_type="generation", model="gpt-4o") as one:
        one.update(input="hello", output="hi", usage_details={"input": 3, "output": 1})
        trace_id, span_id = one.trace_id, one.id
        langfuse.score_current_trace(name="user-feedback", value=1, comment="good")
        one.score(name="tone", value="polite", data_type="CATEGORICAL")
    ids = {kind: uuid.uuid4().hex for kind in ("numeric", "boolean")}
    langfuse.create_score(name="relevance", value=0.25, trace_id=trace_id, score_id=ids["numeric"])
    langfuse.create_score(
        name="correct", value=0, data_type="BOOLEAN", trace_id=trace_id, score_id=ids["boolean"]
    )
    langfuse.flush()

    spans = api.trace(trace_id, 1)["spans"]
    assert [(span["name"], span["span_id"]) for span in spans] == [("answer", span_id)]
    given = {one["name"]: one for one in api.get("/feedback", trace=trace_id)["feedback"]}
    assert set(given) == {"user-feedback", "tone", "relevance", "correct"}
    assert (given["user-feedback"]["kind"], given["user-feedback"]["rating"]) == ("thumbs", 5)
    assert given["user-feedback"]["comment"] == "good"
    assert (given["tone"]["category"], given["tone"]["span_id"]) == ("polite", span_id)
    assert (given["relevance"]["id"], given["relevance"]["score"]) == (ids["numeric"], 0.25)
    assert given["correct"]["score"] == 0
    assert all(one["origin"] == "langfuse" for one in given.values())

    told = {score.name: score for score in langfuse.api.scores.get_many(trace_id=trace_id, fields="subject").data}
    assert (told["relevance"].value, told["correct"].value, told["tone"].value) == (0.25, False, "polite")
    assert told["tone"].subject.id == span_id
    langfuse.api.scores.delete(ids["numeric"])
    left = langfuse.api.scores.get_many(trace_id=trace_id, limit=2)
    assert len(left.data) == 2 and left.meta.cursor
    rest = langfuse.api.scores.get_many(trace_id=trace_id, limit=2, cursor=left.meta.cursor)
    assert {score.name for score in [*left.data, *rest.data]} == {"user-feedback", "tone", "correct"}

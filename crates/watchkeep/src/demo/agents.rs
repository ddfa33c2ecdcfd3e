//! Who calls whom: the gateway takes a customer's message and asks the planner, which has the
//! researcher and the coder work and then writes the answer.

use watchkeep_model::attributes::Value;

use super::calls::{Ask, Reply, tool_message, user_message};
use super::catalog::{
    BLAME, CLAUDE, GEMINI, GPT, GPT_MINI, HAIKU, PRAISE, RUN_TESTS, SEARCH_CODE, Service, TOPICS,
    Tool, Topic, WRITE_FILE,
};
use super::meter::Instrument;
use super::otlp::{Context, Kind, LogRecord, Severity, Span, text};
use super::run::{Ended, Item, Place, Run, fail, message, seconds};

const LOOPS: f64 = 0.04;
const PLAN_IS_NOT_JSON: f64 = 0.05;
const TESTS_FAIL: f64 = 0.35;
const GIVES_FEEDBACK: f64 = 0.3;

const PLANNER_SYSTEM: &str = "You are the planner of a support team. Split the customer's request \
     into steps for the agents researcher and coder, as JSON. Never promise what policy forbids.";
const RESEARCHER_SYSTEM: &str =
    "You find facts for a support team. Use the tools; quote the documents you used.";
const CODER_SYSTEM: &str =
    "You make small, tested changes to the shop's code. Run the tests before you report.";

const FAILED_TESTS: &str = r#"{"exit_code":1,"passed":12,"failed":2,"output":"FAILED exports/test_orders.py::test_delimiter - AssertionError: ',' != ';'"}"#;

impl Run<'_> {
    fn topic(&self) -> &'static Topic {
        &TOPICS[self.conversation.topic]
    }

    fn turn_of(&self, texts: &[&str]) -> String {
        let text = texts.get(self.conversation.turn).or(texts.last()).copied().unwrap_or_default();
        self.conversation.fill(text)
    }

    /// A customer's message from its arrival to the answer. Returns the root and the end.
    pub(super) fn gateway(&mut self, at: i64) -> (Context, i64) {
        let route = "POST /v1/conversations/{id}/messages";
        let outside = Place { service: Service::Gateway, span: [0; 8], agent: "" };
        let mut root = self.span(outside, route, Kind::Server, at);
        root.links.extend(self.conversation.previous);
        let place = Place { span: root.context.span_id, ..outside };
        self.log_with(place, at + 200_000, Severity::Info, "message received", self.identity(""));
        let mut now = self.sql(place, at + 1_000_000, ("SELECT", "conversations"), 3.0);
        let hit = self.random.chance(0.7);
        let body = format!("session cache {}", if hit { "hit" } else { "miss" });
        self.log(place, now, Severity::Debug, &body);

        let question = self.turn_of(self.topic().questions);
        let planner = self.ids.span_id();
        let inner = Place { service: Service::Planner, span: planner, agent: "planner" };
        let asked_at = now + 500_000;
        let outcome = self.planner(inner, asked_at + 1_500_000, &question);
        now = outcome.at + 1_500_000;
        self.call_planner(place, planner, (asked_at, now), outcome.ok);
        if outcome.ok {
            now = self.sql(place, now + 300_000, ("INSERT", "messages"), 4.0);
        }
        let end = now + 800_000;
        self.finish_root(root, place, end, outcome.ok);
        if outcome.ok {
            self.evaluate(place, end);
        }
        if self.random.chance(GIVES_FEEDBACK) {
            self.feedback(place, end, outcome.ok);
        }
        (Context { trace_id: self.trace_id, span_id: place.span }, end)
    }

    fn finish_root(&mut self, mut root: Span, place: Place, end: i64, ok: bool) {
        let start = root.start_ns;
        let status = if ok { 200 } else { 502 };
        root.attributes = self.identity("");
        root.attributes.extend([
            ("user.plan", text(self.conversation.user.plan)),
            ("user.language", text(self.conversation.user.language)),
            ("conversation.turn", Value::Int(self.conversation.turn as i64 + 1)),
            ("conversation.topic", text(self.topic().name)),
            ("http.request.method", text("POST")),
            ("http.route", text("/v1/conversations/{id}/messages")),
            ("url.path", text(format!("/v1/conversations/{}/messages", self.conversation.id))),
            ("http.response.status_code", Value::Int(status)),
        ]);
        if ok {
            let body = format!("answered in {:.1} s", seconds(start, end));
            self.log(place, end, Severity::Info, &body);
        } else {
            fail(&mut root, end, "BadGateway", "the planner gave up");
            self.log(place, end, Severity::Error, "no answer: the planner gave up");
        }
        let attributes = vec![
            ("http.request.method", text("POST")),
            ("http.route", text("/v1/conversations/{id}/messages")),
            ("http.response.status_code", Value::Int(status)),
        ];
        let duration = seconds(start, end);
        self.measure(place, end, Instrument::RequestDuration, duration, attributes);
        self.end(Service::Gateway, root, end);
    }

    /// The gateway's request to the planner, whose span has the given id.
    fn call_planner(&mut self, place: Place, id: [u8; 8], (start, end): (i64, i64), ok: bool) {
        let mut span = self.span(place, "POST", Kind::Client, start);
        span.context.span_id = id;
        span.attributes = vec![
            ("http.request.method", text("POST")),
            ("server.address", text("planner.internal")),
            ("url.full", text("http://planner.internal:8080/runs")),
            ("http.response.status_code", Value::Int(if ok { 200 } else { 500 })),
        ];
        if !ok {
            span.attributes.push(("error.type", text("500")));
            span.error = Some(String::new());
        }
        self.end(place.service, span, end);
    }

    /// The span of an agent around its work.
    fn agent(
        &mut self,
        place: Place,
        at: i64,
        description: &str,
        work: impl FnOnce(&mut Self, Place) -> Ended,
    ) -> Ended {
        let name = format!("invoke_agent {}", place.agent);
        let mut span = self.span(place, &name, Kind::Internal, at);
        let inner = Place { span: span.context.span_id, ..place };
        self.log(inner, at, Severity::Info, &format!("{} started", place.agent));
        let mut ended = work(self, inner);
        ended.at += 400_000;
        span.attributes = self.identity(place.agent);
        span.attributes.extend([
            ("gen_ai.operation.name", text("invoke_agent")),
            ("gen_ai.agent.description", text(description)),
            ("gen_ai.agent.version", text(place.service.version())),
        ]);
        let outcome = if ended.ok { "ok" } else { "error" };
        if !ended.ok {
            fail(&mut span, ended.at, "AgentError", "the agent gave up after its retries");
            self.log(inner, ended.at, Severity::Error, &format!("{} gave up", place.agent));
        }
        let attributes = vec![("gen_ai.agent.name", text(place.agent)), ("outcome", text(outcome))];
        self.measure(inner, ended.at, Instrument::AgentRuns, 1.0, attributes);
        self.end(place.service, span, ended.at);
        ended
    }

    fn planner(&mut self, place: Place, at: i64, question: &str) -> Ended {
        self.agent(place, at, "Splits requests into steps and answers", |run, place| {
            let planned = run.plan(place, at + 800_000, question);
            if !planned.ok {
                return planned;
            }
            let topic = run.topic();
            let mut now = planned.at;
            let mut notes = Vec::new();
            for (service, agent, report) in [
                (Service::Researcher, "researcher", topic.findings),
                (Service::Coder, "coder", topic.patch),
            ] {
                if report.is_empty() {
                    continue;
                }
                let ended = run.delegate(place, now + 500_000, (service, agent), question);
                now = ended.at;
                let note = if ended.ok { run.conversation.fill(report) } else { "failed".into() };
                notes.push(message("assistant", &format!("{agent}: {note}")));
            }
            let answer = run.turn_of(topic.answers);
            let mut input = vec![user_message(question)];
            input.extend(notes);
            let ask = Ask {
                model: &CLAUDE,
                system: PLANNER_SYSTEM,
                input,
                reply: Reply::Text(&answer),
                input_tokens: 2900.0 + 900.0 * run.conversation.turn as f64,
                output_tokens: 160.0,
            };
            run.chat(place, now + 700_000, &ask)
        })
    }

    fn plan(&mut self, place: Place, at: i64, question: &str) -> Ended {
        let mut now = at;
        for _attempt in 0..2 {
            let ok = !self.random.chance(PLAN_IS_NOT_JSON);
            let plan = self.topic().plan;
            // What can not be parsed is a plan cut in the middle.
            let plan = if ok { plan } else { plan.get(..plan.len() / 2).unwrap_or_default() };
            let ask = Ask {
                model: &GPT_MINI,
                system: PLANNER_SYSTEM,
                input: vec![user_message(question)],
                reply: Reply::Text(plan),
                input_tokens: 1250.0 + 600.0 * self.conversation.turn as f64,
                output_tokens: 95.0,
            };
            let asked = self.chat(place, now, &ask);
            if !asked.ok {
                return asked;
            }
            let parsed = self.parse_plan(place, asked.at + 100_000, ok);
            if parsed.ok {
                return parsed;
            }
            now = parsed.at + 200_000;
        }
        Ended { at: now, ok: false }
    }

    /// The planner has another agent work, over HTTP.
    fn delegate(
        &mut self,
        place: Place,
        at: i64,
        (service, agent): (Service, &'static str),
        question: &str,
    ) -> Ended {
        let mut span = self.span(place, "POST", Kind::Client, at);
        let inner = Place { service, span: span.context.span_id, agent };
        let ended = match service {
            Service::Coder => self.coder(inner, at + 1_200_000, question),
            _ => self.researcher(inner, at + 1_200_000, question),
        };
        let end = ended.at + 900_000;
        let status = if ended.ok { 200 } else { 500 };
        span.attributes = vec![
            ("http.request.method", text("POST")),
            ("server.address", text(format!("{agent}.internal"))),
            ("url.full", text(format!("http://{agent}.internal:8080/invoke"))),
            ("http.response.status_code", Value::Int(status)),
        ];
        if !ended.ok {
            span.attributes.push(("error.type", text("500")));
            span.error = Some(String::new());
        }
        self.end(place.service, span, end);
        Ended { at: end, ..ended }
    }

    fn researcher(&mut self, place: Place, at: i64, question: &str) -> Ended {
        self.agent(place, at, "Finds facts in documents and systems", |run, place| {
            let topic = run.topic();
            let mut now = run.retrieve(place, at + 600_000, question, topic.documents);
            let mut input = vec![user_message(question)];
            for tool in topic.tools {
                let ask = run.ask_for_tool(&GEMINI, RESEARCHER_SYSTEM, &input, tool);
                let asked = run.chat(place, now + 500_000, &ask);
                if !asked.ok {
                    return asked;
                }
                let (ended, result) = run.use_tool(place, asked.at + 300_000, tool);
                now = ended.at;
                input.push(tool_message(&run.call_id, &result));
            }
            let findings = run.conversation.fill(topic.findings);
            let ask = Ask {
                model: if run.random.chance(0.25) { &HAIKU } else { &GEMINI },
                system: RESEARCHER_SYSTEM,
                input,
                reply: Reply::Text(&findings),
                input_tokens: 3800.0,
                output_tokens: 140.0,
            };
            run.chat(place, now + 500_000, &ask)
        })
    }

    fn ask_for_tool<'a>(
        &self,
        model: &'static super::catalog::Model,
        system: &'a str,
        input: &[serde_json::Value],
        tool: &'static Tool,
    ) -> Ask<'a> {
        Ask {
            model,
            system,
            input: input.to_vec(),
            reply: Reply::Tool(tool),
            input_tokens: 2100.0 + 450.0 * (input.len() + self.conversation.turn) as f64,
            output_tokens: 48.0,
        }
    }

    /// Calls a tool, once more where its time was up; and sometimes again and again with the same
    /// arguments, as agents do that do not see that they go round in circles.
    fn use_tool(&mut self, place: Place, at: i64, tool: &'static Tool) -> (Ended, String) {
        let mut ended = self.tool(place, at, tool);
        if !ended.ok {
            self.log(place, ended.at, Severity::Warn, &format!("trying {} again", tool.name));
            ended = self.tool(place, ended.at + 500_000_000, tool);
        }
        if self.random.chance(LOOPS) {
            let input = vec![user_message("Continue.")];
            for _round in 0..self.random.between(7, 13) {
                let ask = self.ask_for_tool(&GEMINI, RESEARCHER_SYSTEM, &input, tool);
                let asked = self.chat(place, ended.at + 400_000, &ask);
                if !asked.ok {
                    ended.at = asked.at;
                    break;
                }
                ended = self.tool(place, asked.at + 300_000, tool);
            }
            let body = format!("{} was called many times with the same arguments", tool.name);
            self.log(place, ended.at, Severity::Warn, &body);
        }
        let result = if ended.ok {
            self.conversation.fill(tool.result)
        } else {
            r#"{"error":"timeout"}"#.to_owned()
        };
        (ended, result)
    }

    fn coder(&mut self, place: Place, at: i64, question: &str) -> Ended {
        self.agent(place, at, "Changes code and runs its tests", |run, place| {
            let mut input = vec![user_message(question)];
            let mut now = at + 500_000;
            let mut steps = vec![&SEARCH_CODE, &WRITE_FILE, &RUN_TESTS];
            let mut rounds = 0;
            while !steps.is_empty() {
                let tool = steps.remove(0);
                let ask = run.ask_for_tool(&GPT, CODER_SYSTEM, &input, tool);
                let asked = run.chat(place, now + 500_000, &ask);
                if !asked.ok {
                    return asked;
                }
                let at = asked.at + 300_000;
                if tool.name == RUN_TESTS.name && rounds < 2 && run.random.chance(TESTS_FAIL) {
                    rounds += 1;
                    now = run.tool_with(place, at, tool, Some(FAILED_TESTS)).at;
                    run.log(place, now, Severity::Warn, "2 tests failed, changing the code again");
                    input.push(tool_message(&run.call_id, FAILED_TESTS));
                    steps = vec![&WRITE_FILE, &RUN_TESTS];
                } else {
                    let (ended, result) = run.use_tool(place, at, tool);
                    now = ended.at;
                    input.push(tool_message(&run.call_id, &result));
                }
            }
            let patch = run.topic().patch;
            let ask = Ask {
                model: &GPT,
                system: CODER_SYSTEM,
                input,
                reply: Reply::Text(patch),
                input_tokens: 5600.0,
                output_tokens: 110.0,
            };
            run.chat(place, now + 500_000, &ask)
        })
    }

    fn event(&mut self, place: Place, at: i64, record: LogRecord) {
        self.emitted.push((at, place.service, Item::Log(Box::new(record))));
    }

    /// A judge's score of the answer.
    fn evaluate(&mut self, place: Place, end: i64) {
        let at = end + self.random.millis(1800.0, 0.3);
        let score = (1.0 - self.random.lognormal(0.12, 0.7)).clamp(0.0, 1.0);
        let score = (score * 100.0).round() / 100.0;
        let label = if score >= 0.7 { "relevant" } else { "not_relevant" };
        let mut attributes = self.identity("planner");
        attributes.extend([
            ("gen_ai.evaluation.name", text("Relevance")),
            ("gen_ai.evaluation.score.value", Value::Double(score)),
            ("gen_ai.evaluation.score.label", text(label)),
        ]);
        let record = LogRecord {
            time_ns: at,
            severity: Severity::Info,
            body: text("answer evaluated"),
            attributes,
            context: Some(Context { trace_id: self.trace_id, span_id: place.span }),
            event_name: "gen_ai.evaluation.result",
        };
        self.event(place, at, record);
    }

    /// What the customer thinks of the answer.
    fn feedback(&mut self, place: Place, end: i64, ok: bool) {
        let at = end + self.random.millis(14_000.0, 0.8);
        let pleased = ok && self.random.chance(0.8);
        let rating = if pleased { self.random.between(4, 5) } else { self.random.between(1, 3) };
        let comments = if pleased { &PRAISE } else { &BLAME };
        let comment = *self.random.pick(comments);
        let mut attributes = self.identity("");
        attributes.extend([
            ("gen_ai.evaluation.name", text("rating")),
            ("gen_ai.evaluation.score.value", Value::Double(rating as f64)),
            ("feedback.channel", text("widget")),
        ]);
        if !comment.is_empty() {
            attributes.push(("gen_ai.evaluation.explanation", text(comment)));
        }
        let body = if comment.is_empty() { "rated without a comment" } else { comment };
        let record = LogRecord {
            time_ns: at,
            severity: Severity::Info,
            body: text(body),
            attributes,
            context: Some(Context { trace_id: self.trace_id, span_id: place.span }),
            event_name: "gen_ai.evaluation.result",
        };
        self.event(place, at, record);
    }
}

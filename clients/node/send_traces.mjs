// Sends spans with the OpenTelemetry SDK for Node.js as OTLP/JSON, to OTEL_EXPORTER_OTLP_ENDPOINT, and
// prints each span as the API has to show it. Both have to agree, field by field.
import { createRequire } from "node:module";

// NODE_PATH says where the packages are, and only `require` follows it.
const require = createRequire(import.meta.url);
const { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } = require("@opentelemetry/api");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-http");
const { NodeSDK, resources, tracing } = require("@opentelemetry/sdk-node");

const KINDS = ["internal", "server", "client", "producer", "consumer"];
const STATUSES = ["unset", "ok", "error"];
const EVERY_TYPE = {
  text: "plain 🕵🏽‍♀️ \u202eשלום \u0000\u001f\"\\", empty: "", yes: true, no: false, int: 42, negative: -1, "int.most": Number.MAX_SAFE_INTEGER,
  double: 0.1, tiny: 5e-324, texts: ["a", ""], ints: [1, -2], doubles: [0.5, 2.5], bools: [true, false], none: [],
};

/** Spans of every kind in one trace, and a second trace whose parent is in another process. */
async function makeSpans(tracer) {
  await tracer.startActiveSpan("GET /checkout", { kind: SpanKind.SERVER, attributes: EVERY_TYPE }, async (root) => {
    root.addEvent("cache miss", EVERY_TYPE, [1_700_000_000, 123_456_789]);
    root.setStatus({ code: SpanStatusCode.OK });
    const linked = {
      traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", isRemote: true,
      traceFlags: TraceFlags.SAMPLED, traceState: createTraceState("linked=yes,other=1"),
    };
    for (const kind of [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]) {
      await tracer.startActiveSpan(`child ${kind}`, { kind, links: [{ context: linked, attributes: EVERY_TYPE }] }, async (span) => {
        await new Promise(setImmediate);
        span.end();
      });
    }
    const failing = tracer.startSpan("fails");
    failing.recordException(new TypeError("the card was declined"));
    failing.setStatus({ code: SpanStatusCode.ERROR, message: "declined ✗" });
    failing.end();
    root.end();
  });
  const remote = trace.setSpanContext(ROOT_CONTEXT, {
    traceId: trace.getTracer("ids").startSpan("never ended").spanContext().traceId, spanId: "00f067aa0ba902b7",
    isRemote: true, traceFlags: TraceFlags.SAMPLED, traceState: createTraceState("vendor=t61rcWkgMzE"),
  });
  tracer.startSpan("handle", { kind: SpanKind.SERVER }, remote).end();
}

const nanoseconds = ([seconds, rest]) => BigInt(seconds) * 1_000_000_000n + BigInt(rest);

/** A span as the API has to show it. */
function shown(span) {
  const context = span.spanContext();
  return {
    trace_id: context.traceId,
    span_id: context.spanId,
    parent_span_id: span.parentSpanContext?.spanId ?? null,
    name: span.name,
    kind: KINDS[span.kind],
    start_time_unix_nano: String(nanoseconds(span.startTime)),
    duration_ns: Number(nanoseconds(span.endTime) - nanoseconds(span.startTime)),
    status: { code: STATUSES[span.status.code], message: span.status.message ?? "" },
    resource: { service: span.resource.attributes["service.name"], attributes: span.resource.attributes, schema_url: span.resource.schemaUrl ?? "" },
    scope: { name: span.instrumentationScope.name, version: span.instrumentationScope.version ?? "", attributes: {} },
    attributes: span.attributes,
    events: span.events.map((event) => ({
      time_unix_nano: String(nanoseconds(event.time)), name: event.name,
      attributes: event.attributes ?? {}, dropped_attributes_count: event.droppedAttributesCount ?? 0,
    })),
    links: span.links.map((link) => ({
      trace_id: link.context.traceId, span_id: link.context.spanId, trace_state: link.context.traceState?.serialize() ?? "",
      attributes: link.attributes ?? {}, dropped_attributes_count: link.droppedAttributesCount ?? 0,
    })),
    trace_state: context.traceState?.serialize() ?? "",
    flags: context.traceFlags | 0x100 | (span.parentSpanContext?.isRemote ? 0x200 : 0),
    dropped_attributes_count: span.droppedAttributesCount,
    dropped_events_count: span.droppedEventsCount,
    dropped_links_count: span.droppedLinksCount,
  };
}

const kept = [];
const keeper = { onStart() {}, onEnd: (span) => void kept.push(span), forceFlush: async () => {}, shutdown: async () => {} };
const sdk = new NodeSDK({
  resource: resources.resourceFromAttributes({ "service.version": "1.2.3", "host.cpus": 8 }),
  spanProcessors: [keeper, new tracing.BatchSpanProcessor(new OTLPTraceExporter())],
  instrumentations: [],
});
sdk.start();
await makeSpans(trace.getTracer("checkout.tracer", "2.3.4"));
await sdk.shutdown();
process.stdout.write(JSON.stringify(kept.map(shown)));

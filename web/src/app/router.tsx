// The pages and their addresses. Each page is a chunk of its own; its search parameters are read by the feature.
// Addresses stay clear of the server's own (`/api`, `/status`, `/metrics`, `/health`, …).

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect, retainSearchParams } from "@tanstack/react-router";
import { readAgentsSearch } from "@/features/agents/search";
import { readBudgetsSearch } from "@/features/budgets/search";
import { readEventsSearch } from "@/features/events/search";
import { readPricesSearch } from "@/features/prices/search";
import { readCardinalitySearch } from "@/features/cardinality/search";
import { readCostsSearch } from "@/features/costs/search";
import { readFeedbackSearch } from "@/features/feedback/search";
import { readHealthSearch } from "@/features/health/search";
import { readLogsSearch } from "@/features/logs/search";
import { readMetricsSearch } from "@/features/metrics/search";
import { readTargetsSearch } from "@/features/targets/search";
import { readRunsSearch } from "@/features/runs/search";
import { readOperationsSearch } from "@/features/operations/search";
import { readSessionsSearch } from "@/features/sessions/search";
import { readServiceMapSearch } from "@/features/servicemap/search";
import { readCompareSearch, readTraceSearch, readTracesSearch } from "@/features/traces/search";
import type { RangeSearch } from "@/lib/range";
import { one, parseSearch, stringifySearch } from "@/lib/urlstate";
import { NotFoundPage, PageError } from "./PageError";
import { Shell } from "./Shell";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFoundPage,
  validateSearch: (search: Record<string, unknown>): RangeSearch => ({
    range: one(search, "range"), from: one(search, "from"), to: one(search, "to"), refresh: one(search, "refresh"),
  }),
  search: { middlewares: [retainSearchParams(["range", "from", "to", "refresh"])] },
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- how this router redirects
    throw redirect({ to: "/explore/traces", replace: true });
  },
});

const traces = createRoute({
  getParentRoute: () => root,
  path: "/explore/traces",
  validateSearch: readTracesSearch,
  component: lazyRouteComponent(() => import("@/features/traces/TracesPage"), "TracesPage"),
});

const trace = createRoute({
  getParentRoute: () => root,
  path: "/explore/traces/$traceId",
  validateSearch: readTraceSearch,
  component: lazyRouteComponent(() => import("@/features/traces/TracePage"), "TracePage"),
});

const compare = createRoute({
  getParentRoute: () => root,
  path: "/explore/traces/compare",
  validateSearch: readCompareSearch,
  component: lazyRouteComponent(() => import("@/features/traces/ComparePage"), "ComparePage"),
});

const operations = createRoute({
  getParentRoute: () => root,
  path: "/explore/operations",
  validateSearch: readOperationsSearch,
  component: lazyRouteComponent(() => import("@/features/operations/OperationsPage"), "OperationsPage"),
});

const serviceMap = createRoute({
  getParentRoute: () => root,
  path: "/system/service-map",
  validateSearch: readServiceMapSearch,
  component: lazyRouteComponent(() => import("@/features/servicemap/ServiceMapPage"), "ServiceMapPage"),
});

const logs = createRoute({
  getParentRoute: () => root,
  path: "/explore/logs",
  validateSearch: readLogsSearch,
  component: lazyRouteComponent(() => import("@/features/logs/LogsPage"), "LogsPage"),
});

const metrics = createRoute({
  getParentRoute: () => root,
  path: "/explore/metrics",
  validateSearch: readMetricsSearch,
  component: lazyRouteComponent(() => import("@/features/metrics/MetricsPage"), "MetricsPage"),
});

const hosts = createRoute({
  getParentRoute: () => root,
  path: "/system/hosts",
  component: lazyRouteComponent(() => import("@/features/hosts/HostsPage"), "HostsPage"),
});

const targets = createRoute({
  getParentRoute: () => root,
  path: "/system/targets",
  validateSearch: readTargetsSearch,
  component: lazyRouteComponent(() => import("@/features/targets/TargetsPage"), "TargetsPage"),
});

const cardinality = createRoute({
  getParentRoute: () => root,
  path: "/system/cardinality",
  validateSearch: readCardinalitySearch,
  component: lazyRouteComponent(() => import("@/features/cardinality/CardinalityPage"), "CardinalityPage"),
});

const status = createRoute({
  getParentRoute: () => root,
  path: "/system/status",
  component: lazyRouteComponent(() => import("@/features/status/StatusPage"), "StatusPage"),
});

const agents = createRoute({
  getParentRoute: () => root,
  path: "/agents",
  validateSearch: readAgentsSearch,
  component: lazyRouteComponent(() => import("@/features/agents/AgentsPage"), "AgentsPage"),
});

const agent = createRoute({
  getParentRoute: () => root,
  path: "/agents/$agent",
  component: lazyRouteComponent(() => import("@/features/agents/AgentPage"), "AgentPage"),
});

const sessions = createRoute({
  getParentRoute: () => root,
  path: "/sessions",
  validateSearch: readSessionsSearch,
  component: lazyRouteComponent(() => import("@/features/sessions/SessionsPage"), "SessionsPage"),
});

const session = createRoute({
  getParentRoute: () => root,
  path: "/sessions/$session",
  component: lazyRouteComponent(() => import("@/features/sessions/SessionPage"), "SessionPage"),
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: readRunsSearch,
  component: lazyRouteComponent(() => import("@/features/runs/RunsPage"), "RunsPage"),
});

const health = createRoute({
  getParentRoute: () => root,
  path: "/watch/health",
  validateSearch: readHealthSearch,
  component: lazyRouteComponent(() => import("@/features/health/HealthPage"), "HealthPage"),
});

const events = createRoute({
  getParentRoute: () => root,
  path: "/watch/events",
  validateSearch: readEventsSearch,
  component: lazyRouteComponent(() => import("@/features/events/EventsPage"), "EventsPage"),
});

const costs = createRoute({
  getParentRoute: () => root,
  path: "/money/costs",
  validateSearch: readCostsSearch,
  component: lazyRouteComponent(() => import("@/features/costs/CostsPage"), "CostsPage"),
});

const budgets = createRoute({
  getParentRoute: () => root,
  path: "/money/budgets",
  validateSearch: readBudgetsSearch,
  component: lazyRouteComponent(() => import("@/features/budgets/BudgetsPage"), "BudgetsPage"),
});

const prices = createRoute({
  getParentRoute: () => root,
  path: "/money/prices",
  validateSearch: readPricesSearch,
  component: lazyRouteComponent(() => import("@/features/prices/PricesPage"), "PricesPage"),
});

const feedback = createRoute({
  getParentRoute: () => root,
  path: "/quality/feedback",
  validateSearch: readFeedbackSearch,
  component: lazyRouteComponent(() => import("@/features/feedback/FeedbackPage"), "FeedbackPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home, traces, compare, trace, operations, logs, metrics, serviceMap, hosts, targets, cardinality, status,
    agents, agent, sessions, session, runs, health, events, costs, budgets, prices, feedback,
  ]),
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultErrorComponent: PageError,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

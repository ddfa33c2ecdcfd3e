// The navigation: only pages that exist. The command palette offers the same list.

import { IconActivityHeartbeat, IconArrowsDiff, IconChartLine, IconFileText, IconListDetails, IconSitemap, IconStack2, IconTarget, IconTimeline, type Icon } from "@tabler/icons-react";

export interface NavItem {
  to: "/explore/traces" | "/explore/operations" | "/explore/logs" | "/explore/metrics" | "/system/service-map" | "/system/targets" | "/system/cardinality" | "/system/status";
  label: string;
  icon: Icon;
  about: string;
}

export const NAV: { title: string; items: NavItem[] }[] = [
  {
    title: "Explore",
    items: [
      { to: "/explore/traces", label: "Traces", icon: IconTimeline, about: "TraceQL as traces and graphs, and what each run did, step by step" },
      { to: "/explore/operations", label: "Operations", icon: IconListDetails, about: "Rate, errors and durations of what services do" },
      { to: "/explore/logs", label: "Logs", icon: IconFileText, about: "LogQL as lines, patterns and graphs, and lines as they arrive" },
      { to: "/explore/metrics", label: "Metrics", icon: IconChartLine, about: "PromQL as graph and table, and the list of all metrics" },
    ],
  },
  {
    title: "System",
    items: [
      { to: "/system/service-map", label: "Service map", icon: IconSitemap, about: "Which service calls which, how often and how well" },
      { to: "/system/targets", label: "Targets", icon: IconTarget, about: "What is scraped, and how that goes" },
      { to: "/system/cardinality", label: "Cardinality", icon: IconStack2, about: "Which metrics and labels make how many series" },
      { to: "/system/status", label: "Status", icon: IconActivityHeartbeat, about: "Listeners, stores, disk and limits of this server" },
    ],
  },
];

/** Pages that are reached from others: the command palette offers them too. */
export const FURTHER: (Omit<NavItem, "to"> & { to: "/explore/traces/compare" })[] = [
  { to: "/explore/traces/compare", label: "Compare traces", icon: IconArrowsDiff, about: "Two traces side by side, or what sets some spans apart" },
];

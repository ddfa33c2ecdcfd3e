// The navigation: only pages that exist. The command palette offers the same list.

import { IconActivityHeartbeat, IconChartLine, IconFileText, IconStack2, IconTarget, IconTimeline, type Icon } from "@tabler/icons-react";

export interface NavItem {
  to: "/explore/traces" | "/explore/logs" | "/explore/metrics" | "/system/targets" | "/system/cardinality" | "/system/status";
  label: string;
  icon: Icon;
  about: string;
}

export const NAV: { title: string; items: NavItem[] }[] = [
  {
    title: "Explore",
    items: [
      { to: "/explore/traces", label: "Traces", icon: IconTimeline, about: "What each run did, step by step" },
      { to: "/explore/logs", label: "Logs", icon: IconFileText, about: "LogQL as lines, patterns and graphs, and lines as they arrive" },
      { to: "/explore/metrics", label: "Metrics", icon: IconChartLine, about: "PromQL as graph and table, and the list of all metrics" },
    ],
  },
  {
    title: "System",
    items: [
      { to: "/system/targets", label: "Targets", icon: IconTarget, about: "What is scraped, and how that goes" },
      { to: "/system/cardinality", label: "Cardinality", icon: IconStack2, about: "Which metrics and labels make how many series" },
      { to: "/system/status", label: "Status", icon: IconActivityHeartbeat, about: "Listeners, stores, disk and limits of this server" },
    ],
  },
];

// The navigation: only pages that exist. The command palette offers the same list.

import { IconActivityHeartbeat, IconArrowsDiff, IconBell, IconChartLine, IconCoin, IconFileText, IconHeartRateMonitor, IconListDetails, IconMessages, IconPigMoney, IconPlayerPlay, IconRobot, IconServer2, IconSitemap, IconStack2, IconStar, IconTag, IconTarget, IconTimeline, type Icon } from "@tabler/icons-react";

export interface NavItem {
  to: "/watch/health" | "/watch/events" | "/agents" | "/sessions" | "/runs" | "/money/costs" | "/money/budgets" | "/money/prices" | "/quality/feedback" | "/explore/traces" | "/explore/operations" | "/explore/logs" | "/explore/metrics" | "/system/service-map" | "/system/hosts" | "/system/targets" | "/system/cardinality" | "/system/status";
  label: string;
  icon: Icon;
  about: string;
}

export const NAV: { title: string; items: NavItem[] }[] = [
  {
    title: "Watch",
    items: [
      { to: "/watch/health", label: "Health", icon: IconHeartRateMonitor, about: "How agents, this host and what they depend on are" },
      { to: "/watch/events", label: "Events", icon: IconBell, about: "Budgets that are used up, loops, low ratings, and what else happened" },
    ],
  },
  {
    title: "Agents",
    items: [
      { to: "/agents", label: "Agents", icon: IconRobot, about: "Every agent: runs, success, latency, tokens, cost and rating" },
      { to: "/sessions", label: "Sessions", icon: IconMessages, about: "Conversations as their users saw them" },
      { to: "/runs", label: "Runs", icon: IconPlayerPlay, about: "Every run of an agent, newest first" },
    ],
  },
  {
    title: "Money",
    items: [
      { to: "/money/costs", label: "Costs", icon: IconCoin, about: "What is spent, on what and by whom, and what it comes to" },
      { to: "/money/budgets", label: "Budgets", icon: IconPigMoney, about: "What may be spent, and how much is left" },
      { to: "/money/prices", label: "Prices", icon: IconTag, about: "What tokens of each model cost, and models without a price" },
    ],
  },
  {
    title: "Quality",
    items: [
      { to: "/quality/feedback", label: "Feedback", icon: IconStar, about: "Ratings, what people complain about, and the runs behind it" },
    ],
  },
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
      { to: "/system/hosts", label: "Hosts", icon: IconServer2, about: "CPU, memory, disks, network and processes of this host" },
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

// The command palette: go to a page, an agent, a service's traces or logs, a metric, a query of metrics, logs or traces,
// or paste the id of a trace or of a session, or a user, and land there.

import { Modal, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { IconSearch } from "@tabler/icons-react";
import { useMemo, useState, type KeyboardEvent } from "react";
import { api } from "@/api/client";
import { agents as agentApi } from "@/api/agents";
import { useServices } from "@/api/queries";
import { named } from "@/lib/format";
import { queryOfFilters, traceQuery } from "@/lib/logqlText";
import { serviceQuery } from "@/lib/traceqlText";
import { useRange } from "@/lib/useRange";
import { FURTHER, NAV } from "./nav";
import classes from "./Palette.module.css";

interface Command {
  id: string;
  label: string;
  about: string;
  run: () => void;
}

const LIMIT = 12;
/** Where fewer match, what is typed is likely not the name of a page. */
const FEW = 3;
const AGENTS_MOST = 1000;

export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const commands = useCommands(text.trim());
  const selected = Math.min(at, commands.length - 1);
  const run = (command: Command | undefined): void => {
    if (!command) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter") run(commands[selected]);
    else if (event.key === "ArrowDown") setAt((selected + 1) % Math.max(1, commands.length));
    else if (event.key === "ArrowUp") setAt((selected + commands.length - 1) % Math.max(1, commands.length));
    else return;
    event.preventDefault();
  };
  return (
    <Modal opened onClose={onClose} withCloseButton={false} padding={0} size={560} yOffset="12vh" transitionProps={{ duration: 0 }} aria-label="Command palette">
      <TextInput
        data-autofocus
        size="md"
        variant="unstyled"
        placeholder="Go to a page, agent, service or metric, or paste an id"
        aria-label="Command"
        role="combobox"
        aria-expanded
        aria-controls="palette-list"
        aria-activedescendant={commands[selected] ? `palette-${selected}` : undefined}
        leftSection={<IconSearch size={16} aria-hidden />}
        className={classes.input}
        value={text}
        onChange={(event) => { setText(event.currentTarget.value); setAt(0); }}
        onKeyDown={onKeyDown}
      />
      <ul id="palette-list" role="listbox" aria-label="Commands" className={classes.list}>
        {commands.map((command, i) => (
          <li
            key={command.id}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === selected}
            className={classes.item}
            onClick={() => run(command)}
            onPointerMove={() => setAt(i)}
          >
            <span className="clip">{command.label}</span>
            <span className={classes.about}>{command.about}</span>
          </li>
        ))}
        {commands.length === 0 && <li className={classes.nothing}>Nothing matches “{text}”. A trace id is up to 32 hexadecimal digits.</li>}
      </ul>
    </Modal>
  );
}

function useCommands(text: string): Command[] {
  const navigate = useNavigate();
  const services = useServices();
  const metrics = useQuery({
    queryKey: ["metrics", text],
    queryFn: ({ signal }) => api.metrics({ search: text, limit: 6 }, signal),
    enabled: text.length >= 2,
  });
  const { window } = useRange();
  // Agents of the range that the page looks at, once a range: what is typed only chooses among them.
  const agents = useQuery({ queryKey: ["palette-agents", window], queryFn: ({ signal }) => agentApi.list({ limit: AGENTS_MOST, ...window }, signal), enabled: text.length >= 2 });
  return useMemo(() => {
    const out: Command[] = [];
    const id = text.replaceAll("-", "").toLowerCase();
    if (/^[0-9a-f]{8,32}$/.test(id)) {
      out.push({ id: "trace", label: `Open trace ${id}`, about: "Trace", run: () => void navigate({ to: "/explore/traces/$traceId", params: { traceId: id.padStart(32, "0") } }) });
      out.push({ id: "trace-logs", label: `Logs of trace ${id}`, about: "Logs", run: () => void navigate({ to: "/explore/logs", search: { query: traceQuery(id.padStart(32, "0")) } }) });
    }
    const matches = (label: string): boolean => label.toLowerCase().includes(text.toLowerCase());
    for (const item of [...NAV.flatMap((group) => group.items), ...FURTHER]) {
      if (matches(item.label)) out.push({ id: item.to, label: item.label, about: "Page", run: () => void navigate({ to: item.to }) });
    }
    for (const { agent } of text === "" ? [] : (agents.data?.agents ?? [])) {
      if (matches(agent)) out.push({ id: `a-${agent}`, label: named(agent), about: "Agent", run: () => void navigate({ to: "/agents/$agent", params: { agent } }) });
    }
    for (const service of services.data ?? []) {
      if (text === "" || !matches(service)) continue;
      out.push({ id: `t-${service}`, label: service, about: "Traces of service", run: () => void navigate({ to: "/explore/traces", search: { query: serviceQuery(service) } }) });
      out.push({ id: `o-${service}`, label: service, about: "Operations of service", run: () => void navigate({ to: "/explore/operations", search: { service } }) });
      out.push({ id: `l-${service}`, label: service, about: "Logs of service", run: () => void navigate({ to: "/explore/logs", search: { query: queryOfFilters({ service }) } }) });
    }
    for (const metric of text.length >= 2 ? (metrics.data?.metrics ?? []) : []) {
      out.push({ id: `m-${metric.name}`, label: metric.name, about: "Metric", run: () => void navigate({ to: "/explore/metrics", search: { metric: metric.name } }) });
    }
    // What begins with a selector of labels alone may be either language; of logs it is asked more often.
    if (/^\{|[({]\s*\{/.test(text)) out.unshift({ id: "logql", label: text, about: "Run LogQL", run: () => void navigate({ to: "/explore/logs", search: { query: text } }) });
    // Conditions on fields are TraceQL: of logs, what stands in braces has no fields with dots, colons or spaces around.
    if (/^\(*\{\s*\}|^\(*\{[^}]*(\.[\w"]|\b(name|status|duration|kind|traceDuration|rootName|rootServiceName|\w+:\w+)\s*(=|!=|>|<))/.test(text)) {
      out.unshift({ id: "traceql", label: text, about: "Run TraceQL", run: () => void navigate({ to: "/explore/traces", search: { query: text } }) });
    }
    // What looks like PromQL may be run as it stands.
    if (/^[\w:]*\s*[({]/.test(text)) out.splice(out.findIndex((one) => one.id === "logql") + 1, 0, { id: "promql", label: text, about: "Run PromQL", run: () => void navigate({ to: "/explore/metrics", search: { expr: [text] } }) });
    // Ids of sessions and names of users are not listed anywhere: what is typed may be one.
    const last = /^[^\s{}()=]{3,200}$/.test(text) && (out.length < FEW || /[\d@]/.test(text)) ? [
      { id: "session", label: text, about: "Open session", run: () => void navigate({ to: "/sessions/$session", params: { session: text } }) },
      { id: "user", label: text, about: "Runs of user", run: () => void navigate({ to: "/runs", search: { user: text } }) },
    ] : [];
    return [...out.slice(0, LIMIT - last.length), ...last];
  }, [text, services.data, metrics.data, agents.data, navigate]);
}

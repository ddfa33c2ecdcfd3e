// How to send the first data: complete, copyable programs that point at this server's own address.

import { Tabs } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import type { Status } from "@/api/types";
import { CodeBlock } from "@/components/CodeBlock";
import { addressesOf } from "./addresses";
import classes from "./FirstData.module.css";
import { LANGUAGES, type Signal } from "./snippets";

const TEXT: Record<Signal, { title: string; about: string }> = {
  spans: { title: "Send your first trace", about: "A trace shows each run of your agent step by step: model calls, tools, retrieval, and what failed." },
  logs: { title: "Send your first log line", about: "Log lines appear here by service and level, and beside the step of the trace that wrote them." },
  metrics: { title: "Send your first metric", about: "Every metric appears here with its series, labels and exemplars." },
};

interface FirstDataProps {
  signal: Signal;
  /** Other kinds of data have arrived already. */
  others: boolean;
  listeners: Status["listeners"];
}

export function FirstData({ signal, others, listeners }: FirstDataProps) {
  const [language, setLanguage] = useLocalStorage({ key: "watchkeep-language", defaultValue: "python" });
  const to = addressesOf(listeners, window.location);
  const { title, about } = TEXT[signal];
  return (
    <div className={classes.frame}>
      <div className={classes.inner}>
        <h2 className={classes.title}>{title}</h2>
        <p className={classes.about}>{about} {others ? "Other data has arrived already; none of this kind yet." : "This server holds no data yet."}</p>
        <Tabs value={language} onChange={(next) => setLanguage(next ?? "python")} keepMounted={false}>
          <Tabs.List>{LANGUAGES.map(({ id, label }) => <Tabs.Tab key={id} value={id}>{label}</Tabs.Tab>)}</Tabs.List>
          {LANGUAGES.map(({ id, snippet }) => {
            const { install, file, code, run } = snippet(signal, to);
            return (
              <Tabs.Panel key={id} value={id} className={classes.panel}>
                <CodeBlock title="Install" what="install command" code={install} />
                <CodeBlock title={file} what={file} code={code} maxHeight={460} />
                <CodeBlock title="Run" what="run command" code={run} />
              </Tabs.Panel>
            );
          })}
        </Tabs>
        <p className={classes.about}>
          OTLP is taken at <span className="mono">{to.http}</span> (HTTP) and <span className="mono">{to.grpc}</span> (gRPC); an SDK that is set up already needs only <span className="mono">OTEL_EXPORTER_OTLP_ENDPOINT</span>.
        </p>
        <h2 className={classes.title}>Or look around first</h2>
        <p className={classes.about}>The demo fills this server with a small fleet of agents, some of them failing.</p>
        <CodeBlock title="With the binary, or from the repository" what="demo commands" code={"watchkeep demo\nmake demo"} />
      </div>
    </div>
  );
}

// What LogQL looks like, for those whose query the server did not understand.

import { Examples, type Example } from "@/components/Examples";
import { Notice } from "@/components/Notice";

const EXAMPLES: Example[] = [
  ['{service_name="gateway"} |= "timeout"', "Lines of a service that contain a text"],
  ['{service_name=~".+"} | detected_level="error"', "Errors of every service"],
  ['{service_name="gateway"} | json | duration_ms > 5000', "Lines of JSON by the number of a field"],
  ['sum by (service_name) (rate({service_name=~".+"} | detected_level="error" [5m]))', "Errors a second by service, as a graph"],
];

export function LogExamples({ onQuery }: { onQuery: (query: string) => void }) {
  return (
    <Notice
      title="A query begins with the streams to read"
      text="In braces stand labels of streams, then filters and stages, each behind a bar. The editor completes them; Ctrl Space asks it to. For example:"
      action={<Examples examples={EXAMPLES} onQuery={onQuery} />}
    />
  );
}

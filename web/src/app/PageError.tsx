// What is shown in place of a page that broke, or that does not exist.

import { Button } from "@mantine/core";
import { Link, type ErrorComponentProps } from "@tanstack/react-router";
import { Notice } from "@/components/Notice";

export function PageError({ error, reset }: ErrorComponentProps) {
  return (
    <Notice
      tone="error"
      title="This page broke"
      text={error instanceof Error ? error.message : String(error)}
      action={<Button variant="default" onClick={() => { reset(); window.location.reload(); }}>Reload</Button>}
    />
  );
}

export function NotFoundPage() {
  return (
    <Notice
      title="There is no page here"
      text="The address may be from a newer version, or mistyped."
      action={<Link to="/explore/traces">Go to traces</Link>}
    />
  );
}

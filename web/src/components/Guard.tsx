// Keeps what breaks from taking the rest of the page with it: a part that cannot be drawn says so in its place.

import { Component, type ReactNode } from "react";
import { Notice } from "./Notice";

interface GuardProps {
  /** What is shown: "Models". */
  what: string;
  children: ReactNode;
}

interface GuardState {
  error: Error | undefined;
  /** What broke: other content is tried again. */
  of: ReactNode;
}

export class Guard extends Component<GuardProps, GuardState> {
  override state: GuardState = { error: undefined, of: undefined };

  static getDerivedStateFromError(error: unknown): Partial<GuardState> {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  static getDerivedStateFromProps(props: GuardProps, state: GuardState): Partial<GuardState> | null {
    if (state.of === props.children) return null;
    return { of: props.children, error: undefined };
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return <Notice compact tone="error" title={`${this.props.what} could not be shown`} text={`The server’s answer is not as expected: ${this.state.error.message}`} />;
  }
}

import { type FormEvent, type RefObject, useEffect, useRef, useState } from "react";
import { Problem } from "@/lib/api";

export interface Submission {
  form: RefObject<HTMLFormElement | null>;
  pending: boolean;
  problem: Problem | undefined;
  submit: (event: FormEvent) => void;
  /** Forgets what went wrong. */
  reset: () => void;
}

/**
 * Submits a form: once at a time, and with the focus on what is wrong when it failed.
 * `act` throws a `Problem` for that; what was typed stays as it is.
 */
export function useSubmission(act: () => Promise<void>): Submission {
  const form = useRef<HTMLFormElement>(null);
  const [state, setState] = useState<{ pending: boolean; problem?: Problem }>({ pending: false });

  useEffect(() => {
    if (!state.problem) return;
    const find = (what: string) => form.current?.querySelector<HTMLElement>(what);
    (find("[aria-invalid=true]") ?? find("[role=alert]"))?.focus();
  }, [state.problem]);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (state.pending) return;
    setState({ pending: true });
    act().then(
      () => setState({ pending: false }),
      (problem: unknown) => {
        setState({ pending: false, ...(problem instanceof Problem && { problem }) });
        if (!(problem instanceof Problem)) throw problem;
      },
    );
  }

  const reset = () => setState({ pending: false });

  return { form, submit, reset, pending: state.pending, problem: state.problem };
}

/** What is wrong with one field. A conflict names none: the caller knows whose it is. */
export function wrongWith(problem: Problem | undefined, field: string, conflict?: string): string {
  if (problem?.code === "CONFLICT" && field === conflict) return problem.message;
  const rows = problem?.details.filter((row) => row.field === field) ?? [];
  return rows.map((row) => row.message).join(" ");
}

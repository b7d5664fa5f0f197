"use client";

import { type ReactNode, useSyncExternalStore } from "react";
import type { Problem } from "@/lib/api";
import type { Submission } from "@/lib/form";

interface FormProps {
  name: string;
  submission: Submission;
  children: ReactNode;
}

/**
 * A form that scripts send. Without them its button stays disabled, so that it cannot be sent, and
 * no password ever gets into an address.
 */
export function Form({ name, submission, children }: FormProps) {
  return (
    <form
      method="post"
      noValidate
      aria-label={name}
      ref={submission.form}
      onSubmit={submission.submit}
    >
      {children}
    </form>
  );
}

/** What went wrong with a form as a whole. */
export function FormProblem({ problem }: { problem: Problem | undefined }) {
  if (!problem) return null;
  return (
    <p className="alert" role="alert" tabIndex={-1}>
      {problem.message}
      {problem.reference && <small> Reference: {problem.reference}</small>}
    </p>
  );
}

interface SubmitButtonProps {
  pending: boolean;
  doing: string;
  danger?: boolean;
  children: string;
}

export function SubmitButton({ pending, doing, danger, children }: SubmitButtonProps) {
  const ready = useHydrated();
  return (
    <button
      className={danger ? "button danger" : "button"}
      disabled={!ready}
      aria-disabled={pending || undefined}
    >
      {pending && <span className="spinner" aria-hidden="true" />}
      {pending ? doing : children}
    </button>
  );
}

const never = () => () => undefined;

/** Whether scripts run: not when the page was built. */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}

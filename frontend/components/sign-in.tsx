"use client";

import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { Suspense } from "react";
import { Field, PasswordField } from "@/components/field";
import { Form, FormProblem, SubmitButton } from "@/components/form";
import { NeedsScripts } from "@/components/needs-scripts";
import { api, ask } from "@/lib/api";
import { useSubmission, wrongWith } from "@/lib/form";
import { signedIn } from "@/lib/session";
import { useText } from "@/lib/text";

const WELCOME = "Good to see you. Sign in to your playlist.";
const REASONS = new Map(Object.entries({
  ended: "You were signed out: your session has ended. Sign in to go on where you were.",
  left: "You have signed out. See you soon.",
  deleted: "Your account and everything in it has been deleted.",
  reset: "Your new password is set. Sign in with it.",
}));

export function SignIn() {
  const [email, password] = [useText(), useText()];
  const submission = useSubmission(async () => {
    const body = { email: email.value, password: password.value };
    signedIn((await ask(api().POST("/auth/login", { body }))).user);
  });
  const { problem, pending } = submission;
  return (
    <>
      <h1>Sign in</h1>
      <p className="lead">
        <Suspense fallback={WELCOME}>
          <Reason />
        </Suspense>
      </p>
      <NeedsScripts />
      <Form name="Sign in" submission={submission}>
        <FormProblem problem={problem} />
        <Field
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          required
          wrong={wrongWith(problem, "email")}
          {...email.input}
        />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          wrong={wrongWith(problem, "password")}
          {...password.input}
        />
        <SubmitButton pending={pending} doing="Signing in …">
          Sign in
        </SubmitButton>
      </Form>
      <p className="aside">
        <Link href="/forgot-password">Forgot your password?</Link>
      </p>
      <p className="aside">
        New here? <Onward to="/sign-up">Make an account</Onward>
      </p>
    </>
  );
}

function Reason() {
  return REASONS.get(useSearchParams().get("why") ?? "") ?? WELCOME;
}

/** A link to the other of sign-in and sign-up, which leads back to the same place. */
export function Onward({ to, children }: { to: string; children: string }) {
  return (
    <Suspense fallback={<Link href={to}>{children}</Link>}>
      <OnwardLink to={to}>{children}</OnwardLink>
    </Suspense>
  );
}

function OnwardLink({ to, children }: { to: string; children: string }) {
  const next = useSearchParams().get("next");
  const query = next ? `?${new URLSearchParams({ next })}` : "";
  return <Link href={to + query}>{children}</Link>;
}

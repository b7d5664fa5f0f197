"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { Field, PasswordField } from "@/components/field";
import { Form, FormProblem, SubmitButton } from "@/components/form";
import { NeedsScripts } from "@/components/needs-scripts";
import { api, ask } from "@/lib/api";
import { useSubmission, wrongWith } from "@/lib/form";
import { useText } from "@/lib/text";

/** Has a link mailed with which a new password can be set. */
export function ForgotPassword() {
  const email = useText();
  const [mailed, setMailed] = useState(false);
  const submission = useSubmission(async () => {
    await ask(api().POST("/auth/password/forgot", { body: { email: email.value } }));
    setMailed(true);
  });
  return (
    <>
      <h1>Forgot your password?</h1>
      <p className="lead" role="status">
        {mailed
          ? "If there is an account with this e-mail, a link is on its way. It is good for half an hour."
          : "Tell us your e-mail, and we send you a link to set a new one."}
      </p>
      <NeedsScripts />
      <Form name="Forgot your password?" submission={submission}>
        <FormProblem problem={submission.problem} />
        <Field
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          required
          wrong={wrongWith(submission.problem, "email")}
          {...email.input}
        />
        <SubmitButton pending={submission.pending} doing="Sending …">
          {mailed ? "Send it again" : "Send the link"}
        </SubmitButton>
      </Form>
      <p className="aside">
        <Link href="/sign-in">Back to sign-in</Link>
      </p>
    </>
  );
}

/** Sets a new password with the token of a mailed link. */
export function ResetPassword() {
  const router = useRouter();
  const password = useText();
  const submission = useSubmission(async () => {
    const token = new URLSearchParams(location.search).get("token") ?? "";
    const body = { token, newPassword: password.value };
    await ask(api().POST("/auth/password/reset", { body }));
    router.replace("/sign-in?why=reset");
  });
  const { problem, pending } = submission;
  const stale = wrongWith(problem, "token");
  return (
    <>
      <h1>Set a new password</h1>
      <p className="lead">All devices that are signed in with the old one will be signed out.</p>
      <NeedsScripts />
      <Form name="Set a new password" submission={submission}>
        {stale ? (
          <p className="alert" role="alert" tabIndex={-1}>
            This link has been used, or is too old. <Link href="/forgot-password">Get another</Link>
          </p>
        ) : (
          <FormProblem problem={problem} />
        )}
        <PasswordField
          label="New password"
          name="newPassword"
          autoComplete="new-password"
          required
          hint="At least 8 characters."
          wrong={wrongWith(problem, "newPassword")}
          {...password.input}
        />
        <SubmitButton pending={pending} doing="Setting it …">
          Set the password
        </SubmitButton>
      </Form>
    </>
  );
}

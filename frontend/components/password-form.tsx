"use client";

import { PasswordField } from "@/components/field";
import { Form, FormProblem, SubmitButton } from "@/components/form";
import { api, ask } from "@/lib/api";
import { useSubmission, wrongWith } from "@/lib/form";
import { useText } from "@/lib/text";
import { toast } from "@/lib/toasts";

export function PasswordForm({ email }: { email: string }) {
  const [current, fresh] = [useText(), useText()];
  const submission = useSubmission(async () => {
    const body = { currentPassword: current.value, newPassword: fresh.value };
    await ask(api().PUT("/auth/password", { body }));
    current.setValue("");
    fresh.setValue("");
    toast("Your password is changed, and all other devices are signed out.");
  });
  const { problem, pending } = submission;
  return (
    <Form name="Password" submission={submission}>
      <FormProblem problem={problem} />
      {/* So that password managers know whose it is. */}
      <input type="email" autoComplete="username" value={email} readOnly hidden />
      <PasswordField
        label="Current password"
        name="currentPassword"
        autoComplete="current-password"
        required
        wrong={wrongWith(problem, "currentPassword")}
        {...current.input}
      />
      <PasswordField
        label="New password"
        name="newPassword"
        autoComplete="new-password"
        required
        hint="At least 8 characters. All other devices will be signed out."
        wrong={wrongWith(problem, "newPassword")}
        {...fresh.input}
      />
      <SubmitButton pending={pending} doing="Changing …">
        Change the password
      </SubmitButton>
    </Form>
  );
}

"use client";

import { Field, PasswordField } from "@/components/field";
import { Form, FormProblem, SubmitButton } from "@/components/form";
import { api, ask, type User } from "@/lib/api";
import { useSubmission, wrongWith } from "@/lib/form";
import { signedIn } from "@/lib/session";
import { useText } from "@/lib/text";
import { toast } from "@/lib/toasts";

/** Changes name and e-mail; for another e-mail the service wants the password. */
export function ProfileForm({ user }: { user: User | undefined }) {
  const [name, email, password] = [useText(user?.name), useText(user?.email), useText()];
  const moves = user !== undefined && email.value.trim().toLowerCase() !== user.email;
  const submission = useSubmission(async () => {
    const body = {
      name: name.value,
      email: email.value,
      ...(moves && { currentPassword: password.value }),
    };
    signedIn(await ask(api().PATCH("/me", { body })));
    password.setValue("");
    toast("Your profile is changed.");
  });
  const { problem, pending } = submission;
  return (
    <Form name="Profile" submission={submission}>
      <FormProblem problem={problem} />
      <Field
        label="Name"
        name="name"
        dir="auto"
        autoComplete="name"
        required
        wrong={wrongWith(problem, "name")}
        {...name.input}
      />
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="email"
        required
        wrong={wrongWith(problem, "email", "email")}
        {...email.input}
      />
      {moves && (
        <PasswordField
          label="Current password"
          name="currentPassword"
          autoComplete="current-password"
          required
          hint="Needed to change the e-mail."
          wrong={wrongWith(problem, "currentPassword")}
          {...password.input}
        />
      )}
      <SubmitButton pending={pending} doing="Saving …">
        Save the profile
      </SubmitButton>
    </Form>
  );
}

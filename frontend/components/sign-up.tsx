"use client";

import { Field, PasswordField } from "@/components/field";
import { Form, FormProblem, SubmitButton } from "@/components/form";
import { NeedsScripts } from "@/components/needs-scripts";
import { Onward } from "@/components/sign-in";
import { api, ask } from "@/lib/api";
import { useSubmission, wrongWith } from "@/lib/form";
import { signedIn } from "@/lib/session";
import { useText } from "@/lib/text";

export function SignUp() {
  const [name, email, password] = [useText(), useText(), useText()];
  const submission = useSubmission(async () => {
    const body = { name: name.value, email: email.value, password: password.value };
    signedIn((await ask(api().POST("/auth/signup", { body }))).user);
  });
  const { problem, pending } = submission;
  return (
    <>
      <h1>Make an account</h1>
      <p className="lead">All it takes is a name, an e-mail and a password.</p>
      <NeedsScripts />
      <Form name="Make an account" submission={submission}>
        <FormProblem problem={problem} />
        <Field
          label="Name"
          name="name"
          autoComplete="name"
          required
          wrong={wrongWith(problem, "name")}
          {...name.input}
        />
        <Field
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          required
          wrong={wrongWith(problem, "email", "email")}
          {...email.input}
        />
        <PasswordField
          label="Password"
          name="password"
          autoComplete="new-password"
          required
          hint="At least 8 characters. Several words are easy to remember and hard to guess."
          wrong={wrongWith(problem, "password")}
          {...password.input}
        />
        <SubmitButton pending={pending} doing="Making it …">
          Make the account
        </SubmitButton>
      </Form>
      <p className="aside">
        Have one already? <Onward to="/sign-in">Sign in</Onward>
      </p>
    </>
  );
}

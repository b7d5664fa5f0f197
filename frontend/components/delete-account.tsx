"use client";

import { useState } from "react";
import { Dialog } from "@/components/dialog";
import { PasswordField } from "@/components/field";
import { Form, FormProblem, SubmitButton } from "@/components/form";
import { api, ask } from "@/lib/api";
import { useSubmission, wrongWith } from "@/lib/form";
import { signedOut } from "@/lib/session";
import { useText } from "@/lib/text";

export function DeleteAccount() {
  const [asking, setAsking] = useState(false);
  return (
    <>
      <p>Deleting the account deletes your playlist with it, at once and for good.</p>
      <button className="button quiet danger-text" onClick={() => setAsking(true)}>
        Delete my account
      </button>
      {asking && <Question onClose={() => setAsking(false)} />}
    </>
  );
}

function Question({ onClose }: { onClose: () => void }) {
  const password = useText();
  const submission = useSubmission(async () => {
    await ask(api().DELETE("/me", { body: { currentPassword: password.value } }));
    signedOut("deleted");
  });
  const { problem, pending } = submission;
  return (
    <Dialog title="Delete your account?" onClose={onClose}>
      <p>Your movies, your pictures and your sessions will be gone. This cannot be undone.</p>
      <Form name="Delete your account?" submission={submission}>
        <FormProblem problem={problem} />
        <PasswordField
          label="Your password"
          name="currentPassword"
          autoComplete="current-password"
          required
          wrong={wrongWith(problem, "currentPassword")}
          {...password.input}
        />
        <div className="actions">
          <button type="button" className="button quiet" onClick={onClose}>
            Keep it
          </button>
          <SubmitButton danger pending={pending} doing="Deleting …">
            Delete everything
          </SubmitButton>
        </div>
      </Form>
    </Dialog>
  );
}

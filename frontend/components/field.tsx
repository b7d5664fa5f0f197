"use client";

import { type InputHTMLAttributes, type ReactNode, useId, useState } from "react";

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  name: string;
  label: string;
  hint?: string;
  wrong?: string;
  beside?: ReactNode;
}

/** A labelled input, with what is wrong with it below. */
export function Field({ label, hint, wrong, beside, ...input }: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="field-box">
        <input
          id={id}
          aria-invalid={Boolean(wrong)}
          aria-describedby={described || undefined}
          {...input}
        />
        {beside}
      </div>
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {wrong && (
        <p className="wrong" id={`${id}-wrong`}>
          {wrong}
        </p>
      )}
    </div>
  );
}

/** A field for a password, which can be shown. */
export function PasswordField(props: FieldProps) {
  const [shown, setShown] = useState(false);
  const toggle = (
    <button type="button" className="peek" aria-pressed={shown} onClick={() => setShown(!shown)}>
      {shown ? "Hide" : "Show"}
      <span className="unseen"> {props.label.toLowerCase()}</span>
    </button>
  );
  return <Field {...props} type={shown ? "text" : "password"} beside={toggle} />;
}

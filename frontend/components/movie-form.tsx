"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";
import { Field } from "@/components/field";
import { Form, FormProblem, SubmitButton } from "@/components/form";
import { PictureField } from "@/components/picture-field";
import type { Movie } from "@/lib/api";
import { dropDraft, readDraft, writeDraft } from "@/lib/draft";
import { useSubmission, wrongWith } from "@/lib/form";
import { toast } from "@/lib/toasts";

/** What the inputs hold; empty ones mean that there is nothing. */
export interface Typed {
  title: string;
  year: string;
  imageUrl: string;
}

/** What the service is told: empty inputs clear their fields. */
export interface MovieBody {
  title: string;
  year: string | null;
  imageUrl: string | null;
}

interface MovieFormProps {
  name: string;
  /** Under which name what is typed is kept while it is not sent. */
  draft: string;
  initial: Typed;
  /** Sends it. Throws a `Problem` when that failed. */
  save: (body: MovieBody) => Promise<Movie>;
  labels: { save: string; doing: string; done: string };
}

export function MovieForm({ name, draft, initial, save, labels }: MovieFormProps) {
  const router = useRouter();
  const [typed, setTyped] = useDraft(draft, initial);
  const submission = useSubmission(async () => {
    const { title, year, imageUrl } = typed;
    const saved = await save({ title, year: year.trim() || null, imageUrl: imageUrl.trim() || null });
    dropDraft(draft);
    toast(labels.done, saved.title);
    router.push("/playlist");
  });
  const { problem, pending } = submission;
  const type = (change: Partial<Typed>) => setTyped({ ...typed, ...change });
  return (
    <Form name={name} submission={submission}>
      <FormProblem problem={problem} />
      <div className="movie-form">
        <div>
          <Field
            label="Title"
            name="title"
            dir="auto"
            required
            autoComplete="off"
            maxLength={255}
            value={typed.title}
            wrong={wrongWith(problem, "title")}
            onChange={(event) => type({ title: event.target.value })}
          />
          <Field
            label="Year"
            name="year"
            inputMode="numeric"
            autoComplete="off"
            maxLength={4}
            hint="Four digits, if you know it."
            value={typed.year}
            wrong={wrongWith(problem, "year")}
            onChange={(event) => type({ year: event.target.value })}
          />
        </div>
        <PictureField
          title={typed.title || "Movie"}
          value={typed.imageUrl}
          wrong={wrongWith(problem, "imageUrl")}
          onChange={(imageUrl) => type({ imageUrl })}
        />
      </div>
      <div className="actions">
        <SubmitButton pending={pending} doing={labels.doing}>
          {labels.save}
        </SubmitButton>
        <Link className="button quiet" href="/playlist" onClick={() => dropDraft(draft)}>
          Cancel
        </Link>
      </div>
    </Form>
  );
}

/** What is typed, kept from the first key on. */
function useDraft(name: string, initial: Typed) {
  const [typed, setTyped] = useState(initial);
  useEffect(() => {
    const kept = readDraft<Typed>(name);
    if (kept) setTyped(kept);
  }, [name]);
  const change = (next: Typed) => {
    setTyped(next);
    writeDraft(name, next);
  };
  return [typed, change] as const;
}

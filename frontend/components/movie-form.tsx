"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect, useRef, useState } from "react";
import { Field } from "@/components/field";
import { Form, FormProblem, SubmitButton } from "@/components/form";
import { PictureField } from "@/components/picture-field";
import { Poster } from "@/components/poster";
import { type Movie, Problem } from "@/lib/api";
import { type Draft, dropDraft, readDraft, writeDraft } from "@/lib/draft";
import { useSubmission, wrongWith } from "@/lib/form";
import { usePicture } from "@/lib/pictures";
import { session } from "@/lib/session";
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

/** A save that was refused, because the movie has been changed elsewhere since editing began. */
export class EditConflict extends Problem {
  readonly newer: Movie;

  constructor(newer: Movie) {
    const message =
      "This movie was changed elsewhere while you were editing it. Save again to replace it with your version, or discard yours.";
    super(412, { code: "PRECONDITION_FAILED", message }, null);
    this.newer = newer;
  }
}

interface MovieFormProps {
  name: string;
  /** Under which name what is typed is kept while it is not sent. */
  draft: string;
  initial: Typed;
  /** The version that `initial` is. */
  etag?: string;
  /** Sends what was typed on top of a version. Throws a `Problem` when that failed. */
  save: (body: MovieBody, etag: string | undefined) => Promise<Movie>;
  labels: { save: string; doing: string; done: string };
}

export function MovieForm({ name, draft: form, initial, etag, save, labels }: MovieFormProps) {
  const router = useRouter();
  const draft = useDraft(form, initial, etag);
  const { typed } = draft;
  const picture = usePicture((imageUrl) => draft.change({ imageUrl }));
  const submission = useSubmission(async () => {
    await picture.ready();
    const { title, year, imageUrl } = draft.latest();
    const body = { title, year: year.trim() || null, imageUrl: imageUrl.trim() || null };
    const saved = await save(body, draft.etag);
    draft.close();
    toast(labels.done, saved.title);
    router.push("/playlist");
  });
  const { problem, pending } = submission;

  function discard() {
    picture.cancel();
    draft.discard();
    submission.reset();
    submission.form.current?.querySelector("input")?.focus();
  }

  return (
    <Form name={name} submission={submission}>
      <FormProblem problem={problem} />
      {problem instanceof EditConflict ? (
        <Versions yours={typed} newer={problem.newer} onDiscard={discard} />
      ) : (
        draft.restored && (
          <div className="kept">
            <p role="status">We kept what you typed.</p>
            <button type="button" className="button quiet" onClick={discard}>
              Discard it
            </button>
          </div>
        )
      )}
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
            onChange={(event) => draft.change({ title: event.target.value })}
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
            onChange={(event) => draft.change({ year: event.target.value })}
          />
        </div>
        <PictureField
          title={typed.title || "Movie"}
          value={typed.imageUrl}
          picture={picture}
          wrong={wrongWith(problem, "imageUrl")}
          onChange={(imageUrl) => draft.change({ imageUrl })}
        />
      </div>
      <div className="actions">
        <SubmitButton
          pending={pending}
          doing={picture.preparing ? "Preparing the picture…" : labels.doing}
        >
          {labels.save}
        </SubmitButton>
        <Link className="button quiet" href="/playlist" onClick={draft.close}>
          Cancel
        </Link>
      </div>
    </Form>
  );
}

interface VersionsProps {
  yours: Typed;
  newer: Movie;
  onDiscard: () => void;
}

/** Both versions of a movie, for somebody to choose from. */
function Versions({ yours, newer, onDiscard }: VersionsProps) {
  return (
    <section className="versions" aria-label="Both versions">
      <Version heading="Yours" {...yours} />
      <Version heading="Changed elsewhere" {...newer} />
      <button type="button" className="button quiet" onClick={onDiscard}>
        Discard mine
      </button>
    </section>
  );
}

type VersionProps = Pick<Movie, "title" | "year" | "imageUrl"> & { heading: string };

function Version({ heading, title, year, imageUrl }: VersionProps) {
  return (
    <figure>
      <figcaption>{heading}</figcaption>
      <Poster title={title || "Movie"} imageUrl={imageUrl} />
      <p>
        <bdi>{title || "No title"}</bdi>
      </p>
      <p>{year || "No year"}</p>
    </figure>
  );
}

/** What is typed, kept from the first key on; until then the form shows `initial`, also a newer one. */
function useDraft(form: string, initial: Typed, etag: string | undefined) {
  const now = session.use();
  const userId = now.state === "in" ? now.user.id : undefined;
  const [draft, setDraft] = useState<Draft<Typed>>();
  const [restored, setRestored] = useState(false);
  const latest = useRef<Draft<Typed>>(undefined); // for what ends while somebody types
  const closed = useRef(false);

  function set(next: Draft<Typed> | undefined) {
    latest.current = next;
    setDraft(next);
  }

  useEffect(() => {
    closed.current = false;
    const kept = userId === undefined ? undefined : readDraft<Typed>(form, userId);
    if (kept) set(kept);
    setRestored(Boolean(kept));
    return () => {
      closed.current = true;
    };
  }, [form, userId]);

  return {
    typed: draft?.typed ?? initial,
    /** The version on which what is typed was begun. */
    etag: draft?.etag ?? etag,
    restored,
    latest: () => latest.current?.typed ?? initial,
    change: (part: Partial<Typed>) => {
      const { current } = latest;
      const next = { typed: { ...(current?.typed ?? initial), ...part }, etag: current ? current.etag : etag };
      if (isSame(next.typed, initial)) dropDraft(form);
      else if (userId !== undefined && !closed.current) writeDraft(form, userId, next);
      set(next);
    },
    /** Keeps nothing from now on: it is saved, or not wanted. */
    close: () => {
      closed.current = true;
      dropDraft(form);
    },
    discard: () => {
      dropDraft(form);
      set(undefined);
      setRestored(false);
    },
  };
}

function isSame(one: Typed, other: Typed): boolean {
  return one.title === other.title && one.year === other.year && one.imageUrl === other.imageUrl;
}

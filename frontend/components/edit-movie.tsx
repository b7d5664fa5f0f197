"use client";

import Link from "next/link";
import { useRouter, useSearchParams } from "next/navigation";
import { Suspense, useState } from "react";
import { DeleteDialog } from "@/components/delete-dialog";
import { Icon } from "@/components/icons";
import { EditConflict, MovieForm, type MovieBody } from "@/components/movie-form";
import { Trouble } from "@/components/trouble";
import { answer, api, ask, type Movie, Problem } from "@/lib/api";
import { dropDraft } from "@/lib/draft";
import { useLoad } from "@/lib/load";

const LABELS = { save: "Save the changes", doing: "Saving …", done: "is changed." };

interface Read {
  movie: Movie;
  etag: string;
}

export function EditMovie() {
  return (
    <>
      <h1>Edit a movie</h1>
      <Suspense fallback={<Waiting />}>
        <Chosen />
      </Suspense>
    </>
  );
}

function Waiting() {
  return (
    <div className="movie-form skeleton" aria-hidden="true">
      <div className="poster" />
    </div>
  );
}

function Chosen() {
  const text = useSearchParams().get("id") ?? "";
  return /^[0-9]{1,18}$/.test(text) ? <Found id={Number(text)} /> : <Gone />;
}

function Found({ id }: { id: number }) {
  const { data, problem, reload } = useLoad(`movie ${id}`, () => read(id));
  if (problem && [403, 404].includes(problem.status)) return <Gone />;
  if (data) return <Editor key={id} read={data} />;
  return problem ? <Trouble problem={problem} onRetry={reload} /> : <Waiting />;
}

function Gone() {
  return (
    <section className="nothing">
      <h2>This movie is not on your playlist</h2>
      <p>It may have been deleted in the meantime.</p>
      <div className="actions">
        <Link className="button" href="/playlist">
          To the playlist
        </Link>
      </div>
    </section>
  );
}

function Editor({ read: first }: { read: Read }) {
  const [newer, setNewer] = useState<Read>(); // what a save came upon, and the person has seen
  const { movie, etag } = newer ?? first;
  const router = useRouter();
  const [doomed, setDoomed] = useState(false);
  const draft = `edit ${movie.id}`;

  async function save(body: MovieBody, begunOn = etag): Promise<Movie> {
    const params = { path: { id: movie.id }, header: { "If-Match": newer?.etag ?? begunOn } };
    try {
      return await ask(api().PATCH("/movies/{id}", { params, body }));
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 412) throw problem;
      const now = await read(movie.id);
      if (isSame(now.movie, body)) return now.movie; // the answer of an earlier try was lost
      setNewer(now);
      throw new EditConflict(now.movie);
    }
  }

  return (
    <>
      <MovieForm
        name="Edit a movie"
        draft={draft}
        initial={{ title: movie.title, year: movie.year ?? "", imageUrl: movie.imageUrl ?? "" }}
        etag={etag}
        labels={LABELS}
        save={save}
      />
      <button className="button quiet danger-text" onClick={() => setDoomed(true)}>
        <Icon name="bin" />
        Delete this movie
      </button>
      {doomed && (
        <DeleteDialog
          movie={movie}
          onClose={() => setDoomed(false)}
          onDone={() => {
            dropDraft(draft);
            router.push("/playlist");
          }}
        />
      )}
    </>
  );
}

async function read(id: number): Promise<Read> {
  const { data, response } = await answer(
    api().GET("/movies/{id}", { params: { path: { id } } }),
  );
  // A proxy that compresses makes it weak, which would match nothing.
  const etag = (response.headers.get("ETag") ?? "*").replace(/^W\//, "");
  return { movie: data as Movie, etag };
}

function isSame(movie: Movie, body: MovieBody): boolean {
  return (
    movie.title === body.title.trim() &&
    movie.year === body.year &&
    movie.imageUrl === body.imageUrl
  );
}

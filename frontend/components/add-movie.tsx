"use client";

import { useRef } from "react";
import { MovieForm } from "@/components/movie-form";
import { api, ask } from "@/lib/api";

const EMPTY = { title: "", year: "", imageUrl: "" };
const LABELS = { save: "Add to my playlist", doing: "Adding …", done: "is on your playlist." };

// `crypto.randomUUID` is not there where a phone tries the page without TLS.
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
}

export function AddMovie() {
  const sent = useRef({ body: "", key: "" });

  // Another try of the same movie has the same key, so that it is added once.
  function keyFor(body: unknown): string {
    const text = JSON.stringify(body);
    if (sent.current.body !== text) sent.current = { body: text, key: newKey() };
    return sent.current.key;
  }

  return (
    <>
      <h1>Add a movie</h1>
      <MovieForm
        name="Add a movie"
        draft="add"
        initial={EMPTY}
        labels={LABELS}
        save={(body) => {
          const header = { "Idempotency-Key": keyFor(body) };
          return ask(api().POST("/movies", { params: { header }, body }));
        }}
      />
    </>
  );
}

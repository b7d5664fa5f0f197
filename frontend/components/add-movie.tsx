"use client";

import { useRef } from "react";
import { MovieForm } from "@/components/movie-form";
import { api, ask } from "@/lib/api";

const EMPTY = { title: "", year: "", imageUrl: "" };
const LABELS = { save: "Add to my playlist", doing: "Adding …", done: "is on your playlist." };

export function AddMovie() {
  const sent = useRef({ body: "", key: "" });

  // Another try of the same movie has the same key, so that it is added once.
  function keyFor(body: unknown): string {
    const text = JSON.stringify(body);
    if (sent.current.body !== text) sent.current = { body: text, key: crypto.randomUUID() };
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

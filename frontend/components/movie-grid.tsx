"use client";

import Link from "next/link";
import { Icon } from "@/components/icons";
import { Poster } from "@/components/poster";
import type { Movie } from "@/lib/api";
import { PAGE_SIZE } from "@/lib/movie-query";

const IN_VIEW = 6; // about as many posters as are in view at first

interface MovieGridProps {
  movies: readonly Movie[];
  onDelete: (movie: Movie) => void;
}

export function MovieGrid({ movies, onDelete }: MovieGridProps) {
  return (
    <ul className="grid">
      {movies.map((movie, index) => (
        <li key={movie.id} className="card">
          <Link className="card-link" href={`/edit?id=${movie.id}`} prefetch={false}>
            <Poster title={movie.title} imageUrl={movie.imageUrl} eager={index < IN_VIEW} />
            <span className="unseen">Edit </span>
            <span className="card-title" dir="auto">
              {movie.title}
            </span>
            <span className="card-year">{movie.year ?? "\u00a0"}</span>
          </Link>
          <button className="card-delete" onClick={() => onDelete(movie)}>
            <Icon name="bin" />
            <span className="unseen">
              Delete <bdi>{movie.title}</bdi>
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** A page of movies that are not there yet, of the same size. */
export function SkeletonGrid() {
  return (
    <div className="grid skeleton">
      <p className="unseen">Loading your movies …</p>
      {Array.from({ length: PAGE_SIZE }, (_, index) => (
        <div key={index} className="card" aria-hidden="true">
          <div className="poster" />
          <span className="card-title" />
          <span className="card-year" />
        </div>
      ))}
    </div>
  );
}

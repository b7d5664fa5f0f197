import type { Schemas } from "playlist-api-client";
import { api, ask, FILE } from "@/lib/api";

export type Report = Schemas["ImportReport"];
export type Row = Report["rows"][number];
export type Outcome = Row["outcome"];

export const FORMATS: Record<Report["format"], string> = {
  letterboxd: "an export of Letterboxd",
  letterboxdList: "a list of Letterboxd",
  imdb: "an export of IMDb",
  movary: "an export of Movary",
  yamtrack: "an export of Yamtrack",
  csv: "a table of movies",
  json: "an export of this playlist",
};

/** Has the service read a file of movies, and put them on the list unless it is a dry run. */
export function importMovies(file: File, dryRun: boolean): Promise<Report> {
  return ask(
    api().POST("/movies/import", {
      params: { query: { dryRun } },
      headers: { "Content-Type": FILE },
      body: file as unknown as string,
      bodySerializer: (body) => body,
    }),
  );
}

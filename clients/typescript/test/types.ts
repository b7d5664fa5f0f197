// Compiled, never run: each `@ts-expect-error` must stand before something that does not compile.
import { createPlaylistClient, type Schemas } from "playlist-api-client";

const client = createPlaylistClient({ baseUrl: "http://localhost:3001" });

export async function whatCompiles(): Promise<void> {
  const { data, error } = await client.GET("/movies", { params: { query: { page: 2 } } });
  const titles: string[] | undefined = data?.items.map(({ title }) => title);
  const years: (string | null)[] | undefined = data?.items.map(({ year }) => year);
  void [titles, years];
  if (error) {
    const message: string = error.error.message;
    const code:
      | "VALIDATION_ERROR"
      | "UNAUTHORIZED"
      | "TOO_MANY_REQUESTS"
      | "INTERNAL_ERROR"
      | "BAD_GATEWAY"
      | "SERVICE_UNAVAILABLE" = error.error.code;
    void [message, code];
  }
  const movie: Schemas["NewMovie"] = { title: "Heat" };
  await client.POST("/movies", { body: movie });
  await client.PATCH("/movies/{id}", { params: { path: { id: 1 } }, body: { year: null } });
  await client.POST("/auth/logout");
  createPlaylistClient({ baseUrl: "", fetch, storage: localStorage });
  createPlaylistClient({ baseUrl: "", storage: undefined, onSignedOut: undefined });
}

export async function whatDoesNotCompile(): Promise<void> {
  // @ts-expect-error there is no such path
  await client.GET("/films");
  // @ts-expect-error there is no such method at this path
  await client.PUT("/movies", { body: { title: "Heat" } });
  // @ts-expect-error a movie needs a title
  await client.POST("/movies", { body: { year: "1995" } });
  // @ts-expect-error a year is a string
  await client.POST("/movies", { body: { title: "Heat", year: 1995 } });
  // @ts-expect-error a movie has no such field
  const misspelt = { title: "Heat", imageURL: "" } satisfies Schemas["NewMovie"];
  // @ts-expect-error a title cannot be cleared
  await client.PATCH("/movies/{id}", { params: { path: { id: 1 } }, body: { title: null } });
  // @ts-expect-error a movie is added with a body
  await client.POST("/movies");
  // @ts-expect-error a movie has an id
  await client.GET("/movies/{id}");
  // @ts-expect-error ids are numbers
  await client.GET("/movies/{id}", { params: { path: { id: "1" } } });
  // @ts-expect-error pages are numbers
  await client.GET("/movies", { params: { query: { page: "2" } } });
  // @ts-expect-error cursors are strings
  await client.GET("/movies", { params: { query: { cursor: 2 } } });
  // @ts-expect-error signing up needs a name
  await client.POST("/auth/signup", { body: { email: "ada@example.com", password: "secret" } });
  // @ts-expect-error the service has to be somewhere
  createPlaylistClient({});

  const { data, error } = await client.GET("/movies/{id}", { params: { path: { id: 1 } } });
  // @ts-expect-error there may be no movie
  data.title;
  // @ts-expect-error movies have no such field
  data?.stars;
  // @ts-expect-error a year can be absent
  const year: string | undefined = data?.year;
  // @ts-expect-error this call never ends so
  void (error?.error.code === "CONFLICT");
  // @ts-expect-error errors have no such field
  error?.error.reason;
  // @ts-expect-error a logout brings nothing
  (await client.POST("/auth/logout")).data?.user;
  // @ts-expect-error a typed name of something that there is not
  const film: Schemas["Film"] | undefined = undefined;
  void [misspelt, year, film];
}

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { nextCursor, type Schemas } from "playlist-api-client";
import { Browser, password, signUp } from "./browser.ts";

const heat = { title: "Heat", year: "1995", imageUrl: "https://example.com/heat.jpg" };

test("signing up tells who one is", async () => {
  const client = new Browser().open();
  const email = `grace.${randomUUID()}@example.com`;
  const { data } = await client.POST("/auth/signup", { body: { name: "Grace", email, password } });
  const user: Schemas["User"] | undefined = data?.user;
  assert.deepEqual([user?.name, user?.email, user?.role], ["Grace", email, "user"]);
  assert.deepEqual((await client.GET("/me")).data, user);
});

test("a movie is added, listed, read, changed and deleted", async () => {
  const client = new Browser().open();
  await signUp(client);

  const added = (await client.POST("/movies", { body: heat })).data;
  assert.ok(added);
  const { id, title, year, imageUrl } = added;
  assert.deepEqual({ title, year, imageUrl }, heat);
  const bare = (await client.POST("/movies", { body: { title: "Ronin" } })).data;
  assert.deepEqual([bare?.year, bare?.imageUrl], [null, null]);

  const page = (await client.GET("/movies", { params: { query: { page: 1, limit: 1 } } })).data;
  assert.deepEqual(page, { items: [bare], meta: { page: 1, limit: 1, total: 2, totalPages: 2 } });

  const one = { params: { path: { id } } };
  assert.deepEqual((await client.GET("/movies/{id}", one)).data, added);
  const changed = await client.PATCH("/movies/{id}", { ...one, body: { year: null } });
  assert.deepEqual([changed.data?.title, changed.data?.year], ["Heat", null]);
  const back = await client.PUT("/movies/{id}", { ...one, body: added });
  assert.deepEqual([back.data?.title, back.data?.year], ["Heat", "1995"]);

  assert.equal((await client.DELETE("/movies/{id}", one)).response.status, 204);
  assert.equal((await client.GET("/movies/{id}", one)).error?.error.code, "NOT_FOUND");
});

test("cursors lead through the list, whatever is added meanwhile", async () => {
  const client = new Browser().open();
  await signUp(client);
  for (const title of ["Heat", "Ronin", "Alien"]) await client.POST("/movies", { body: { title } });
  const met: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 1, ...(cursor && { cursor }) };
    const { data, response } = await client.GET("/movies", { params: { query } });
    met.push(...(data?.items.map(({ title }) => title) ?? []));
    assert.equal(data?.meta.page, cursor ? null : 1);
    cursor = nextCursor(response);
    await client.POST("/movies", { body: { title: "Thief" } });
  } while (cursor);
  assert.deepEqual(met, ["Alien", "Ronin", "Heat"]);
});

test("a validation error names its fields", async () => {
  const client = new Browser().open();
  await signUp(client);
  const { data, error } = await client.POST("/movies", { body: { title: " ", year: "95" } });
  assert.equal(data, undefined);
  assert.ok(error?.error.code === "VALIDATION_ERROR");
  assert.deepEqual(error.error.details?.map(({ field }) => field).sort(), ["title", "year"]);
});

test("a call that is repeated with its Idempotency-Key adds one movie", async () => {
  const client = new Browser().open();
  await signUp(client);
  const call = { params: { header: { "Idempotency-Key": randomUUID() } }, body: heat };
  const first = await client.POST("/movies", call);
  const second = await client.POST("/movies", call);
  assert.deepEqual([second.response.status, second.data], [201, first.data]);
  assert.equal((await client.GET("/movies")).data?.meta.total, 1);
});

test("a change of what has been changed since is refused", async () => {
  const client = new Browser().open();
  await signUp(client);
  const { data: movie, response } = await client.POST("/movies", { body: heat });
  assert.ok(movie);
  const path = { id: movie.id };
  const header = { "If-Match": response.headers.get("ETag") ?? "" };
  await client.PATCH("/movies/{id}", { params: { path }, body: { title: "Ronin" } });
  const { error } = await client.PATCH("/movies/{id}", {
    params: { path, header },
    body: { year: "1996" },
  });
  assert.equal(error?.error.code, "PRECONDITION_FAILED");
});

// Signs somebody up, puts a movie on their list, and leaves nothing behind.
import { createPlaylistClient } from "playlist-api-client";

const client = createPlaylistClient({
  baseUrl: process.env["PLAYLIST_API_URL"] ?? "http://localhost:3001",
});

const password = "correct horse battery";
const account = { name: "Ada", email: `${crypto.randomUUID()}@example.com`, password };
await client.POST("/auth/signup", { body: account });

const added = await client.POST("/movies", {
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { title: "Heat", year: "1995" },
});
if (added.error) throw new Error(added.error.error.message);
console.log(`${added.data.title} (${added.data.year}) has the id ${added.data.id}.`);

const { data: list } = await client.GET("/movies", { params: { query: { limit: 20 } } });
console.log(`There is ${list?.meta.total} movie on the list.`);

await client.DELETE("/me", { body: { currentPassword: password } });

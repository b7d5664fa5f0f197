import Link from "next/link";
import { Icon } from "@/components/icons";
import { Drawing } from "@/components/poster";

const SHOWN = ["Amélie", "Zodiac", "Fargo"];

/** An empty list, and what to do about it. */
export function Nothing() {
  return (
    <section className="nothing">
      <div className="fan" aria-hidden="true">
        {SHOWN.map((title) => (
          <div className="poster" key={title}>
            <Drawing title={title} />
          </div>
        ))}
      </div>
      <h2>Your playlist is empty</h2>
      <p>Which movie have you been meaning to see?</p>
      <div className="actions">
        <Link className="button" href="/add">
          <Icon name="plus" />
          Add your first movie
        </Link>
        <Link className="button quiet" href="/import">
          <Icon name="in" />
          Bring a list along
        </Link>
      </div>
    </section>
  );
}

export function NothingFound({ onClear }: { onClear: () => void }) {
  return (
    <section className="nothing">
      <h2>Nothing matches</h2>
      <p>No title on your playlist has these words in these years.</p>
      <div className="actions">
        <button className="button quiet" onClick={onClear}>
          Show everything
        </button>
      </div>
    </section>
  );
}

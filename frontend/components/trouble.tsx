import type { Problem } from "@/lib/api";

interface TroubleProps {
  problem: Problem;
  onRetry: () => void;
}

/** Tells that something could not be read, and that it is being tried again. */
export function Trouble({ problem, onRetry }: TroubleProps) {
  return (
    <div className="alert" role="alert">
      <p>
        {problem.message} {problem.passing && "We keep trying."}
        {problem.reference && <small> Reference: {problem.reference}</small>}
      </p>
      <button className="button quiet" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}

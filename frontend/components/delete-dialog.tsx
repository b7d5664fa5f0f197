"use client";

import { Dialog } from "@/components/dialog";
import { Form, FormProblem, SubmitButton } from "@/components/form";
import { api, ask, type Movie, Problem } from "@/lib/api";
import { useSubmission } from "@/lib/form";
import { toast } from "@/lib/toasts";

interface DeleteDialogProps {
  movie: Movie;
  onDone: () => void;
  onClose: () => void;
}

export function DeleteDialog({ movie, onDone, onClose }: DeleteDialogProps) {
  const submission = useSubmission(async () => {
    await remove(movie.id);
    toast("is off your playlist.", movie.title);
    onDone();
  });
  return (
    <Dialog title="Delete this movie?" onClose={onClose}>
      <p>
        “<bdi>{movie.title}</bdi>”{movie.year && ` (${movie.year})`} will be taken off your
        playlist. This cannot be undone.
      </p>
      <Form name="Delete this movie?" submission={submission}>
        <FormProblem problem={submission.problem} />
        <div className="actions">
          <button type="button" className="button quiet" onClick={onClose}>
            Keep it
          </button>
          <SubmitButton danger pending={submission.pending} doing="Deleting …">
            Delete
          </SubmitButton>
        </div>
      </Form>
    </Dialog>
  );
}

// One that is gone already has been deleted in another tab, or by a try whose answer was lost.
async function remove(id: number): Promise<void> {
  try {
    await ask(api().DELETE("/movies/{id}", { params: { path: { id } } }));
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 404) throw problem;
  }
}

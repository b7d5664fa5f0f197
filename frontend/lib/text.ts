import { type ChangeEvent, useState } from "react";

/** The text of one input. */
export function useText(initial = "") {
  const [value, setValue] = useState(initial);
  const onChange = (event: ChangeEvent<HTMLInputElement>) => setValue(event.target.value);
  return { value, setValue, input: { value, onChange } };
}

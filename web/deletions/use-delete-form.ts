import { type FormEvent, useState } from 'react';
import { isTyped, TYPED_FROM } from './counts.ts';

export interface DeleteInput {
  reason: string;
  notify: boolean;
}

export interface DeleteForm {
  input: DeleteInput;
  change: (input: Partial<DeleteInput>) => void;
  typed: string;
  setTyped: (typed: string) => void;
  mustType: boolean;
  /** What the person still has to do, once they tried to go on without it. */
  errors: Partial<Record<'reason' | 'typed', string>>;
  submit: (event: FormEvent<HTMLFormElement>) => void;
}

/**
 * The fields of the dialog. The typed number is cleared with each new preview: it confirmed the one
 * before.
 *
 * @param preview how many users it would delete, and whether the person has seen what has changed
 */
export const useDeleteForm = (
  preview: { id: string; count: number; isSeen: boolean },
  onSubmit: (input: DeleteInput) => void,
): DeleteForm => {
  const { count, isSeen } = preview;
  const [input, setInput] = useState<DeleteInput>({ reason: '', notify: true });
  const [typed, setTyped] = useState('');
  const [isTried, setTried] = useState(false);
  const [last, setLast] = useState(preview);
  if (last.id !== preview.id || last.isSeen !== isSeen) {
    setLast(preview);
    setTyped('');
    setTried(false);
  }

  const mustType = count >= TYPED_FROM;
  const missing = {
    ...(input.reason.trim() === '' && { reason: 'Write a reason.' }),
    ...(mustType && !isTyped(typed, count) && { typed: `Type ${count}.` }),
  };
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    setTried(true);
    const [first] = Object.keys(missing);
    // What is missing gets the focus: the field, or the message about what has changed.
    const name = isSeen ? first : 'drift';
    if (name === undefined) onSubmit({ ...input, reason: input.reason.trim() });
    else event.currentTarget.querySelector<HTMLElement>(`[name=${name}]`)?.focus();
  };
  return {
    input,
    change: (part) => setInput((old) => ({ ...old, ...part })),
    typed,
    setTyped,
    mustType,
    errors: isTried ? missing : {},
    submit,
  };
};

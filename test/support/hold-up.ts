/** A wait that a test ends. */
export const holdUp = (): { held: Promise<void>; release: () => void } => {
  let end: () => void;
  const held = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { held, release: () => end() };
};

import { Progress } from '@mantine/core';

/** How far something is, as a bar. The frame has the role: its part is empty at 0 %. */
export const Bar = ({
  share,
  label,
  size = 10,
}: {
  /** From 0 to 1; null while nothing is counted. */
  share: number | null;
  label: string;
  size?: number;
}) => (
  <Progress.Root
    size={size}
    radius="sm"
    role="progressbar"
    aria-label={label}
    aria-valuemin={0}
    aria-valuemax={100}
    {...(share !== null && { 'aria-valuenow': Math.floor(share * 100) })}
  >
    <Progress.Section
      withAria={false}
      color="act"
      value={share === null ? 100 : share * 100}
      animated={share === null}
      striped={share === null}
    />
  </Progress.Root>
);

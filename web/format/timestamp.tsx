import { VisuallyHidden } from '@mantine/core';
import { formatRelative, formatTime } from './timestamps.ts';

/**
 * A time in the zone of the browser. UTC and the distance from now are in its description. A text
 * that is no time of JavaScript, such as `infinity`, stays as it is.
 */
export const Timestamp = ({ at }: { at: string }) => {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return at;
  const more = `${formatTime(time, 'UTC')}, ${formatRelative(time, new Date())}`;
  return (
    <time dateTime={at} title={more}>
      {formatTime(time)}
      <VisuallyHidden> ({more})</VisuallyHidden>
    </time>
  );
};

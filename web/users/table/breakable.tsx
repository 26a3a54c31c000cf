import { Fragment } from 'react';

/** An id or a mail. In a narrow column, a line ends after `@`, `.` or `_`, and not in a word. */
export const Breakable = ({ text }: { text: string }) =>
  text.split(/(?<=[@._])/).map((part, index) => (
    <Fragment key={index}>
      {index > 0 && <wbr />}
      {part}
    </Fragment>
  ));

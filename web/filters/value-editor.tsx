import { NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ValueKind } from '../../selection/fields.ts';
import type { Condition, Scalar } from '../../selection/filter.ts';
import { exactNumber } from '../../selection/numbers.ts';
import { countOf } from '../format/numbers.ts';
import { zoneOf } from '../format/timestamps.ts';
import { comparisonOf } from './comparisons.ts';
import { ofLocalInput, toLocalInput } from './local-times.ts';
import styles from './filters.module.css';

type Value = Condition['value'];

interface ValueProps {
  kind: ValueKind;
  value: Value;
  error: string | undefined;
  onChange: (value: Value) => void;
}

/** The input for the value of a condition, by the kind of its property and by its comparison. */
export const ValueEditor = ({
  condition,
  ...props
}: Omit<ValueProps, 'value'> & { condition: Condition }) => {
  const { value } = condition;
  const form = comparisonOf(condition, props.kind)?.form ?? 'one';
  switch (form) {
    case 'none':
      return null;
    case 'many':
      return <ManyValues {...props} value={value} />;
    case 'daysAgo':
      return <DaysAgo {...props} value={value} />;
    case 'one':
      return <OneValue {...props} value={value} />;
  }
};

const OneValue = ({ kind, value, error, onChange }: ValueProps) => {
  const common = { 'aria-label': 'Value', className: styles.value, error };
  switch (kind) {
    case 'boolean':
      return (
        <NativeSelect
          {...common}
          value={textOf(value)}
          data={['true', 'false']}
          onChange={(event) => onChange(event.currentTarget.value === 'true')}
        />
      );
    case 'date':
    case 'time':
      return (
        <TextInput
          {...common}
          type={kind}
          {...(kind === 'time' && { step: 1 })}
          value={textOf(value)}
          onChange={(event) => onChange(event.currentTarget.value || undefined)}
        />
      );
    case 'datetime':
      return <TimeValue kind={kind} value={value} error={error} onChange={onChange} />;
    case 'number':
      return <NumberValue kind={kind} value={value} error={error} onChange={onChange} />;
    case 'text':
    case 'list':
      return (
        <TextInput
          {...common}
          value={textOf(value)}
          onChange={(event) => onChange(event.currentTarget.value || undefined)}
        />
      );
  }
};

/** Keeps what is typed, such as `1.`, which is not a number yet. */
const NumberValue = ({ value, error, onChange }: ValueProps) => {
  const [text, setText] = useState(textOf(value));
  const isSame = scalarOf(text, 'number') === value;
  return (
    <TextInput
      aria-label="Value"
      className={styles.value}
      inputMode="decimal"
      error={error}
      value={isSame ? text : textOf(value)}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setText(next);
        onChange(next === '' ? undefined : scalarOf(next, 'number'));
      }}
    />
  );
};

/** A time in the zone of the browser. A value that is not edited keeps all its digits. */
const TimeValue = ({ value, error, onChange }: ValueProps) => {
  const text = toLocalInput(textOf(value));
  return (
    <TextInput
      aria-label={`Value, in ${zoneOf(new Date(text))}`}
      className={styles.value}
      type="datetime-local"
      step={1}
      error={error}
      value={text}
      rightSection={<span>{zoneOf(new Date(text))}</span>}
      rightSectionWidth={64}
      onChange={(event) => onChange(ofLocalInput(event.currentTarget.value))}
    />
  );
};

const DaysAgo = ({ value, error, onChange }: ValueProps) => {
  const days = typeof value === 'object' && !Array.isArray(value) ? value.daysAgo : NaN;
  return (
    <TextInput
      aria-label="Days"
      className={styles.value}
      inputMode="numeric"
      error={error}
      value={Number.isNaN(days) ? '' : String(days)}
      rightSection={<span>days ago</span>}
      rightSectionWidth={72}
      onChange={(event) => {
        const digits = event.currentTarget.value.replaceAll(/\D/g, '');
        onChange({ daysAgo: digits === '' ? NaN : Number(digits) });
      }}
    />
  );
};

/** One value on each line, so that a column of a spreadsheet can be pasted. */
const ManyValues = ({ kind, value, error, onChange }: ValueProps) => {
  const values = Array.isArray(value) ? value : [];
  const [text, setText] = useState(values.map(textOf).join('\n'));
  return (
    <Textarea
      aria-label="Values, one on each line"
      className={styles.value}
      description={`One on each line: ${countOf(values.length, 'value')}`}
      inputWrapperOrder={['input', 'description', 'error']}
      autosize
      minRows={2}
      maxRows={8}
      error={error}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        const lines = event.currentTarget.value.split('\n').filter((line) => line.trim() !== '');
        onChange(lines.map((line) => scalarOf(line, kind)));
      }}
    />
  );
};

const textOf = (value: Value): string =>
  value === undefined || typeof value === 'object' ? '' : String(value);

/** The value of a text. One that is not a number stays a text, which is a problem of the value. */
const scalarOf = (text: string, kind: ValueKind): Scalar =>
  kind === 'number' ? (exactNumber(text.trim()) ?? text) : text.replace(/\r$/, '');

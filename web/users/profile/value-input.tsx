import { NativeSelect, Textarea, TextInput } from '@mantine/core';
import { dateTimeOf } from '../../../selection/date-times.ts';
import { ofLocalInput, toLocalInput } from '../../filters/local-times.ts';
import { zoneOf } from '../../format/timestamps.ts';
import type { UserField } from './user-fields.ts';

const CHOICES = [
  { value: '', label: 'Unknown' },
  { value: 'true', label: 'Yes' },
  { value: 'false', label: 'No' },
];

const INPUT_MODES = { number: 'decimal', email: 'email', phone: 'tel', url: 'url' } as const;

interface ValueInputProps {
  field: UserField;
  text: string;
  error: string | undefined;
  onChange: (text: string) => void;
}

/** The input of a property, by its type. An empty one is an unknown value. */
export const ValueInput = ({ field, text, error, onChange }: ValueInputProps) => {
  const { takes, name } = field;
  const common = { label: name, error, autoComplete: 'off' };
  switch (takes) {
    case 'boolean':
      return (
        <NativeSelect
          {...common}
          value={text}
          data={CHOICES}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
    case 'list':
      return (
        <Textarea
          {...common}
          description="One on each line"
          placeholder="Unknown"
          autosize
          minRows={1}
          maxRows={8}
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
    case 'date':
    case 'time':
    case 'datetime':
      return <TimeInput field={field} text={text} error={error} onChange={onChange} />;
    case 'string':
    case 'number':
    case 'email':
    case 'phone':
    case 'url':
      return (
        <TextInput
          {...common}
          placeholder="Unknown"
          {...(takes !== 'string' && { inputMode: INPUT_MODES[takes] })}
          value={text}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
  }
};

/** A value that is not edited keeps all its digits. One that is no date stays a text. */
const TimeInput = ({ field: { takes, name }, text, error, onChange }: ValueInputProps) => {
  const type = takes === 'datetime' ? 'datetime-local' : takes;
  const isText = text !== '' && shownTime(takes, text) === '';
  return (
    <TextInput
      label={takes === 'datetime' ? `${name}, in ${zoneOf(new Date(text))}` : name}
      error={error}
      type={isText ? 'text' : type}
      {...(takes !== 'date' && !isText && { step: 1 })}
      value={isText ? text : shownTime(takes, text)}
      onChange={(event) => onChange(readTime(takes, event.currentTarget.value))}
    />
  );
};

const shownTime = (takes: UserField['takes'], text: string): string => {
  if (takes === 'datetime') return toLocalInput(text);
  return dateTimeOf(text, takes === 'time' ? 'time' : 'date') ?? '';
};

const readTime = (takes: UserField['takes'], text: string): string =>
  takes === 'datetime' ? (ofLocalInput(text) ?? text) : text;

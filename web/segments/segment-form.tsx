import { Button, TextInput } from '@mantine/core';
import { type FormEvent, useRef } from 'react';
import type { PropertyTypes } from '../../selection/fields.ts';
import { FilterBuilder } from '../filters/filter-builder.tsx';
import { LeaveGuard } from '../forms/leave-guard.tsx';
import { FormFields } from '../forms/form-fields.tsx';
import { LinkButton } from '../page/links.tsx';
import { ProblemNotice } from '../page/problem-notice.tsx';
import { FateNotice } from './fate-notice.tsx';
import { FilterPreviewCard } from './filter-preview.tsx';
import { MAX_NAME_LENGTH } from './segment-draft.ts';
import { type UsedSegmentForm, useSegmentForm } from './use-segment-form.ts';
import type { Segment, SegmentList } from './use-segment-list.ts';
import styles from './segments.module.css';

/**
 * The name and filter of a segment, beside the users that it finds now.
 *
 * @param segment undefined for a new one
 */
export const SegmentForm = ({
  segment,
  properties,
  list,
  onSaved,
}: {
  segment?: Segment;
  properties: PropertyTypes;
  list: SegmentList;
  onSaved: (id: string, isNew: boolean) => void;
}) => {
  const form = useSegmentForm(segment, { properties, list }, onSaved);
  const { draft, isUnsaved, fate, error } = form;
  const frame = useRef<HTMLFormElement>(null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    form.save();
    // Once the problems are shown, the first of them has the focus.
    requestAnimationFrame(() =>
      frame.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus(),
    );
  };
  return (
    <div className={styles.editor}>
      <LeaveGuard isUnsaved={isUnsaved} />
      <form ref={frame} className={styles.form} noValidate onSubmit={submit}>
        {fate !== 'same' && <FateNotice form={form} />}
        <FormFields isDisabled={form.isSaving}>
          <Fields form={form} properties={properties} />
        </FormFields>
        {error !== undefined && fate !== 'deleted' && <ProblemNotice error={error} takesFocus />}
        {list.error !== null && <ProblemNotice error={list.error} />}
        <Buttons form={form} isNew={segment === undefined} />
      </form>
      <FilterPreviewCard filter={form.isFilterComplete ? draft.filter : undefined} />
    </div>
  );
};

const Fields = ({
  form: { draft, edit, problems },
  properties,
}: {
  form: UsedSegmentForm;
  properties: PropertyTypes;
}) => (
  <>
    <TextInput
      label="Name"
      className={styles.nameInput}
      maxLength={MAX_NAME_LENGTH}
      autoComplete="off"
      value={draft.name}
      error={problems.name}
      onChange={(event) => edit({ name: event.currentTarget.value })}
    />
    <fieldset className={styles.filter}>
      <legend>Users</legend>
      <FilterBuilder
        value={draft.filter}
        onChange={(filter) => edit({ filter })}
        properties={properties}
        problems={problems.conditions}
      />
      {problems.filter !== undefined && (
        <p role="alert" className={styles.problem}>
          {problems.filter}
        </p>
      )}
    </fieldset>
  </>
);

const Buttons = ({
  form: { isUnsaved, isSaving, isIncomplete, fate },
  isNew,
}: {
  form: UsedSegmentForm;
  isNew: boolean;
}) => (
  <div className={styles.buttons}>
    {fate !== 'deleted' && (
      <Button type="submit" loading={isSaving} disabled={!isNew && !isUnsaved}>
        {isNew ? 'Save segment' : 'Save'}
      </Button>
    )}
    <LinkButton to="/segments" variant="default">
      {isUnsaved ? 'Cancel' : 'Back to segments'}
    </LinkButton>
    {isIncomplete && (
      <span role="alert" className={styles.problem}>
        Complete what is marked.
      </span>
    )}
    {!isNew && !isUnsaved && <span className={styles.soft}>Nothing to save.</span>}
  </div>
);

import { X } from 'lucide-react';
import type { PropertyTypes } from '../../selection/fields.ts';
import type { Filter } from '../../selection/filter.ts';
import { describeFilter } from './describe-filter.ts';
import { filterOf, type FilterModel, isGroup, modelOf, withoutItem } from './filter-model.ts';
import styles from './filter-tokens.module.css';

/** A filter as tokens: one for each condition or group. Each can be removed, and opens the form. */
export const FilterTokens = ({
  filter,
  properties,
  onChange,
  onEdit,
}: {
  filter: Filter;
  properties: PropertyTypes;
  onChange: (filter: Filter | undefined) => void;
  onEdit: () => void;
}) => {
  const model = modelOf(filter);
  if (model?.items.length === 0) {
    return <Token words="A filter without a condition" onRemove={() => onChange(undefined)} />;
  }
  // Its parts cannot be removed one by one: what is left would not be what was shown.
  if (model === undefined || model.isNegated) {
    return (
      <Token
        words={describeFilter(filter, properties)}
        onEdit={onEdit}
        onRemove={() => onChange(undefined)}
      />
    );
  }
  return model.items.map((item, index) => (
    <span key={`${model.items.length} ${index}`} className={styles.part}>
      {index > 0 && <span className={styles.join}>{model.join}</span>}
      <Token
        words={describeFilter(isGroup(item) ? filterOf(item) : item, properties)}
        onEdit={onEdit}
        onRemove={() => onChange(withoutToken(model, index))}
      />
    </span>
  ));
};

export const Token = ({
  words,
  onEdit,
  onRemove,
}: {
  words: string;
  onEdit?: () => void;
  onRemove: () => void;
}) => (
  <span className={styles.token}>
    {onEdit === undefined ? (
      <span className={styles.words}>{words}</span>
    ) : (
      <button type="button" className={styles.words} onClick={onEdit}>
        {words}
      </button>
    )}
    <button
      type="button"
      className={styles.remove}
      aria-label={`Remove: ${words}`}
      onClick={onRemove}
    >
      <X aria-hidden size={14} />
    </button>
  </span>
);

const withoutToken = (model: FilterModel, index: number): Filter | undefined => {
  const rest = withoutItem(model, index);
  return rest && filterOf(rest);
};

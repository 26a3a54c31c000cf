/** From this many users on, a selection may be one of nearly everyone. */
export const DELETE_ALL_MIN_USERS = 100;

/** A larger share of the workspace than this is nearly everyone, where no setting says otherwise. */
export const DEFAULT_DELETE_ALL_PERCENT = 90;

/** True when `selected` of `all` users is so many that the selection is refused. */
export const coversWorkspace = (selected: number, all: number, percent: number): boolean =>
  selected >= DELETE_ALL_MIN_USERS && selected * 100 > all * percent;

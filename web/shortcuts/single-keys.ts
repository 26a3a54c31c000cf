const NAME = 'keepsake-single-keys';

/** Whether keys such as `?` act without Ctrl or Alt. Kept by the browser; on by default. */
export const readSingleKeys = (): boolean => localStorage.getItem(NAME) !== 'off';

export const writeSingleKeys = (isOn: boolean): void =>
  localStorage.setItem(NAME, isOn ? 'on' : 'off');

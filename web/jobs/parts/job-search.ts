const TABS = ['files', 'records', 'details'] as const;

export type JobTab = (typeof TABS)[number];

/** What the address of a job says beside its id. */
export interface JobSearch {
  tab?: JobTab | undefined;
}

export const isJobTab = (value: unknown): value is JobTab => TABS.some((tab) => tab === value);

/** Sets each value: one that is left out would reach the page as it came. */
export const readJobSearch = ({ tab }: Record<string, unknown>): JobSearch => ({
  tab: isJobTab(tab) ? tab : undefined,
});

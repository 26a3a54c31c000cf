/** Comes before every id: where a list by id begins. */
export const FIRST_ID = '00000000-0000-0000-0000-000000000000';

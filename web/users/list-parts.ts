import type { PropertyTypes } from '../../selection/fields.ts';
import type { UsedSelection } from '../selection/use-selection.ts';
import type { Scope } from './use-scope.ts';
import type { Segment } from '../segments/use-segment-list.ts';
import type { UserAddress } from './use-user-address.ts';
import type { UserList } from './use-user-list.ts';

/** What the parts of the page share. */
export interface ListParts {
  address: UserAddress;
  /** Undefined until they are loaded. */
  properties: PropertyTypes | undefined;
  segments: readonly Segment[] | undefined;
  /** The name of the segment in the address, if it is known. */
  segmentName: string | undefined;
  list: UserList;
  /** The page began with the dialog to delete, so nobody has seen the list. */
  isUnseen: boolean;
  used: UsedSelection;
  scope: Scope;
}

import type { Filter } from '../../selection/filter.ts';
import type { Role } from '../../db/schema.ts';

/** A selection as stored with a job: frozen, or erased with the traces of its users. */
interface StoredSelection {
  type: string;
  segment?: { id: string; name: string; filter: Filter } | null;
  segmentName?: string | null;
  q?: string | null;
  filter?: Filter | null;
  excludeIds?: readonly string[];
  /** After the selection was erased. */
  excludedCount?: number;
}

/**
 * A selection without ids of users. Roles without access to users get no values of users either:
 * neither filters nor the text of a search, nor names of segments, which may name users.
 */
export const shownSelection = (stored: unknown, role: Role): { type: string } => {
  const { q, segment, segmentName, filter, excludeIds, excludedCount, ...rest } =
    stored as StoredSelection;
  const excluded = excludeIds?.length ?? excludedCount ?? 0;
  const isAdmin = role === 'admin';
  return {
    ...rest,
    ...(isAdmin && q != null && { q }),
    ...(isAdmin && segmentName != null && { segmentName }),
    ...(segment != null && { segmentId: segment.id }),
    ...(isAdmin && segment != null && { segmentName: segment.name, segmentFilter: segment.filter }),
    ...(isAdmin && filter != null && { filter }),
    ...(excluded > 0 && { excludedCount: excluded }),
  };
};

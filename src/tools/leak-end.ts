import { ToolError } from '../core/errors.ts';
import type { Deps } from '../core/tool.ts';
import { openRotationOf } from '../jobs/begin.ts';
import { factsOf, type Rotation, stateOf } from '../jobs/item.ts';
import type { TelephonyCredential } from '../telnyx/telephony-credentials.ts';

/** A call that is ready to be made, and what it does. */
interface Next {
  tool: string;
  arguments: Record<string, string>;
  why: string;
}

/** What ends a credential that leaked, by the rotations it is in; what is not known of those is told in sentences. */
export async function endOfLeaked(
  credential: TelephonyCredential,
  deps: Deps,
): Promise<{ next: Next; unknown: string[] }> {
  const { id, expired, connection_id } = credential;
  const deletion = (why: string): Next => ({ tool: 'delete_telephony_credential', arguments: { id }, why });
  const goingOn = (rotation: Rotation, why: string): Next => ({
    tool: 'continue_rotation',
    arguments: { id: rotation.id },
    why,
  });
  if (expired) return told(deletion('It has expired, and an expired one can only be deleted.'));
  try {
    const open = await openRotationOf(deps, id);
    if (open?.rollbackAt !== undefined)
      return told(goingOn(open, 'A rotation of it is being undone: once that is done, rotate it with overlap 0.'));
    if (open && factsOf(open, 'verify'))
      return told(deletion(`Its successor, of rotation ${open.id}, works and has been handed over.`));
    if (open) return told(goingOn(open, 'A rotation of it is under way: finish the successor, then delete this one.'));
    const maker = (await deps.jobs.of(id, 'successor')).at(-1);
    if (maker && ['in_progress', 'rolling_back'].includes(stateOf(maker, deps.now())))
      return told(goingOn(maker, 'The rotation that made it is not finished: once it is, rotate this one.'));
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === 'CANCELLED') throw error;
    const why = 'It cannot be rotated, since what was recorded of rotations cannot be relied on.';
    return { next: deletion(why), unknown: [`Whether a rotation of it is open is not known: ${error.message}`] };
  }
  if (connection_id === null)
    return told(deletion('It cannot be rotated, since Telnyx does not say which connection it is on.'));
  const why = 'A successor takes its place, and it is deleted at once: whoever uses it is cut off, the finder too.';
  return told({ tool: 'rotate_telephony_credential', arguments: { id, overlap: '0', reason: 'it leaked' }, why });
}

const told = (next: Next) => ({ next, unknown: [] });

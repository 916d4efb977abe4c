import { operations } from '../telnyx/spec.ts';
import type { Excuse } from './play.ts';

/** Operations of the specification that the product never sends, each with its reason. */
const NEVER_SENT: Record<string, string> = {
  'GET /connections': 'the four kinds are read by their own lists, which tell what push credentials they use',
  'GET /connections/{id}': 'as above',
  'POST /credential_connections': 'connections are made by people in the portal',
  'DELETE /credential_connections/{id}': 'as above',
  'POST /credential_connections/{id}/actions/check_registration_status':
    'of the login of the connection itself, not of its credentials',
  'GET /detail_records/options': 'a filter that is not allowed is refused, which tells the same',
};

/** Every operation that the product can send. */
export const SENT = operations.filter((operation) => !(operation in NEVER_SENT));

/** What is let pass between product and sandbox: the doctor's request without the key, which finds out how far one comes. */
export const isDoctors: Excuse = ({ operation, authorized }, { of, says }) =>
  operation === 'GET /balance' && !authorized && of === 'request' && /security/i.test(says);

/** What is let pass where Prism makes up the answers: as above, and what it holds against its own. */
export const isMockedAnswer: Excuse = (exchange, violation) =>
  violation.of === 'response' || isDoctors(exchange, violation);

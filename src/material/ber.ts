import type { asn1 } from 'node-forge';

type Node = asn1.Asn1;

// ITU-T X.690 §8.1.2: the numbers of the universal types.
const [INTEGER, OCTET_STRING, OID] = [2, 4, 6];

/** A structure is not what it should be. It says nothing of what it is: that may be secret. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

/** The parts of a constructed value. Throws `Malformed`, as all of these do. */
export function partsOf(node: Node | undefined): Node[] {
  if (!Array.isArray(node?.value)) throw new Malformed();
  return node.value;
}

/** The one part inside an explicit tag. */
export const inside = (node: Node | undefined): Node | undefined => partsOf(node)[0];

/** An octet string's bytes, given whole or, as Keychain writes them, in pieces. */
export function octetsOf(node: Node | undefined): Buffer {
  if (Array.isArray(node?.value)) return Buffer.concat(node.value.map(octetsOf));
  return Buffer.from(primitive(node, OCTET_STRING), 'latin1');
}

/** The content of an octet string behind an implicit tag. */
export function implicitOctetsOf(node: Node | undefined): Buffer {
  if (Array.isArray(node?.value)) return Buffer.concat(node.value.map(octetsOf));
  if (typeof node?.value !== 'string') throw new Malformed();
  return Buffer.from(node.value, 'latin1');
}

/** A small non-negative integer; one over four bytes is Infinity. */
export function numberOf(node: Node | undefined): number {
  const bytes = Buffer.from(primitive(node, INTEGER), 'latin1');
  if (bytes.length > 4) return Number.POSITIVE_INFINITY;
  return bytes.length === 0 ? 0 : bytes.readUIntBE(0, bytes.length);
}

/** An object identifier in dotted form. */
export function oidOf(node: Node | undefined): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of Buffer.from(primitive(node, OID), 'latin1')) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  // X.690 §8.19.4: the first number holds the first two arcs, of which the first is 0, 1 or 2.
  const [head = 0, ...rest] = arcs;
  const top = Math.min(2, Math.floor(head / 40));
  return [top, head - top * 40, ...rest].join('.');
}

function primitive(node: Node | undefined, type: number): string {
  if (node?.type !== type || node.tagClass !== 0 || typeof node.value !== 'string') throw new Malformed();
  return node.value;
}

import forge from 'node-forge';

type Node = forge.asn1.Asn1;

// ITU-T X.690 §8.1.2: the numbers of the universal types.
const [INTEGER, OCTET_STRING, OID] = [2, 4, 6];

/** A structure is not what it should be. It says nothing of what it is: that may be secret. */
export class Malformed extends Error {}

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
  return primitive(node, OCTET_STRING);
}

/** The content of an octet string behind an implicit tag. */
export function implicitOctetsOf(node: Node | undefined): Buffer {
  if (typeof node?.value !== 'string') return Buffer.concat(partsOf(node).map(octetsOf));
  return Buffer.from(node.value, 'latin1');
}

/** A non-negative integer; 0 for one that is empty. */
export const numberOf = (node: Node | undefined): number =>
  Number.parseInt(primitive(node, INTEGER).toString('hex') || '0', 16);

/** An object identifier in dotted form. */
export const oidOf = (node: Node | undefined): string =>
  forge.asn1.derToOid(forge.util.createBuffer(primitive(node, OID).toString('latin1')));

function primitive(node: Node | undefined, type: number): Buffer {
  if (node?.type !== type || node.tagClass !== 0 || typeof node.value !== 'string') throw new Malformed();
  return Buffer.from(node.value, 'latin1');
}

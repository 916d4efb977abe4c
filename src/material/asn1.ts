import { type BaseBlock, Constructed, fromBER, Integer, ObjectIdentifier, OctetString, Primitive } from 'asn1js';
import { attempt } from '../core/basics.ts';

export type Node = BaseBlock;

/** A structure is not what it should be. It says nothing of what it is: that may be secret. */
export class Malformed extends Error {}

/**
 * One structure in BER (ITU-T X.690) and nothing after it, of 10,000 parts and 100 levels at most. Throws `Malformed`, as all
 * of these do.
 */
export function parse(bytes: Uint8Array): Node {
  // What an octet string holds is looked into by those who know what that is. A date that is none, for example, throws.
  const decoded = attempt(() => fromBER(bytes, { parseEmbedded: false }));
  if (decoded?.offset !== bytes.length) throw new Malformed();
  return decoded.result;
}

/** Whether bytes are a SEQUENCE and nothing more, by how they begin and end: what is in it may be anything. */
export function isSequence(bytes: Buffer): boolean {
  const [tag, length = 0] = bytes;
  if (tag !== 0x30) return false;
  if (length === 0x80) return bytes.at(-1) === 0 && bytes.at(-2) === 0;
  const more = length < 0x80 ? 0 : length & 0x7f;
  if (more > 4 || bytes.length < 2 + more) return false;
  return bytes.length === 2 + more + (more === 0 ? length : bytes.readUIntBE(2, more));
}

/** The parts of a constructed value. */
export function partsOf(node: Node | undefined): Node[] {
  if (!(node instanceof Constructed)) throw new Malformed();
  return node.valueBlock.value;
}

/** The one part inside an explicit tag. */
export const inside = (node: Node | undefined): Node | undefined => partsOf(node)[0];

/** An octet string's bytes, given whole or, as Keychain writes them, in pieces. */
export function octetsOf(node: Node | undefined): Buffer {
  if (!(node instanceof OctetString)) throw new Malformed();
  if (node.idBlock.isConstructed) return Buffer.concat(node.valueBlock.value.map(octetsOf));
  return Buffer.from(node.valueBlock.valueHexView);
}

/** The content of an octet string behind an implicit tag. */
export const implicitOctetsOf = (node: Node | undefined): Buffer =>
  node instanceof Primitive ? Buffer.from(node.valueBlock.valueHexView) : Buffer.concat(partsOf(node).map(octetsOf));

/** A non-negative integer; 0 for one that is empty. */
export function numberOf(node: Node | undefined): number {
  if (!(node instanceof Integer)) throw new Malformed();
  return Number.parseInt(Buffer.from(node.valueBlock.valueHexView).toString('hex') || '0', 16);
}

/** An object identifier in dotted form. */
export function oidOf(node: Node | undefined): string {
  if (!(node instanceof ObjectIdentifier)) throw new Malformed();
  return node.valueBlock.toString();
}

/** The bytes of a structure as they were read. */
export const bytesOf = (node: Node): Buffer => Buffer.from(node.valueBeforeDecodeView);

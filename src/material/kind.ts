/** What a file seems to be, in words that may be shown: they name a kind and quote nothing. */
export function kindOf(bytes: Buffer): string {
  const text = bytes.toString('utf8').trim();
  const label = text.match(/-----BEGIN ([A-Z0-9 ]{1,40})-----/)?.[1];
  if (label) return PEM[label] ?? 'a PEM file of another kind';
  if (text.startsWith('{')) return jsonKind(text);
  if (/^AAAA[\w-]+:APA91/.test(text)) return 'a legacy FCM server key';
  // DER: PKCS#12 begins with version 3, a certificate with a nested SEQUENCE.
  if (bytes[0] === 0x30 && bytes.subarray(2, 8).includes(Buffer.from([0x02, 0x01, 0x03])))
    return 'a PKCS#12 archive (.p12)';
  if (bytes[0] === 0x30) return 'a binary DER file, such as a .cer certificate';
  return /[^\t\n\r\x20-\x7e\u0080-\uffff]/.test(text) ? 'a binary file of another kind' : 'a text file of another kind';
}

const PEM: Record<string, string> = {
  CERTIFICATE: 'a PEM certificate',
  'CERTIFICATE REQUEST': 'a certificate signing request',
  'PRIVATE KEY': 'a PEM private key',
  'RSA PRIVATE KEY': 'a PEM private key',
  'EC PRIVATE KEY': 'an EC private key, such as an APNs .p8 key, which Telnyx does not take',
  'ENCRYPTED PRIVATE KEY': 'an encrypted private key; it must be decrypted first',
  'PUBLIC KEY': 'a public key',
  'OPENSSH PRIVATE KEY': 'an OpenSSH key',
};

function jsonKind(text: string): string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'a broken JSON file';
  }
  const keys = new Set(Object.keys(json as object));
  if (keys.has('project_info') || keys.has('client')) return "google-services.json, the app's own settings";
  if (keys.has('installed') || keys.has('web')) return 'an OAuth client file';
  if ((json as { type?: unknown }).type === 'service_account') return 'a service account key';
  return 'a JSON file of another kind';
}

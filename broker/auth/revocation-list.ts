/** One DER element: its tag, what is in it, and all of it. ITU-T X.690 §8.1 */
interface Element {
  readonly tag: number
  readonly content: Buffer
  readonly whole: Buffer
}

const INTEGER = 0x02
const SEQUENCE = 0x30
const TIMES = [0x17, 0x18]

/** The elements that lie one behind the other. Throws a RangeError where they do not add up. */
function elementsOf(bytes: Buffer): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    let from = at + 2
    let length = bytes.readUInt8(at + 1)
    if (length > 0x80) {
      const digits = length - 0x80
      length = bytes.readUIntBE(from, digits)
      from += digits
    }
    if (from + length > bytes.length) throw new RangeError('the DER is cut off')
    const end = from + length
    elements.push({ tag: bytes[at]!, content: bytes.subarray(from, end), whole: bytes.subarray(at, end) })
    at = end
  }
  return elements
}

/** The elements of the signed part of a certificate or a list. */
function signedPart(der: Buffer): Element[] {
  const [outer] = elementsOf(der)
  const [signed] = elementsOf(outer!.content)
  return elementsOf(signed!.content)
}

function nameOf(issuer: Element, serial: Element): string {
  return `${issuer.whole.toString('base64')}/${serial.content.toString('hex')}`
}

/** What a revocation list calls a certificate: its issuer and serial number. RFC 5280 §4.1 */
export function listedName(certificate: Buffer): string {
  const elements = signedPart(certificate)
  // The version, [0], is left out of a certificate of version 1.
  const [serial, , issuer] = elements[0]!.tag === INTEGER ? elements : elements.slice(1)
  return nameOf(issuer!, serial!)
}

/** The names of the certificates on lists in PEM. OpenSSL has accepted them: their form is known to be right. RFC 5280 §5.1 */
export function namesOnLists(pem: string): Set<string> {
  const names = new Set<string>()
  for (const [, base64 = ''] of pem.matchAll(/-----BEGIN X509 CRL-----([\s\S]+?)-----END X509 CRL-----/g)) {
    const elements = signedPart(Buffer.from(base64, 'base64'))
    const [, issuer, , ...rest] = elements[0]!.tag === INTEGER ? elements.slice(1) : elements
    const revoked = rest.find(({ tag }) => !TIMES.includes(tag))
    if (revoked?.tag !== SEQUENCE) continue
    for (const entry of elementsOf(revoked.content)) {
      const [serial] = elementsOf(entry.content)
      names.add(nameOf(issuer!, serial!))
    }
  }
  return names
}
